/* What becomes of what is dragged, in XDND's words and in Wayland's. */
#ifndef GUEST_PROXY_X11_TRANSFERS_DND_ACTIONS_H
#define GUEST_PROXY_X11_TRANSFERS_DND_ACTIONS_H

#include "guest-proxy/x11/base/session.h"

/* The action of wl_data_device_manager that @atom names; 0: none that it has. */
uint32_t dnd_action_of(const struct session *session, xcb_atom_t atom);

/* The atom of one action; XdndActionCopy if there is none. */
xcb_atom_t dnd_action_atom(const struct session *session, uint32_t action);

#endif
