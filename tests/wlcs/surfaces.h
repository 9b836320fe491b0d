/*
 * The surfaces that a client's stream of Wayland requests creates, in their order. The bridge
 * renumbers objects but keeps their order, so the nth surface of a client is the nth one that
 * wayferry-host creates for it.
 */
#ifndef TESTS_WLCS_SURFACES_H
#define TESTS_WLCS_SURFACES_H

#include <stddef.h>
#include <stdint.h>

#define SURFACES_MESSAGE_BYTES 65536 /* of which the length has 16 bits */
#define SURFACES_GLOBALS_MAX 64      /* registries, and compositors: tests bind a few */

struct surfaces {
	uint8_t message[SURFACES_MESSAGE_BYTES]; /* the one that is incomplete yet */
	size_t have;
	uint32_t registries[SURFACES_GLOBALS_MAX], compositors[SURFACES_GLOBALS_MAX];
	size_t n_registries, n_compositors;
	uint32_t *ids; /* of the surfaces ever created */
	size_t n, capacity;
};

/* Starts with {0}; a stream that breaks the wire format adds nothing from there on. */
void surfaces_feed(struct surfaces *surfaces, const uint8_t *bytes, size_t n);
void surfaces_finish(struct surfaces *surfaces);

/* Which one the object @id is, counted from 0: the newest, since ids are used again. -1: none. */
ptrdiff_t surfaces_find(const struct surfaces *surfaces, uint32_t id);

#endif
