/*
 * Policy: regions. How many rectangles a region consists of cannot be told from the number of
 * requests (a hundred rows and a hundred columns make ten thousand), so each region is computed
 * here, too.
 */
#include "host-bridge/policy/surfaces/policy_regions.h"

#include <pixman.h>
#include <stdlib.h>

#define COORDINATE_MAX (1 << 24) /* larger than any surface */

struct region { /* relay_object.data of a wl_region */
	struct vm_quota *quota;
	pixman_region32_t area;
	uint64_t charged;
};

uint64_t region_rectangles(const struct relay_object *object)
{
	struct region *region = object ? object->data : NULL;
	return region ? (uint64_t)pixman_region32_n_rects(&region->area) : 0;
}

static void region_destroy(struct relay_object *object)
{
	struct region *region = object->data;

	object->data = NULL;
	quota_release(region->quota, QUOTA_RECTANGLES, region->charged);
	pixman_region32_fini(&region->area);
	free(region);
}

/* wl_compositor.create_region(id) */
static enum relay_verdict handle_create_region(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	struct region *region = calloc(1, sizeof(*region));

	if (!region)
		return relay_fail_memory(message->relay, "a region");
	region->quota = connection->policy->quota;
	pixman_region32_init(&region->area);
	message->args[0].object->data = region;
	message->args[0].object->data_destroy = region_destroy;
	return RELAY_FORWARD;
}

static int32_t clamped(int64_t coordinate)
{
	if (coordinate > COORDINATE_MAX)
		return COORDINATE_MAX;
	return coordinate < -COORDINATE_MAX ? -COORDINATE_MAX : (int32_t)coordinate;
}

/* The rectangle that wl_region.add and .subtract name, or an empty one. */
static pixman_box32_t rectangle_of(const union wire_arg *args)
{
	return (pixman_box32_t){
		.x1 = clamped(args[0].i),
		.y1 = clamped(args[1].i),
		.x2 = clamped((int64_t)args[0].i + (args[2].i > 0 ? args[2].i : 0)),
		.y2 = clamped((int64_t)args[1].i + (args[3].i > 0 ? args[3].i : 0)),
	};
}

static enum relay_verdict change(struct relay_message *message, bool add)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct region *region = message->object->data;
	pixman_box32_t box = rectangle_of(message->args);
	pixman_region32_t rectangle;

	if (connection->n_pieces++ > 0 && !policy_has_time(connection))
		return policy_hold(message);
	if (box.x1 >= box.x2 || box.y1 >= box.y2)
		return RELAY_FORWARD;
	pixman_region32_init_with_extents(&rectangle, &box);
	bool good = add ? pixman_region32_union(&region->area, &region->area, &rectangle)
			: pixman_region32_subtract(&region->area, &region->area, &rectangle);
	pixman_region32_fini(&rectangle);
	if (!good)
		return relay_fail_memory(message->relay, "a region");
	uint64_t now = region_rectangles(message->object);
	if (!quota_charge(region->quota, QUOTA_REGION_RECTANGLES, now))
		return policy_refuse(message->relay, QUOTA_REGION_RECTANGLES);
	if (!quota_adjust(region->quota, QUOTA_RECTANGLES, &region->charged, now))
		return policy_refuse(message->relay, QUOTA_RECTANGLES);
	return RELAY_FORWARD;
}

/* wl_region.add(x, y, width, height) */
static enum relay_verdict handle_add(struct relay_message *message)
{
	return change(message, true);
}

/* wl_region.subtract(x, y, width, height) */
static enum relay_verdict handle_subtract(struct relay_message *message)
{
	return change(message, false);
}

const struct relay_hook policy_region_hooks[] = {
	{"wl_compositor", "create_region", handle_create_region, RELAY_DOWN},
	{"wl_region", "add", handle_add, RELAY_DOWN},
	{"wl_region", "subtract", handle_subtract, RELAY_DOWN},
	{0},
};
