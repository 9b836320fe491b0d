/* The pointer of a test client: what it is told is printed, one event a line, without serials and
 * times. */
#ifndef TESTS_CLIENTS_POINTER_H
#define TESTS_CLIENTS_POINTER_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-client.h>

/* linux/input-event-codes.h */
#define POINTER_LEFT 0x110
#define POINTER_RIGHT 0x111

struct pointer {
	/* Set by the program, as is data; the last two may be NULL. */
	const char *(*surface_name)(
		void *data, struct wl_surface *surface); /* in what is printed */
	void (*moved)(void *data, struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y);
	void (*button)(void *data, uint32_t serial, uint32_t button, bool pressed);
	void *data;

	struct wl_pointer *pointer; /* NULL: the seat has none yet */
	struct wl_surface *surface; /* under it */
	uint32_t enter_serial;      /* of when it came there */
};

/* Takes the pointer of @seat when it gets one, and gives it back when the seat has none any more:
 * for the seat's listener. @pointer outlives it. */
void pointer_follow(struct pointer *pointer, struct wl_seat *seat, uint32_t capabilities);

/* Listens to @seat for pointer_follow: for clients that want nothing else of the seat. */
void pointer_listen(struct pointer *pointer, struct wl_seat *seat);

#endif
