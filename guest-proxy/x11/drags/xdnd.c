/* XDND's messages and actions. */
#include "guest-proxy/x11/drags/xdnd.h"

#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

static const struct {
	enum atom atom;
	uint32_t action;
} actions[] = {
	{ATOM_XdndActionCopy, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY},
	{ATOM_XdndActionMove, WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE},
	{ATOM_XdndActionAsk, WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK},
};

uint32_t dnd_action_of(const struct session *session, xcb_atom_t atom)
{
	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++) {
		if (session->atoms[actions[i].atom] == atom)
			return actions[i].action;
	}
	return 0;
}

xcb_atom_t dnd_action_atom(const struct session *session, uint32_t action)
{
	for (size_t i = 0; i < ARRAY_LENGTH(actions); i++) {
		if (actions[i].action == action)
			return session->atoms[actions[i].atom];
	}
	return SESSION_ATOM(session, XdndActionCopy);
}

void xdnd_tell(const struct session *session, xcb_window_t to, enum atom type, xcb_window_t from,
	const uint32_t words[4])
{
	const xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = to,
		.type = session->atoms[type],
		.data.data32 = {from, words[0], words[1], words[2], words[3]},
	};
	xcb_send_event(session->x, 0, to, XCB_EVENT_MASK_NO_EVENT, (const char *)&event);
}
