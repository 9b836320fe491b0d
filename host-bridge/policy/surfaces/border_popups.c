/*
 * Policy: popups and borders. A popup has a border of its own, and its place is relative to the
 * window geometry of its parent, which has one, too. Whose child a popup becomes is known only when
 * it is made, so what a positioner says is kept here, and told to the compositor anew then.
 */
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/surfaces/border.h"
#include "host-bridge/policy/surfaces/hooks.h"

/* What a positioner says that a border changes, by request. */
enum placing { SIZE, ANCHOR_RECT, OFFSET, PARENT_SIZE, N_PLACINGS };

struct positioner { /* relay_object.data of an xdg_positioner */
	uint32_t gravity;
	struct {
		bool said;
		int32_t n[4];
	} placings[N_PLACINGS];
};

static void positioner_destroy(struct relay_object *object)
{
	free(object->data);
	object->data = NULL;
}

/* xdg_wm_base.create_positioner(id) */
static enum relay_verdict handle_create_positioner(struct relay_message *message)
{
	struct positioner *positioner = calloc(1, sizeof(*positioner));

	if (!positioner)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory for a positioner");
	message->args[0].object->data = positioner;
	message->args[0].object->data_destroy = positioner_destroy;
	return RELAY_FORWARD;
}

static enum relay_verdict keep(struct relay_message *message, enum placing placing)
{
	struct positioner *positioner = message->object->data;

	positioner->placings[placing].said = true;
	for (size_t i = 0; i < message->signature->n_args; i++)
		positioner->placings[placing].n[i] = message->args[i].i;
	return RELAY_FORWARD;
}

/* xdg_positioner.set_size(width, height) */
static enum relay_verdict handle_set_size(struct relay_message *message)
{
	return keep(message, SIZE);
}

/* xdg_positioner.set_anchor_rect(x, y, width, height) */
static enum relay_verdict handle_set_anchor_rect(struct relay_message *message)
{
	return keep(message, ANCHOR_RECT);
}

/* xdg_positioner.set_offset(x, y) */
static enum relay_verdict handle_set_offset(struct relay_message *message)
{
	return keep(message, OFFSET);
}

/* xdg_positioner.set_parent_size(width, height) */
static enum relay_verdict handle_set_parent_size(struct relay_message *message)
{
	return keep(message, PARENT_SIZE);
}

/* xdg_positioner.set_gravity(gravity) */
static enum relay_verdict handle_set_gravity(struct relay_message *message)
{
	struct positioner *positioner = message->object->data;

	positioner->gravity = message->args[0].u;
	return RELAY_FORWARD;
}

static int32_t plus(int32_t a, int32_t b)
{
	const int64_t sum = (int64_t)a + b;
	return (int32_t)rectangle_max(INT32_MIN, rectangle_min(sum, INT32_MAX));
}

/*
 * @object says @placing again, moved: @first is added to the first argument, @second to the second
 * one. False: the relay has failed.
 */
static bool say_moved(struct relay *relay, struct relay_object *object, enum placing placing,
	int32_t first, int32_t second)
{
	static const char *const requests[N_PLACINGS] = {
		[SIZE] = "set_size",
		[ANCHOR_RECT] = "set_anchor_rect",
		[OFFSET] = "set_offset",
		[PARENT_SIZE] = "set_parent_size",
	};
	const struct positioner *positioner = object->data;
	const int32_t *n = positioner->placings[placing].n;
	union wire_arg args[] = {
		{.i = plus(n[0], first)}, {.i = plus(n[1], second)}, {.i = n[2]}, {.i = n[3]}};

	return relay_send_named(relay, RELAY_UP, object, requests[placing], args) == 0;
}

/*
 * Which way a popup is moved so that what is inside of its border is where the guest wants it: its
 * border reaches over what it is anchored to. 0 where it is in the middle of that.
 */
static int32_t outwards(uint32_t gravity, uint32_t before, uint32_t behind, int32_t width)
{
	if (before >> gravity & 1)
		return width;
	return behind >> gravity & 1 ? -width : 0;
}

