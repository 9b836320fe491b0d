/*
 * Objects that belong together: a surface, all that was made of it, and the surfaces that it has to
 * do with. Their requests keep their order, whatever becomes of others.
 */
#ifndef PROTOCOL_OBJECTS_FAMILY_H
#define PROTOCOL_OBJECTS_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

struct family {
	uint32_t refs;
	uint64_t number;
	struct family *joined; /* what it is part of by now, a reference; NULL: of none */
	/* Of one that is part of none (relay_lanes.c). */
	bool waits;              /* requests of it are in @messages: it is in a list */
	bool due;                /* the first of these is to be looked at again */
	struct wl_list link;     /* relay.lanes, with a reference, while it waits */
	struct wl_list messages; /* struct lane_message.link */
};

/* A reference, the caller's. @number: how many were made before it. NULL: memory is short. */
struct family *family_create(uint64_t number);
struct family *family_ref(struct family *family);
void family_unref(struct family *family); /* NULL is fine */

/* What the family that *@slot refers to is part of by now, which *@slot refers to then. NULL if it
 * refers to none. */
struct family *family_root(struct family **slot);

/*
 * Makes one of two that are part of none, and returns it: the older one. So a window that lives
 * long does not keep a family for each popup that it ever had. What waits in both waits in one row.
 */
struct family *family_join(struct family *a, struct family *b);

#endif
