/* What has changed in the contents of a wl_surface, and since when. */
#include "protocol/pixels/damage.h"

#include <wayland-server-protocol.h>

/* No buffer is larger; keeps what clients say small enough to add. */
#define COORDINATE_MAX (INT64_C(1) << 30)
/* Bounds the memory and work that a region costs: beyond these its extents are taken. */
#define RECTANGLES_MAX 32

void damage_init(struct damage *damage)
{
	*damage = (struct damage){.scale = 1, .transform = WL_OUTPUT_TRANSFORM_NORMAL};
	pixman_region32_init(&damage->surface);
	pixman_region32_init(&damage->buffer);
	for (int i = 0; i < DAMAGE_HISTORY; i++)
		pixman_region32_init(&damage->history[i]);
}

void damage_finish(struct damage *damage)
{
	pixman_region32_fini(&damage->surface);
	pixman_region32_fini(&damage->buffer);
	for (int i = 0; i < DAMAGE_HISTORY; i++)
		pixman_region32_fini(&damage->history[i]);
}

static void bound(pixman_region32_t *region)
{
	if (pixman_region32_n_rects(region) <= RECTANGLES_MAX)
		return;
	pixman_box32_t extents = *pixman_region32_extents(region);
	pixman_region32_fini(region);
	pixman_region32_init_with_extents(region, &extents);
}

static int32_t clamp_coordinate(int64_t value)
{
	return (int32_t)(value < 0 ? 0 : value > COORDINATE_MAX ? COORDINATE_MAX : value);
}

/* Adds the pixels from @x1, @y1 up to but not including @x2, @y2. */
static void add(pixman_region32_t *region, int64_t x1, int64_t y1, int64_t x2, int64_t y2)
{
	int32_t left = clamp_coordinate(x1), right = clamp_coordinate(x2);
	int32_t top = clamp_coordinate(y1), bottom = clamp_coordinate(y2);

	if (left >= right || top >= bottom)
		return;
	const unsigned width = (unsigned)(right - left), height = (unsigned)(bottom - top);
	if (pixman_region32_not_empty(region)) {
		pixman_region32_union_rect(region, region, left, top, width, height);
		bound(region);
	} else { /* most frames have one rectangle */
		pixman_region32_fini(region);
		pixman_region32_init_rect(region, left, top, width, height);
	}
}

void damage_add_surface(struct damage *damage, int32_t x, int32_t y, int32_t width, int32_t height)
{
	add(&damage->surface, x, y, (int64_t)x + width, (int64_t)y + height);
}

void damage_add_buffer(struct damage *damage, int32_t x, int32_t y, int32_t width, int32_t height)
{
	add(&damage->buffer, x, y, (int64_t)x + width, (int64_t)y + height);
}

void damage_set_scale(struct damage *damage, int32_t scale)
{
	damage->scale = scale < 1 ? 1 : scale; /* the compositor refuses what is no scale */
}

void damage_set_transform(struct damage *damage, int32_t transform)
{
	damage->transform = transform;
}

void damage_commit(struct damage *damage)
{
	int n_boxes;
	const pixman_box32_t *boxes = pixman_region32_rectangles(&damage->surface, &n_boxes);

	if (n_boxes == 0)
		return;
	if (damage->viewport || damage->transform != WL_OUTPUT_TRANSFORM_NORMAL)
		damage->whole = true;
	for (int i = 0; i < n_boxes && !damage->whole; i++)
		add(&damage->buffer, (int64_t)boxes[i].x1 * damage->scale,
			(int64_t)boxes[i].y1 * damage->scale, (int64_t)boxes[i].x2 * damage->scale,
			(int64_t)boxes[i].y2 * damage->scale);
	pixman_region32_clear(&damage->surface);
}

void damage_drop(struct damage *damage)
{
	pixman_region32_clear(&damage->surface);
	pixman_region32_clear(&damage->buffer);
	damage->whole = true;
}

static void intersect_buffer(pixman_region32_t *region, const struct damage *damage)
{
	pixman_region32_intersect_rect(
		region, region, 0, 0, (unsigned)damage->width, (unsigned)damage->height);
}

static void set_buffer(pixman_region32_t *region, const struct damage *damage)
{
	pixman_region32_fini(region);
	pixman_region32_init_rect(region, 0, 0, (unsigned)damage->width, (unsigned)damage->height);
}

void damage_show(struct damage *damage, int32_t width, int32_t height)
{
	pixman_region32_t *last = &damage->history[++damage->shown % DAMAGE_HISTORY];

	damage->whole |= width != damage->width || height != damage->height;
	damage->width = width;
	damage->height = height;
	if (damage->whole) {
		set_buffer(last, damage);
	} else {
		pixman_region32_copy(last, &damage->buffer);
		intersect_buffer(last, damage);
	}
	pixman_region32_clear(&damage->buffer);
	damage->whole = false;
}

void damage_since(struct damage *damage, uint64_t shown, pixman_region32_t *out)
{
	if (shown == 0 || damage->shown - shown > DAMAGE_HISTORY) {
		set_buffer(out, damage);
		return;
	}
	pixman_region32_clear(out);
	for (uint64_t n = damage->shown; n != shown; n--) {
		pixman_region32_union(out, out, &damage->history[n % DAMAGE_HISTORY]);
		bound(out);
	}
	intersect_buffer(out, damage);
}
