/* Actions of drags. */
#include "guest-proxy/x11/drags/dnd_actions.h"

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
