/*
 * Pointers, touch and pens. What they are over is told by surface in Wayland and found by position
 * and stacking order in X, so that a window is raised in X before it is entered. Places are logical
 * in Wayland and pixels in X.
 */
#include "guest-proxy/x11/windows/pointer.h"

#include "guest-proxy/x11/windows/surface.h"

static uint32_t scale_of(const struct relay_message *message)
{
	const struct session *session = relay_data(message->relay);
	return session->scale;
}

static void to_x(struct relay_message *message, size_t arg, size_t count)
{
	uint32_t scale = scale_of(message);
	for (size_t i = arg; i < arg + count && scale != SCALE_ONE; i++)
		message->args[i].f = scale_to_x(scale, message->args[i].f);
}

static void to_wayland(struct relay_message *message, size_t arg, size_t count)
{
	uint32_t scale = scale_of(message);
	for (size_t i = arg; i < arg + count && scale != SCALE_ONE; i++)
		message->args[i].i = scale_to_wayland(scale, message->args[i].i);
}

/* On top in X: the window with its popups, @surface among them the topmost. */
static bool raise_in_x(struct session *session, struct surface *surface)
{
	struct surface *root = surface_root(surface), *other;
	struct focus *focus = &session->focus;
	if (!surface || !surface->window || !session->managing ||
		focus->raised == surface->window->id)
		return false;
	focus->raised = surface->window->id;
	if (root && root->window) {
		window_raise(session, root->window);
		wl_list_for_each_reverse(other, &session->surfaces, link)
		{
			if (other->parent == root && other->window)
				window_raise(session, other->window);
		}
	}
	if (surface != root)
		window_raise(session, surface->window);
	return true;
}

/* False: X has to be ready for it first. */
static bool entered(struct session *session, struct surface *surface)
{
	session->focus.pointer = surface;
	return (!raise_in_x(session, surface) && !session->holding) || session_x_is_ready(session);
}

static enum relay_verdict handle_enter(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (!entered(session, surface_of(message->args[1].object)))
		return RELAY_HOLD;
	to_x(message, 2, 2);
	/*
	 * Xwayland keeps a relative motion from before the last leave for the frame of this enter,
	 * and adds it to where the pointer is, unless that frame has a place of its own.
	 */
	relay_send_named(session->relay, RELAY_DOWN, message->object, "enter", message->args);
	relay_send_named(session->relay, RELAY_DOWN, message->object, "motion",
		(union wire_arg[]){{.u = 0}, message->args[2], message->args[3]});
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_leave(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	session->focus.pointer = NULL;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_motion(struct relay_message *message)
{
	to_x(message, 1, 2);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_button(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	session->focus.serial = message->args[0].u;
	return RELAY_FORWARD;
}

static void mark_cursor(struct relay_object *object)
{
	struct surface *surface = surface_of(object);
	if (surface && !surface->window)
		surface->cursor = true;
}

static enum relay_verdict handle_set_cursor(struct relay_message *message)
{
	mark_cursor(message->args[1].object);
	to_wayland(message, 2, 2);
	return RELAY_FORWARD;
}

/* wl_touch */

static enum relay_verdict handle_touch_down(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	session->focus.serial = message->args[0].u;
	if (!entered(session, surface_of(message->args[2].object)))
		return RELAY_HOLD;
	to_x(message, 4, 2);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_touch_motion(struct relay_message *message)
{
	to_x(message, 2, 2);
	return RELAY_FORWARD;
}

/* zwp_tablet_tool_v2 */

static enum relay_verdict handle_proximity_in(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	return entered(session, surface_of(message->args[2].object)) ? RELAY_FORWARD : RELAY_HOLD;
}

static enum relay_verdict handle_tool_motion(struct relay_message *message)
{
	to_x(message, 0, 2);
	return RELAY_FORWARD;
}

/* Games: relative motion, locked and confined pointers */

static enum relay_verdict handle_relative_motion(struct relay_message *message)
{
	to_x(message, 2, 2); /* the unaccelerated ones are the device's own */
	return RELAY_FORWARD;
}

static enum relay_verdict handle_position_hint(struct relay_message *message)
{
	to_wayland(message, 0, 2);
	return RELAY_FORWARD;
}

/* Regions for input, opacity and confinement: no pixel more than X means. */
static enum relay_verdict handle_region(struct relay_message *message)
{
	int64_t scale = scale_of(message);
	for (int i = 0; i < 2 && scale != SCALE_ONE; i++) {
		int64_t from = message->args[i].i, to = from + message->args[i + 2].i;
		int64_t first = (from * SCALE_ONE + (from > 0 ? scale - 1 : 0)) / scale;
		int64_t last = to * SCALE_ONE / scale;
		message->args[i].i = (int32_t)first;
		message->args[i + 2].i = (int32_t)(last > first ? last - first : 0);
	}
	return RELAY_FORWARD;
}

const struct relay_hook pointer_hooks[] = {
	{"wl_pointer", "enter", handle_enter, RELAY_UP},
	{"wl_pointer", "leave", handle_leave, RELAY_UP},
	{"wl_pointer", "motion", handle_motion, RELAY_UP},
	{"wl_pointer", "button", handle_button, RELAY_UP},
	{"wl_pointer", "set_cursor", handle_set_cursor, RELAY_DOWN},
	{"wl_touch", "down", handle_touch_down, RELAY_UP},
	{"wl_touch", "motion", handle_touch_motion, RELAY_UP},
	{"zwp_tablet_tool_v2", "set_cursor", handle_set_cursor, RELAY_DOWN},
	{"zwp_tablet_tool_v2", "proximity_in", handle_proximity_in, RELAY_UP},
	{"zwp_tablet_tool_v2", "motion", handle_tool_motion, RELAY_UP},
	{"zwp_relative_pointer_v1", "relative_motion", handle_relative_motion, RELAY_UP},
	{"zwp_locked_pointer_v1", "set_cursor_position_hint", handle_position_hint, RELAY_DOWN},
	{"wl_region", "add", handle_region, RELAY_DOWN},
	{"wl_region", "subtract", handle_region, RELAY_DOWN},
	{0},
};
