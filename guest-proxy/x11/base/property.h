/* A property of an X window, as anybody may have written it. */
#ifndef GUEST_PROXY_X11_BASE_PROPERTY_H
#define GUEST_PROXY_X11_BASE_PROPERTY_H

#include <stddef.h>
#include <stdint.h>

struct property {
	uint32_t type; /* an atom; 0: the window does not have it */
	uint8_t format;
	const void *data; /* 4-byte aligned */
	size_t bytes;
};

/* @answer: to GetProperty, in whose memory the data stay; NULL, a request that failed, has none. */
struct property property_of(const void *answer);

/* How many words of 32 bits are in its data; 0 where they are of another size. */
size_t property_words(const struct property *property);

#endif
