/* An object of the relay as hooks see it, and pointers to it that may outlive it. */
#ifndef PROTOCOL_OBJECTS_RELAY_OBJECT_H
#define PROTOCOL_OBJECTS_RELAY_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

#include "protocol/interfaces/interfaces.h"

enum relay_end {
	RELAY_DOWN,
	RELAY_UP,
};

struct relay_object {
	const struct interface *interface;
	uint32_t version;
	uint32_t id[2]; /* by enum relay_end; 0: that end does not know it */
	bool destroyed; /* the destructor has passed; waits for delete_id */
	void *data;     /* a hook's, NULL again once destroyed; see data_destroy */
	/* Called once, when the object's destructor passes or the relay ends, whichever is first;
	 * may be NULL. */
	void (*data_destroy)(struct relay_object *object);
};

/*
 * A pointer to an object for those who do not decide how long it lives: it becomes NULL when the
 * object is destroyed, just before data_destroy. Either end can make an object go at any time (by a
 * delete_id that nobody expected), so a plain pointer to it is good only in its own data, which
 * ends with it. Zero-initialised it points to nothing.
 */
struct relay_ref {
	struct relay_object *object;
	struct wl_list link; /* of all references to the object */
};

/* Has @ref point to @object; NULL, or an object that is destroyed: to nothing. Before the memory of
 * @ref is freed it must point to nothing. */
void relay_ref_set(struct relay_ref *ref, struct relay_object *object);

#endif
