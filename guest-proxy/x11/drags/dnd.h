/* What Wayland clients drag over X windows: XDND's source on their behalf. */
#ifndef GUEST_PROXY_X11_TRANSFERS_DND_H
#define GUEST_PROXY_X11_TRANSFERS_DND_H

#include "guest-proxy/x11/base/session.h"

extern const struct relay_hook dnd_hooks[];

/* 0 or -errno. */
int dnd_init(struct session *session);
void dnd_finish(struct session *session);

/* A client message to the window that we are as a source. */
void dnd_message(struct session *session, const xcb_client_message_event_t *event);
/* What was dropped on it it will not take any more. */
void dnd_window_gone(struct session *session, xcb_window_t window);

#endif