/* What @object, a positioner, says to a popup of @parent (NULL: unknown). False: failed. */
static bool tell_placed(
	struct relay *relay, struct relay_object *object, const struct policy_surface *parent)
{
	/* xdg_positioner.gravity */
	enum { TOP = 1, BOTTOM, LEFT, RIGHT, TOP_LEFT, BOTTOM_LEFT, TOP_RIGHT, BOTTOM_RIGHT, N };
	const struct policy_connection *connection = relay_data(relay);
	const struct positioner *positioner = object->data;
	const int32_t width = connection->policy->border.width_px,
		      around = 2 * border_width(parent);
	const uint32_t gravity = positioner->gravity < N ? positioner->gravity : 0;
	const int32_t *size = positioner->placings[SIZE].n;
	int32_t x, y;

	border_origin(parent, &x, &y);
	/* What is no size stays none, for the compositor to say so. */
	return (size[0] <= 0 || size[1] <= 0 ||
		       say_moved(relay, object, SIZE, 2 * width, 2 * width)) &&
		(!positioner->placings[ANCHOR_RECT].said ||
			say_moved(relay, object, ANCHOR_RECT, x, y)) &&
		say_moved(relay, object, OFFSET,
			outwards(gravity, 1 << LEFT | 1 << TOP_LEFT | 1 << BOTTOM_LEFT,
				1 << RIGHT | 1 << TOP_RIGHT | 1 << BOTTOM_RIGHT, width),
			outwards(gravity, 1 << TOP | 1 << TOP_LEFT | 1 << TOP_RIGHT,
				1 << BOTTOM | 1 << BOTTOM_LEFT | 1 << BOTTOM_RIGHT, width)) &&
		(!positioner->placings[PARENT_SIZE].said ||
			say_moved(relay, object, PARENT_SIZE, around, around));
}

static struct policy_surface *parent_of(const struct policy_surface *popup)
{
	const struct relay_object *parent =
		popup && popup->border ? popup->border->parent.object : NULL;
	return parent ? surface_at(parent) : NULL;
}

/* xdg_surface.get_popup(id, parent, positioner) */
static enum relay_verdict handle_get_popup(struct relay_message *message)
{
	struct policy_surface *popup = surface_of(message->object);
	const struct relay_object *parent_role = message->args[1].object;
	struct policy_surface *parent = parent_role ? surface_of(parent_role) : NULL;

	if (!popup || !popup->border)
		return RELAY_FORWARD;
	if (!surface_extend(message->relay, popup, message->args[0].object))
		return RELAY_FAILED;
	relay_ref_set(&popup->border->parent, parent ? parent->object : NULL);
	return tell_placed(message->relay, message->args[2].object, parent) ? RELAY_FORWARD
									    : RELAY_FAILED;
}

/* xdg_popup.reposition(positioner, token) */
static enum relay_verdict handle_reposition(struct relay_message *message)
{
	const struct policy_surface *parent = parent_of(surface_of(message->object));

	return tell_placed(message->relay, message->args[0].object, parent) ? RELAY_FORWARD
									    : RELAY_FAILED;
}

/* xdg_popup.configure(x, y, width, height) */
static enum relay_verdict handle_configure(struct relay_message *message)
{
	const struct policy_surface *popup = surface_of(message->object);
	union wire_arg *args = message->args;
	int32_t x, y, parent_x, parent_y;

	if (!popup)
		return RELAY_FORWARD;
	border_origin(popup, &x, &y);
	border_origin(parent_of(popup), &parent_x, &parent_y);
	args[0].i = plus(args[0].i, x - parent_x);
	args[1].i = plus(args[1].i, y - parent_y);
	for (size_t i = 2; i < 4; i++) {
		const int32_t without = plus(args[i].i, -2 * border_width(popup));
		args[i].i = without > 0 ? without : 1;
	}
	return RELAY_FORWARD;
}

const struct relay_hook border_popup_hooks[] = {
	{"xdg_popup", "configure", handle_configure, RELAY_UP},
	{"xdg_popup", "reposition", handle_reposition, RELAY_DOWN},
	{"xdg_positioner", "set_anchor_rect", handle_set_anchor_rect, RELAY_DOWN},
	{"xdg_positioner", "set_gravity", handle_set_gravity, RELAY_DOWN},
	{"xdg_positioner", "set_offset", handle_set_offset, RELAY_DOWN},
	{"xdg_positioner", "set_parent_size", handle_set_parent_size, RELAY_DOWN},
	{"xdg_positioner", "set_size", handle_set_size, RELAY_DOWN},
	{"xdg_surface", "get_popup", handle_get_popup, RELAY_DOWN},
	{"xdg_wm_base", "create_positioner", handle_create_positioner, RELAY_DOWN},
	{0},
};
