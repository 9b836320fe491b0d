/*
 * Policy: a popup is at its window and of the size of a menu, so that it cannot cover what has
 * nothing to do with the window. The protocol asks for the first, but compositors do not insist.
 */
#include "host-bridge/policy/windows/popup_place.h"

#include "protocol/base/bytes.h"

#define SIDE_MAX 2048 /* of a popup, unless its window is larger */
#define MARGIN_MAX 65536

enum { FLIP_X = 4 }; /* xdg_positioner.constraint_adjustment; FLIP_Y is the next bit */

static int64_t clamped(int64_t n, int64_t least, int64_t most)
{
	return rectangle_max(least, rectangle_min(n, most));
}

/* Which side of an axis @edge (xdg_positioner.anchor, gravity) is: -1, 0 (none), 1. */
static int side_of(uint32_t edge, int axis)
{
	/* none, top, bottom, left, right, top left, bottom left, top right, bottom right */
	static const int8_t sides[2][9] = {
		{0, 0, 0, -1, 1, -1, -1, 1, 1}, {0, -1, 1, 0, 0, -1, 1, -1, 1}};
	return edge < ARRAY_LENGTH(sides[0]) ? sides[axis][edge] : 0;
}

/* Where a popup of @size begins that is at this side of [@first, @last) and has this gravity. */
static int64_t begin_of(int64_t first, int64_t last, int64_t size, int side, int gravity)
{
	int64_t at = side == 0 ? (first + last) / 2 : side < 0 ? first : last;
	return gravity == 0 ? at - size / 2 : gravity < 0 ? at - size : at;
}

/* The parent's geometry is [0, @parent) on the axis; @margin is what it may be left by. */
static void fit(struct popup_place *place, int axis, int64_t parent, int64_t margin)
{
	const int64_t first = -margin, last = parent + margin;
	const int64_t size = rectangle_min(place->size[axis], rectangle_max(parent, SIDE_MAX));
	int64_t from = clamped(place->anchor_at[axis], first, last);
	int64_t to =
		clamped((int64_t)place->anchor_at[axis] + place->anchor_size[axis], first, last);
	const int side = side_of(place->anchor, axis), gravity = side_of(place->gravity, axis);

	if (place->anchor_size[axis] < 0)
		return; /* a protocol error, which the compositor tells of */
	/* What is a rectangle stays one: compositors end a client that has none. */
	if (place->anchor_size[axis] > 0 && from == to)
		from == first ? to++ : from--;
	int64_t begin = begin_of(from, to, size, side, gravity);
	int64_t least = first - size - begin, most = last - begin;
	if (place->adjustment & FLIP_X << axis) {
		begin = begin_of(from, to, size, -side, -gravity);
		least = rectangle_max(least, begin - last);
		most = rectangle_min(most, begin - first + size);
	}
	place->size[axis] = (int32_t)size;
	place->anchor_at[axis] = (int32_t)from;
	place->anchor_size[axis] = (int32_t)(to - from);
	place->offset[axis] = (int32_t)clamped(place->offset[axis], least, most);
}

/*
 * How large the window geometry of @parent is, or will be. A guest may say anything of it: it
 * counts as far as something is drawn there, as compositors take it.
 */
static void parent_size(const struct policy_surface *parent, int64_t size[2])
{
	const struct rectangle most = {parent->geometry.x, parent->geometry.y, SIDE_MAX, SIDE_MAX};
	struct rectangle drawn = {0, 0, parent->width, parent->height};
	struct rectangle geometry = parent->geometry;

	if (rectangle_empty(&geometry))
		geometry = drawn;
	if (parent->width > 0)
		surface_add_below(parent, 0, 0, &drawn);
	else
		drawn = most;
	geometry = rectangle_common(&geometry, &drawn);
	size[0] = rectangle_max(geometry.width, parent->configured_width);
	size[1] = rectangle_max(geometry.height, parent->configured_height);
}

void popup_room_of(const struct policy_surface *parent, struct popup_room *room)
{
	*room = (struct popup_room){0};
	if (!parent)
		return;
	parent_size(parent, room->size);
	room->margin = (int64_t)min_u64(
		quota_limit_of(parent->quota, QUOTA_SUBSURFACE_MARGIN), MARGIN_MAX);
}

void popup_place_near(struct popup_place *place, const struct policy_surface *parent)
{
	struct popup_room room;

	if (!parent)
		return;
	popup_room_of(parent, &room);
	for (int axis = 0; axis < 2; axis++)
		fit(place, axis, room.size[axis], room.margin);
}

void popup_told(struct policy_surface *popup, const struct rectangle *place)
{
	struct surface_places *places = &popup->popup_places;
	const int64_t right = place->x + place->width, bottom = place->y + place->height;

	places->left = places->told ? rectangle_max(places->left, place->x) : place->x;
	places->top = places->told ? rectangle_max(places->top, place->y) : place->y;
	places->right = places->told ? rectangle_min(places->right, right) : right;
	places->bottom = places->told ? rectangle_min(places->bottom, bottom) : bottom;
	places->told = true;
	places->last = *place;
	places->numbered = places->acknowledged = false;
}

void popup_committed(struct policy_surface *popup)
{
	struct surface_places *places = &popup->popup_places;
	const struct rectangle *last = &places->last;

	if (!places->acknowledged)
		return;
	places->left = last->x;
	places->top = last->y;
	places->right = last->x + last->width;
	places->bottom = last->y + last->height;
}

bool popup_is_away(const struct policy_surface *popup, const struct popup_room *room)
{
	const struct surface_places *places = &popup->popup_places;

	return places->told &&
		(places->left > room->size[0] + room->margin ||
			places->top > room->size[1] + room->margin ||
			places->right < -room->margin || places->bottom < -room->margin);
}

bool popup_too_large(const struct policy_surface *popup, const struct popup_room *room)
{
	const uint64_t most = quota_limit_of(popup->quota, QUOTA_POPUP_PIXELS);

	return popup->width > rectangle_max(SIDE_MAX, room->size[0]) ||
		popup->height > rectangle_max(SIDE_MAX, room->size[1]) ||
		(uint64_t)(popup->width * popup->height) >
		max_u64(most, (uint64_t)(room->size[0] * room->size[1]));
}
