/* Rectangles in surface coordinates, wide enough for sums of what guests say. */
#ifndef HOST_BRIDGE_POLICY_SURFACES_RECTANGLE_H
#define HOST_BRIDGE_POLICY_SURFACES_RECTANGLE_H

#include <stdbool.h>
#include <stdint.h>

struct rectangle { /* empty: width or height 0 */
	int64_t x, y, width, height;
};

static inline bool rectangle_empty(const struct rectangle *rectangle)
{
	return rectangle->width <= 0 || rectangle->height <= 0;
}

static inline bool rectangle_same(const struct rectangle *a, const struct rectangle *b)
{
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

static inline bool rectangle_within(const struct rectangle *inner, const struct rectangle *outer)
{
	return inner->x >= outer->x && inner->y >= outer->y &&
		inner->x + inner->width <= outer->x + outer->width &&
		inner->y + inner->height <= outer->y + outer->height;
}

/* The one from (@left, @top) to (@right, @bottom); empty where that is none. */
static inline struct rectangle rectangle_of(
	int64_t left, int64_t top, int64_t right, int64_t bottom)
{
	if (right <= left || bottom <= top)
		return (struct rectangle){0};
	return (struct rectangle){left, top, right - left, bottom - top};
}

static inline struct rectangle rectangle_grown(const struct rectangle *rectangle, int64_t by)
{
	return (struct rectangle){rectangle->x - by, rectangle->y - by, rectangle->width + 2 * by,
		rectangle->height + 2 * by};
}

static inline int64_t rectangle_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t rectangle_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline struct rectangle rectangle_common(
	const struct rectangle *a, const struct rectangle *b)
{
	return rectangle_of(rectangle_max(a->x, b->x), rectangle_max(a->y, b->y),
		rectangle_min(a->x + a->width, b->x + b->width),
		rectangle_min(a->y + a->height, b->y + b->height));
}

/* The smallest one around both; one that is empty does not count. */
static inline struct rectangle rectangle_around(
	const struct rectangle *a, const struct rectangle *b)
{
	if (rectangle_empty(a) || rectangle_empty(b))
		return rectangle_empty(a) ? *b : *a;
	return rectangle_of(rectangle_min(a->x, b->x), rectangle_min(a->y, b->y),
		rectangle_max(a->x + a->width, b->x + b->width),
		rectangle_max(a->y + a->height, b->y + b->height));
}

#endif
