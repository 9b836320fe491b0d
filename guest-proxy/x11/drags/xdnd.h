/* XDND's messages, and what becomes of what is dragged in its words and in Wayland's. */
#ifndef GUEST_PROXY_X11_DRAGS_XDND_H
#define GUEST_PROXY_X11_DRAGS_XDND_H

#include "guest-proxy/x11/base/session.h"

/* The action of wl_data_device_manager that @atom names; 0: none that it has. */
uint32_t dnd_action_of(const struct session *session, xcb_atom_t atom);

/* The atom of one action; XdndActionCopy if there is none. */
xcb_atom_t dnd_action_atom(const struct session *session, uint32_t action);

/* To @to, of a drag in which we are @from. */
void xdnd_tell(const struct session *session, xcb_window_t to, enum atom type, xcb_window_t from,
	const uint32_t words[4]);

#endif
