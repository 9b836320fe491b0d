/* X clients ask for what Wayland clients offer. */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_REQUEST_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_REQUEST_H

#include "guest-proxy/x11/base/session.h"

void selection_requested(struct session *session, const xcb_selection_request_event_t *event);

#endif
