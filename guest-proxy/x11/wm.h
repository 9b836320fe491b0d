/* The window manager: X events in, requests out. */
#ifndef GUEST_PROXY_X11_WM_H
#define GUEST_PROXY_X11_WM_H

#include "guest-proxy/x11/base/session.h"

/* Takes @fd. 0 or -errno. */
int wm_connect(struct session *session, int fd);
void wm_disconnect(struct session *session);

/*
 * Handles what X has sent, as much as a turn may. True: there was something, so that there may be
 * more, also where the socket has nothing more to say: call it again before waiting for anything.
 */
bool wm_dispatch(struct session *session);

/* Of session_listener. */
void wm_window_known(struct session *session, struct window *window);
void wm_surface_paired(struct surface *surface);
void wm_hint_changed(struct session *session, struct window *window, unsigned property);
void wm_scale_changed(struct session *session, uint32_t before);

#endif
