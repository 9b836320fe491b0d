/* The states of windows, both ways. */
#include "guest-proxy/x11/windows/state.h"

#include "guest-proxy/x11/windows/focus.h"
#include "protocol/base/bytes.h"

#define ICONIC_STATE 3
#define NORMAL_STATE 1

enum action {
	ACTION_REMOVE,
	ACTION_ADD,
	ACTION_TOGGLE,
};

/* X's atoms for what Wayland has; two atoms for one state count together. */
static const struct {
	enum atom atom;
	uint32_t state;
	const char *set, *unset; /* requests; NULL: only the compositor decides */
} states[] = {
	{ATOM__NET_WM_STATE_FULLSCREEN, STATE_FULLSCREEN, "set_fullscreen", "unset_fullscreen"},
	{ATOM__NET_WM_STATE_MAXIMIZED_VERT, STATE_MAXIMIZED, "set_maximized", "unset_maximized"},
	{ATOM__NET_WM_STATE_MAXIMIZED_HORZ, STATE_MAXIMIZED, "set_maximized", "unset_maximized"},
	{ATOM__NET_WM_STATE_FOCUSED, STATE_ACTIVATED, NULL, NULL},
	{ATOM__NET_WM_STATE_HIDDEN, STATE_SUSPENDED, NULL, NULL},
};

static void request(struct surface *surface, const char *name)
{
	/* Of these only set_fullscreen has an argument, the output: any. */
	session_send(surface->session, surface->toplevel.object, name, (union wire_arg[]){{0}});
}

void state_request_initial(struct surface *surface)
{
	struct session *session = surface->session;
	const struct atom_list *wanted = &surface->window->hints.states;
	uint32_t asked = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
		if (!states[i].set || asked & states[i].state ||
			!atom_list_has(wanted, session->atoms[states[i].atom]))
			continue;
		asked |= states[i].state;
		request(surface, states[i].set);
	}
}

static void write_states(struct session *session, const struct window *window)
{
	xcb_atom_t atoms[ARRAY_LENGTH(states) + 1];
	uint32_t count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
		if (window->states & states[i].state)
			atoms[count++] = session->atoms[states[i].atom];
	}
	if (atom_list_has(&window->hints.states, SESSION_ATOM(session, _NET_WM_STATE_MODAL)))
		atoms[count++] = SESSION_ATOM(session, _NET_WM_STATE_MODAL);
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, window->id,
		SESSION_ATOM(session, _NET_WM_STATE), XCB_ATOM_ATOM, 32, count, atoms);
}

void state_confirm(struct session *session, struct window *window, uint32_t now)
{
	uint32_t before = window->states;
	window->states = now;
	if (before != now && session->x)
		write_states(session, window);
}

/* The window's hints follow when the property has been read again. */
static void change_modal(struct session *session, struct window *window, uint32_t action)
{
	struct atom_list *list = &window->hints.states;
	xcb_atom_t modal = SESSION_ATOM(session, _NET_WM_STATE_MODAL);
	bool had = atom_list_has(list, modal);
	atom_list_set(list, modal, action == ACTION_ADD || (action == ACTION_TOGGLE && !had));
	write_states(session, window);
}

static void change(struct surface *surface, uint32_t action, uint32_t atom, uint32_t *asked)
{
	struct session *session = surface->session;
	struct window *window = surface->window;
	if (atom == SESSION_ATOM(session, _NET_WM_STATE_MODAL))
		change_modal(session, window, action);
	if (atom == SESSION_ATOM(session, _NET_WM_STATE_DEMANDS_ATTENTION) &&
		action != ACTION_REMOVE)
		focus_ask_attention(surface);
	for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
		if (atom != session->atoms[states[i].atom] || !states[i].set ||
			*asked & states[i].state)
			continue;
		bool add = action == ACTION_ADD ||
			(action == ACTION_TOGGLE && !(window->states & states[i].state));
		*asked |= states[i].state;
		request(surface, add ? states[i].set : states[i].unset);
	}
}

void state_message(
	struct session *session, struct window *window, const xcb_client_message_event_t *message)
{
	struct surface *surface = window->surface;
	const uint32_t *data = message->data.data32;
	uint32_t asked = 0;
	if (!surface || !surface->toplevel.object || message->format != 32)
		return;
	if (message->type == SESSION_ATOM(session, WM_CHANGE_STATE)) {
		if (data[0] == ICONIC_STATE)
			request(surface, "set_minimized");
		return;
	}
	for (int i = 1; i <= 2; i++) {
		if (data[i] != XCB_NONE)
			change(surface, data[0], data[i], &asked);
	}
	if (data[1] == SESSION_ATOM(session, _NET_WM_STATE_HIDDEN) && data[0] == ACTION_ADD)
		request(surface, "set_minimized");
}

void state_set_mapped(struct session *session, struct window *window, bool mapped)
{
	if (mapped) {
		uint32_t value[] = {NORMAL_STATE, XCB_NONE};
		xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, window->id,
			SESSION_ATOM(session, WM_STATE), SESSION_ATOM(session, WM_STATE), 32, 2,
			value);
		return;
	}
	window->states = 0;
	xcb_delete_property(session->x, window->id, SESSION_ATOM(session, WM_STATE));
	xcb_delete_property(session->x, window->id, SESSION_ATOM(session, _NET_WM_STATE));
}
