/*
 * Policy: the keyboard's focus. Requests that have the compositor send text to a surface, or show a
 * keyboard on the screen for it, count only for the surface that the compositor has given the
 * keyboard to.
 */
#include "host-bridge/policy/surfaces/hooks.h"

static struct relay_ref *focus_of(const struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);
	return &connection->focus;
}

void policy_focus_enter(struct relay_message *message)
{
	relay_ref_set(focus_of(message), message->args[1].object);
}

/* wl_keyboard.leave(serial, surface) */
static enum relay_verdict handle_leave(struct relay_message *message)
{
	if (focus_of(message)->object == message->args[1].object)
		relay_ref_set(focus_of(message), NULL);
	return RELAY_FORWARD;
}

/* zwp_text_input_v1.activate(seat, surface) */
static enum relay_verdict handle_activate(struct relay_message *message)
{
	const struct relay_object *surface = message->args[1].object;
	return surface == focus_of(message)->object ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* zwp_text_input_v2.enable(surface) */
static enum relay_verdict handle_enable(struct relay_message *message)
{
	const struct relay_object *surface = message->args[0].object;
	return surface == focus_of(message)->object ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* show_input_panel() of zwp_text_input_v1, v2 and v3 */
static enum relay_verdict handle_show_panel(struct relay_message *message)
{
	return focus_of(message)->object ? RELAY_FORWARD : RELAY_SWALLOW;
}

const struct relay_hook policy_focus_hooks[] = {
	{"wl_keyboard", "leave", handle_leave, RELAY_UP},
	{"zwp_text_input_v1", "activate", handle_activate, RELAY_DOWN},
	{"zwp_text_input_v1", "show_input_panel", handle_show_panel, RELAY_DOWN},
	{"zwp_text_input_v2", "enable", handle_enable, RELAY_DOWN},
	{"zwp_text_input_v2", "show_input_panel", handle_show_panel, RELAY_DOWN},
	{"zwp_text_input_v3", "show_input_panel", handle_show_panel, RELAY_DOWN},
	{0},
};
