/* The picture that test clients draw: coloured squares of 16 pixels, a function of the seed alone.
 */
#ifndef TESTS_CLIENTS_PICTURE_H
#define TESTS_CLIENTS_PICTURE_H

#include <stdint.h>

static inline uint32_t picture_mix(uint32_t value)
{
	value ^= value >> 16;
	value *= 0x7feb352d;
	value ^= value >> 15;
	value *= 0x846ca68b;
	return value ^ value >> 16;
}

/* The pixel at @x, @y as XRGB8888. */
static inline uint32_t picture_pixel(uint32_t seed, int32_t x, int32_t y)
{
	uint32_t square = (uint32_t)(x / 16) << 16 ^ (uint32_t)(y / 16);
	return picture_mix(square + picture_mix(seed)) & 0xffffff;
}

#endif
