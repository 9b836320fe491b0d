/*
 * Pointers, touch and pens. What they are over is told by surface in Wayland and found by position
 * and stacking order in X, so that a window is raised in X before it is entered. Places are logical
 * in Wayland and pixels in X.
 */
#include "guest-proxy/x11/windows/pointer.h"

#include <wayland-server-protocol.h>

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

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

bool pointer_prepare(struct session *session, struct surface *surface)
{
	session->focus.pointer = surface;
	return (!raise_in_x(session, surface) && !session->holding) || session_x_is_ready(session);
}

/* What X is told */

static void send_down(struct session *session, const char *event, const union wire_arg *args)
{
	relay_send_named(session->relay, RELAY_DOWN, session->focus.x_pointer.object, event, args);
}

static void send_frame(struct session *session)
{
	if (session->focus.x_pointer.object->version >= WL_POINTER_FRAME_SINCE_VERSION)
		send_down(session, "frame", NULL);
}

/* Places are X's from here on. */
static void send_motion(struct session *session, wl_fixed_t x, wl_fixed_t y)
{
	session->focus.x_place[0] = x;
	session->focus.x_place[1] = y;
	send_down(session, "motion", (union wire_arg[]){{.u = 0}, {.f = x}, {.f = y}});
}

static void send_leave(struct session *session, uint32_t serial)
{
	struct surface *surface = session->focus.x_entered;
	session->focus.x_entered = NULL;
	if (!surface)
		return;
	send_down(session, "leave", (union wire_arg[]){{.u = serial}, {.object = surface->object}});
	send_frame(session);
}

static void send_enter(struct session *session, struct surface *surface, uint32_t serial,
	wl_fixed_t x, wl_fixed_t y)
{
	session->focus.x_entered = surface;
	/*
	 * Xwayland keeps a relative motion from before the last leave for the frame of this enter,
	 * and adds it to where the pointer is, unless that frame has a place of its own.
	 */
	send_down(session, "enter",
		(union wire_arg[]){{.u = serial}, {.object = surface->object}, {.f = x}, {.f = y}});
	send_motion(session, x, y);
}

static bool is_lent(const struct session *session)
{
	return session->focus.borrowed && session->focus.x_pointer.object;
}

void pointer_borrow(struct session *session)
{
	session->focus.borrowed = true;
}

void pointer_place(
	struct session *session, const struct surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	const struct surface *entered = session->focus.x_entered;
	if (!is_lent(session) || !entered || !entered->window || !surface->window)
		return;
	const struct box *from = &entered->window->box, *to = &surface->window->box;
	/* Not by leaving and entering, for which Xwayland takes all buttons for released. */
	send_motion(session, scale_to_x(session->scale, x) + wl_fixed_from_int(to->x - from->x),
		scale_to_x(session->scale, y) + wl_fixed_from_int(to->y - from->y));
	send_frame(session);
}

void pointer_nudge(struct session *session)
{
	const wl_fixed_t *place = session->focus.x_place;
	if (!is_lent(session) || !session->focus.x_entered)
		return;
	send_motion(session, place[0] ^ wl_fixed_from_int(1), place[1]);
	send_frame(session);
}

void pointer_give_back(struct session *session)
{
	struct focus *focus = &session->focus;
	if (is_lent(session) && focus->buttons_down > 0) {
		send_down(session, "button",
			(union wire_arg[]){{.u = focus->press_serial}, {.u = 0},
				{.u = focus->button}, {.u = WL_POINTER_BUTTON_STATE_RELEASED}});
		send_frame(session);
	}
	if (is_lent(session))
		send_leave(session, focus->press_serial);
	focus->borrowed = false;
	focus->buttons_down = 0;
	focus->pressed = NULL;
}

/* wl_pointer */

static void forget_pointer(struct relay_object *object)
{
	struct session *session = object->data;
	session->focus.x_entered = session->focus.pressed = NULL;
	session->focus.buttons_down = 0;
}

static enum relay_verdict handle_get_pointer(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct relay_object *pointer = message->args[0].object;
	if (message->object != session->focus.seat.object)
		return RELAY_FORWARD;
	pointer->data = session;
	pointer->data_destroy = forget_pointer;
	relay_ref_set(&session->focus.x_pointer, pointer);
	log_debug("Xwayland has a pointer");
	return RELAY_FORWARD;
}

static bool is_x_pointer(const struct relay_message *message)
{
	const struct session *session = relay_data(message->relay);
	return message->object == session->focus.x_pointer.object;
}

static enum relay_verdict handle_enter(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct surface *surface = surface_of(message->args[1].object);
	if (!pointer_prepare(session, surface))
		return RELAY_HOLD;
	if (!surface || !is_x_pointer(message))
		return RELAY_FORWARD;
	pointer_give_back(session);
	to_x(message, 2, 2);
	send_enter(session, surface, message->args[0].u, message->args[2].f, message->args[3].f);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_leave(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct focus *focus = &session->focus;
	focus->pointer = NULL;
	if (!is_x_pointer(message))
		return RELAY_FORWARD;
	if (focus->borrowed)
		return RELAY_SWALLOW;
	focus->x_entered = focus->pressed = NULL;
	focus->buttons_down = 0;
	session->listener->buttons_up(session);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_motion(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	/* Another window may have been mapped on top of it in X. */
	if (session->focus.pointer && !pointer_prepare(session, session->focus.pointer))
		return RELAY_HOLD;
	to_x(message, 1, 2);
	session->focus.x_place[0] = message->args[1].f;
	session->focus.x_place[1] = message->args[2].f;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_button(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct focus *focus = &session->focus;
	focus->serial = message->args[0].u;
	if (focus->pointer && !pointer_prepare(session, focus->pointer))
		return RELAY_HOLD;
	if (!is_x_pointer(message))
		return RELAY_FORWARD;
	if (message->args[3].u == WL_POINTER_BUTTON_STATE_PRESSED) {
		if (focus->buttons_down++ == 0) {
			focus->button = message->args[2].u;
			focus->press_serial = message->args[0].u;
			focus->pressed = focus->pointer;
		}
	} else if (focus->buttons_down > 0 && --focus->buttons_down == 0) {
		/* Not a drag's: the compositor has kept none. */
		focus->borrowed = false;
		focus->pressed = NULL;
		session->listener->buttons_up(session);
	}
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
	if (!pointer_prepare(session, surface_of(message->args[2].object)))
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
	return pointer_prepare(session, surface_of(message->args[2].object)) ? RELAY_FORWARD
									     : RELAY_HOLD;
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

const struct relay_hook pointer_hooks[] = {
	{"wl_seat", "get_pointer", handle_get_pointer, RELAY_DOWN},
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
	{0},
};
