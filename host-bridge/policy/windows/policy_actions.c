/*
 * Policy: requests that answer what the user does. A menu that grabs has the pointer and the
 * keyboard of all windows, a window that is moved has the pointer; so they pass only with the
 * serial of something that the user has done lately in a window of this connection, while the user
 * pays attention to it. A popup whose grab does not pass is dismissed, as compositors may do
 * (xdg_popup.grab); of the others a client hears nothing.
 */
#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/windows/hooks.h"
#include "host-bridge/policy/windows/popup_place.h"

/* Whether the request passes: its argument number @at is the serial. */
static bool passes(const struct relay_message *message, size_t at)
{
	if (attention_acted(relay_data(message->relay), message->args[at].u))
		return true;
	attention_missing(message);
	return false;
}

static enum relay_verdict dismiss(struct relay_message *message)
{
	return relay_send_named(message->relay, RELAY_DOWN, message->object, "popup_done", NULL) ==
			0
		? RELAY_SWALLOW
		: RELAY_FAILED;
}

/* xdg_popup.grab(seat, serial). A popup can grab only where the one that it belongs to does. */
static enum relay_verdict handle_grab(struct relay_message *message)
{
	struct policy_surface *popup = surface_of(message->object);
	const struct policy_surface *parent = popup ? popup_parent(popup) : NULL;

	if ((!parent || !parent->popup_grab_refused) && passes(message, 1))
		return RELAY_FORWARD;
	if (popup)
		popup->popup_grab_refused = true;
	return dismiss(message);
}

/* wl_shell_surface.set_popup(seat, serial, ...) */
static enum relay_verdict handle_set_popup(struct relay_message *message)
{
	return passes(message, 1) ? RELAY_FORWARD : dismiss(message);
}

/* *.move(seat, serial), *.resize(seat, serial, ...), *.show_window_menu(seat, serial, ...) */
static enum relay_verdict handle_window_request(struct relay_message *message)
{
	return passes(message, 1) ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* xdg_activation_token_v1.set_serial(serial, seat): the token is worth less without it. */
static enum relay_verdict handle_token_serial(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);

	if (attention_paid(connection) && attention_gave(connection, message->args[0].u))
		return RELAY_FORWARD;
	attention_missing(message);
	return RELAY_SWALLOW;
}

const struct relay_hook policy_action_hooks[] = {
	{"wl_shell_surface", "move", handle_window_request, RELAY_DOWN},
	{"wl_shell_surface", "resize", handle_window_request, RELAY_DOWN},
	{"wl_shell_surface", "set_popup", handle_set_popup, RELAY_DOWN},
	{"xdg_activation_token_v1", "set_serial", handle_token_serial, RELAY_DOWN},
	{"xdg_popup", "grab", handle_grab, RELAY_DOWN},
	{"xdg_toplevel", "move", handle_window_request, RELAY_DOWN},
	{"xdg_toplevel", "resize", handle_window_request, RELAY_DOWN},
	{"xdg_toplevel", "show_window_menu", handle_window_request, RELAY_DOWN},
	{"zxdg_popup_v6", "grab", handle_grab, RELAY_DOWN},
	{"zxdg_toplevel_v6", "move", handle_window_request, RELAY_DOWN},
	{"zxdg_toplevel_v6", "resize", handle_window_request, RELAY_DOWN},
	{"zxdg_toplevel_v6", "show_window_menu", handle_window_request, RELAY_DOWN},
	{0},
};
