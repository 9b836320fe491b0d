/* A list of MIME types, as sources and offers have them. Zero-initialised is empty. */
#ifndef HOST_BRIDGE_TRANSFERS_MIME_TYPES_H
#define HOST_BRIDGE_TRANSFERS_MIME_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIME_TYPE_BYTES                                                                            \
	128 /* what a list, here or in the compositor, needs for one besides its text */

struct mime_types {
	char **names;
	size_t n, capacity;
	uint64_t bytes; /* of memory that it takes, about */
};

/* Copies @name. False when memory is short. */
bool mime_types_add(struct mime_types *types, const char *name);
bool mime_types_has(const struct mime_types *types, const char *name);
/* Frees all; the list is empty and usable. */
void mime_types_clear(struct mime_types *types);

#endif
