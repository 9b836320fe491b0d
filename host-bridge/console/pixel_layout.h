/* The formats of 2D resources (virtio 1.3, 5.7.6.8), all of four bytes. */
#ifndef HOST_BRIDGE_CONSOLE_PIXEL_LAYOUT_H
#define HOST_BRIDGE_CONSOLE_PIXEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether @format is one of them. */
bool pixel_layout_known(uint32_t format);

/*
 * Makes @n pixels of @format 0xAARRGGBB. Alpha is 0xff where the format has none, or is unknown.
 * @in and @out do not overlap.
 */
void pixel_layout_convert(uint32_t format, const uint8_t *in, uint32_t *out, size_t n);

#endif
