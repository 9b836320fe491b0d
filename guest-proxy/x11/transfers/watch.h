/*
 * Windows of X clients with which something is exchanged: that their properties change and that
 * they go is told while anybody watches. Of those that are managed we hear anyway, and of the root
 * and our own what we need.
 */
#ifndef GUEST_PROXY_X11_TRANSFERS_WATCH_H
#define GUEST_PROXY_X11_TRANSFERS_WATCH_H

#include "guest-proxy/x11/base/session.h"

/* For each watch_begin with a window there is a watch_end. XCB_NONE is fine. */
void watch_begin(struct session *session, xcb_window_t id);
void watch_end(struct session *session, xcb_window_t id);

#endif
