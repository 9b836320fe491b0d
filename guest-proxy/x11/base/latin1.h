/* Texts of X clients that know nothing else: their STRING is Latin-1, Wayland's texts are UTF-8. */
#ifndef GUEST_PROXY_X11_BASE_LATIN1_H
#define GUEST_PROXY_X11_BASE_LATIN1_H

#include <stddef.h>
#include <stdint.h>

/* The rest of a character is in the bytes that come next. */
struct latin1_reader {
	uint32_t code;
	unsigned missing; /* bytes of it */
};

/*
 * Turns UTF-8 into Latin-1, in place: so many bytes are left of @n. What Latin-1 lacks is '?'; what
 * is no UTF-8 is left out.
 */
size_t latin1_from_utf8(struct latin1_reader *reader, uint8_t *bytes, size_t n);

/* The reverse, to @out, which has room for twice as much: so many bytes. */
size_t latin1_to_utf8(const uint8_t *bytes, size_t n, uint8_t *out);

#endif
