/* The globals that the client was told of, as wl_registry.bind may name them. */
#ifndef PROTOCOL_OBJECTS_GLOBALS_H
#define PROTOCOL_OBJECTS_GLOBALS_H

#include "protocol/interfaces/interfaces.h"

struct global {
	uint32_t name, version;
	const struct interface *interface;
	bool removed; /* a bind that the client sent before it knew is still good */
};

/* Zero-initialised is empty. */
struct globals {
	struct wl_array array; /* of struct global */
};

/* NULL if there is none of that name. */
struct global *globals_find(const struct globals *globals, uint32_t name);

/* Notes a global that is announced now, in place of one of the same name. 0 or -ENOMEM. */
int globals_add(struct globals *globals, const struct global *global);

void globals_finish(struct globals *globals);

#endif
