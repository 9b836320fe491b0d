/* Which pixels of a window belong to it (the SHAPE extension): one bit each. Pure functions. */
#ifndef GUEST_PROXY_X11_DISPLAY_MASK_H
#define GUEST_PROXY_X11_DISPLAY_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-proxy/x11/base/scale.h"

struct mask {
	int32_t width, height; /* what lies outside of them does not belong to the window */
	size_t stride;         /* bytes */
	uint8_t bits[];        /* pixel x of a row: bit x % 8 of byte x / 8 */
};

/* Bytes of a row of @width pixels, as X servers pad them. */
static inline size_t mask_stride(int32_t width)
{
	return ((size_t)width + 31) / 32 * 4;
}

/*
 * Of @height rows of an image of depth 1, mask_stride(@width) bytes each; @high_first: pixel 0 is
 * the highest bit. The caller's to free; NULL when memory is short.
 */
struct mask *mask_create(int32_t width, int32_t height, const uint8_t *rows, bool high_first);

/* The pixels of row @y, @count from the left: those outside become transparent, and, if @opaque,
 * those inside opaque. */
void mask_apply(const struct mask *mask, int32_t y, uint32_t *pixels, int32_t count, bool opaque);

/*
 * The pixels inside as at most @max boxes: so many were written. Where there are more, one box
 * around all.
 */
size_t mask_boxes(const struct mask *mask, struct box *boxes, size_t max);

#endif
