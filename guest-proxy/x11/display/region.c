/* Regions of surfaces: in X pixels DOWN, in Wayland's units UP. */
#include "guest-proxy/x11/display/region.h"

/*
 * @args: x, y, width, height. Edges go to the nearest unit, so that boxes that touch one another do
 * so still, however thin they are.
 */
static void to_wayland(uint32_t scale, union wire_arg *args)
{
	for (int i = 0; i < 2 && scale != SCALE_ONE; i++) {
		int64_t end = (int64_t)args[i].i + args[i + 2].i;
		int32_t to = end > INT32_MAX ? INT32_MAX : (int32_t)end;
		args[i].i = scale_to_wayland(scale, args[i].i);
		args[i + 2].i = scale_to_wayland(scale, to) - args[i].i;
	}
}

void region_set_input(
	struct session *session, struct relay_object *surface, const struct mask *mask)
{
	struct box boxes[REGION_BOXES];
	struct relay_object *region = NULL;
	size_t count = mask ? mask_boxes(mask, boxes, REGION_BOXES) : 0;
	if (mask) {
		region = session_make(session, "wl_region", session->compositor.object,
			"create_region", (union wire_arg[]){{0}}, 0);
		if (!region)
			return;
	}
	for (size_t i = 0; i < count; i++) {
		union wire_arg args[] = {{.i = boxes[i].x}, {.i = boxes[i].y},
			{.i = boxes[i].width}, {.i = boxes[i].height}};
		to_wayland(session->scale, args);
		session_send(session, region, "add", args);
	}
	session_send(session, surface, "set_input_region", (union wire_arg[]){{.object = region}});
	session_send(session, region, "destroy", NULL);
}

/* Xwayland's own: the input shapes of X clients, opacity, confinement. Their boxes are counted in
 * the pointer. */
static enum relay_verdict handle_box(struct relay_message *message)
{
	const struct session *session = relay_data(message->relay);
	uintptr_t count = (uintptr_t)message->object->data;
	if (count >= REGION_BOXES)
		return RELAY_SWALLOW;
	message->object->data = (void *)(count + 1);
	to_wayland(session->scale, message->args);
	return RELAY_FORWARD;
}

const struct relay_hook region_hooks[] = {
	{"wl_region", "add", handle_box, RELAY_DOWN},
	{"wl_region", "subtract", handle_box, RELAY_DOWN},
	{0},
};
