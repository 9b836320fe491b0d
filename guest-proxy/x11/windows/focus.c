/*
 * The keyboard: X's input focus is where the compositor says.
 *
 * A client may move it among its own windows, some depend on that; to another client's it cannot.
 * Where the seat has no keyboard there is no wl_keyboard.enter, and the window that the compositor
 * calls activated has it.
 */
#include "guest-proxy/x11/windows/focus.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

static void set_x_focus(struct session *session, struct window *window)
{
	xcb_window_t id = window ? window->id : XCB_NONE;
	session->focus.window = id;
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, session_root(session),
		SESSION_ATOM(session, _NET_ACTIVE_WINDOW), XCB_ATOM_WINDOW, 32, 1, &id);
	if (!window) {
		xcb_set_input_focus(session->x, XCB_INPUT_FOCUS_NONE, XCB_NONE, XCB_CURRENT_TIME);
		return;
	}
	/* ICCCM 4.1.7: no_input with WM_TAKE_FOCUS, it takes the focus by itself; without, never.
	 */
	if (!window->hints.no_input)
		xcb_set_input_focus(session->x, XCB_INPUT_FOCUS_POINTER_ROOT, id, XCB_CURRENT_TIME);
	if (window_speaks(session, window, ATOM_WM_TAKE_FOCUS))
		window_send_protocol(session, window, ATOM_WM_TAKE_FOCUS, XCB_CURRENT_TIME, 0);
	log_debug("window %#x has the focus", id);
}

/* True: X has been told something new. */
static bool update(struct session *session)
{
	const struct focus *focus = &session->focus;
	struct surface *root =
		surface_root(focus->has_keyboard ? focus->keyboard : focus->activated);
	struct window *window = root ? root->window : NULL;
	if (!session->managing || (window ? window->id : XCB_NONE) == focus->window)
		return false;
	set_x_focus(session, window);
	return true;
}

void focus_forget(struct surface *surface)
{
	struct focus *focus = &surface->session->focus;
	if (focus->pointer == surface)
		focus->pointer = NULL;
	if (focus->keyboard == surface)
		focus->keyboard = NULL;
	if (focus->pressed == surface)
		focus->pressed = NULL;
	if (focus->x_entered == surface)
		focus->x_entered = NULL;
	focus_forget_activated(surface);
}

void focus_forget_activated(struct surface *surface)
{
	struct focus *focus = &surface->session->focus;
	if (focus->activated == surface)
		focus->activated = NULL;
	if (surface->token.object)
		surface->token.object->data = NULL;
	relay_ref_set(&surface->token, NULL);
	update(surface->session);
}

void focus_set_activated(struct surface *surface, bool activated)
{
	struct focus *focus = &surface->session->focus;
	if (activated)
		focus->activated = surface;
	else if (focus->activated == surface)
		focus->activated = NULL;
	update(surface->session);
}

void focus_in(struct session *session, const xcb_focus_in_event_t *event)
{
	const struct focus *focus = &session->focus;
	struct window *window = window_find(session, focus->window);
	bool passing = event->mode == XCB_NOTIFY_MODE_GRAB || event->mode == XCB_NOTIFY_MODE_UNGRAB;
	if (passing || event->detail == XCB_NOTIFY_DETAIL_POINTER || event->event == focus->window)
		return;
	if (window && window_same_client(session, event->event, window->id))
		return;
	if (window && !window->hints.no_input)
		xcb_set_input_focus(
			session->x, XCB_INPUT_FOCUS_POINTER_ROOT, window->id, XCB_CURRENT_TIME);
	else
		xcb_set_input_focus(session->x, XCB_INPUT_FOCUS_NONE, XCB_NONE, XCB_CURRENT_TIME);
}

/* Attention */

void focus_ask_attention(struct surface *surface)
{
	struct session *session = surface->session;
	const struct focus *focus = &session->focus;
	struct surface *own =
		surface_root(focus->has_keyboard ? focus->keyboard : focus->activated);
	if (!session->activation.object || !surface->toplevel.object || surface->token.object)
		return;
	struct relay_object *token = session_make(session, "xdg_activation_token_v1",
		session->activation.object, "get_activation_token", (union wire_arg[]){{0}}, 0);
	if (!token)
		return;
	/* A client with the focus may pass it on; the input shows that the user did something. */
	if (own && own->window && focus->seat.object && focus->serial &&
		window_same_client(session, own->window->id, surface->window->id)) {
		session_send(session, token, "set_serial",
			(union wire_arg[]){{.u = focus->serial}, {.object = focus->seat.object}});
		session_send(
			session, token, "set_surface", (union wire_arg[]){{.object = own->object}});
	}
	session_send(session, token, "commit", NULL);
	token->data = surface;
	relay_ref_set(&surface->token, token);
}

static enum relay_verdict handle_token(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct surface *surface = surface_of(message->object);
	if (surface && surface->toplevel.object)
		session_send(session, session->activation.object, "activate",
			(union wire_arg[]){message->args[0], {.object = surface->object}});
	if (surface)
		relay_ref_set(&surface->token, NULL);
	if (!message->object->id[RELAY_DOWN])
		session_send(session, message->object, "destroy", NULL);
	return RELAY_FORWARD;
}

/* Events */

static enum relay_verdict handle_enter(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct focus *focus = &session->focus;
	focus->has_keyboard = true;
	focus->serial = message->args[0].u;
	focus->keyboard = surface_of(message->args[1].object);
	/* Keys that follow are for the window that X thinks has the focus. */
	if (!update(session) && !session->holding)
		return RELAY_FORWARD;
	return session_x_is_ready(session) ? RELAY_FORWARD : RELAY_HOLD;
}

static enum relay_verdict handle_leave(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	session->focus.keyboard = NULL;
	update(session);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_key(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	session->focus.serial = message->args[0].u;
	return RELAY_FORWARD;
}

static void forget_keyboard(struct relay_object *object)
{
	struct session *session = object->data;
	session->focus.has_keyboard = false;
	session->focus.keyboard = NULL;
	update(session);
}

static enum relay_verdict handle_get_keyboard(struct relay_message *message)
{
	struct relay_object *keyboard = message->args[0].object;
	keyboard->data = relay_data(message->relay);
	keyboard->data_destroy = forget_keyboard;
	return RELAY_FORWARD;
}

const struct relay_hook focus_hooks[] = {
	{"wl_seat", "get_keyboard", handle_get_keyboard, RELAY_DOWN},
	{"wl_keyboard", "enter", handle_enter, RELAY_UP},
	{"wl_keyboard", "leave", handle_leave, RELAY_UP},
	{"wl_keyboard", "key", handle_key, RELAY_UP},
	{"xdg_activation_token_v1", "done", handle_token, RELAY_UP},
	{0},
};
