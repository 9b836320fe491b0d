/*
 * Every Wayland interface the build knows: what wayland-scanner makes of wayland.xml, of each XML
 * of the installed wayland-protocols and of xml/, with what wayland-scanner leaves out (which
 * messages are destructors).
 */
#ifndef PROTOCOL_INTERFACES_INTERFACES_H
#define PROTOCOL_INTERFACES_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-util.h>

struct interface {
	const struct wl_interface *wl;
	uint64_t destructor_requests; /* bit n: request n ends the object */
	uint64_t destructor_events;   /* bit n: event n ends the object */
	uint16_t index;               /* its place in the table, for arrays beside it */
};

/* The table, sorted by name. */
extern const struct interface interfaces[];
extern const size_t n_interfaces;

/* NULL if there is none of that name. */
const struct interface *interface_find(const char *name);

/* The entry of a scanner table's pointer (as in wl_message.types); NULL for NULL. */
const struct interface *interface_of(const struct wl_interface *wl);

#endif
