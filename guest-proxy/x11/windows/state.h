/* The states of windows, both ways: _NET_WM_STATE and WM_STATE here, xdg_toplevel's there. */
#ifndef GUEST_PROXY_X11_WINDOWS_STATE_H
#define GUEST_PROXY_X11_WINDOWS_STATE_H

#include "guest-proxy/x11/windows/surface.h"

/* What the client set before its window was mapped becomes requests. */
void state_request_initial(struct surface *surface);

/* The compositor says: states of surface.h. The client is told. */
void state_confirm(struct session *session, struct window *window, uint32_t states);

/* A client message: _NET_WM_STATE or WM_CHANGE_STATE. @window may have no surface (yet). */
void state_message(
	struct session *session, struct window *window, const xcb_client_message_event_t *message);

/* WM_STATE as of ICCCM 4.1.3.1: 1 for a window that is mapped; 0: withdrawn. */
void state_set_mapped(struct session *session, struct window *window, bool mapped);

#endif
