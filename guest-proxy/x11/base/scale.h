/*
 * Two measures of one thing: X pixels are physical, Wayland's units are logical. Scales are in
 * 120ths, as in wp_fractional_scale_v1.
 */
#ifndef GUEST_PROXY_X11_BASE_SCALE_H
#define GUEST_PROXY_X11_BASE_SCALE_H

#include <stdint.h>

struct box {
	int32_t x, y, width, height;
};

#define SCALE_ONE 120u
#define SCALE_MAX 960u

/* Rounded to the nearest; negative values as well. */
static inline int32_t scale_to_x(uint32_t scale, int32_t logical)
{
	int64_t value = (int64_t)logical * scale;
	int64_t half = value < 0 ? -(int64_t)(SCALE_ONE / 2) : (int64_t)(SCALE_ONE / 2);
	return (int32_t)((value + half) / (int64_t)SCALE_ONE);
}

static inline int32_t scale_to_wayland(uint32_t scale, int32_t x)
{
	int64_t value = (int64_t)x * SCALE_ONE;
	int64_t half = value < 0 ? -(int64_t)(scale / 2) : (int64_t)(scale / 2);
	return (int32_t)((value + half) / (int64_t)scale);
}

#endif
