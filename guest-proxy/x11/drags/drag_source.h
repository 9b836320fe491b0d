/* What X clients drag: a Wayland source, and XDND's target on behalf of all that are no X windows.
 */
#ifndef GUEST_PROXY_X11_TRANSFERS_DRAG_SOURCE_H
#define GUEST_PROXY_X11_TRANSFERS_DRAG_SOURCE_H

#include "guest-proxy/x11/base/session.h"

extern const struct relay_hook drag_source_hooks[];

/* 0 or -errno. */
int drag_source_init(struct session *session);
void drag_source_finish(struct session *session);
/* X is there, the atoms are known. */
void drag_source_manage(struct session *session);

/* XdndSelection has another owner; XCB_NONE: none. */
void drag_source_owner_changed(struct session *session, xcb_window_t owner);
/* A client message; false: it is not for the window that we are as a target. */
bool drag_source_message(struct session *session, const xcb_client_message_event_t *event);

/* One of a client's windows has been read, has got its surface or is gone; or was moved. */
void drag_source_window_known(struct session *session);
void drag_source_window_moved(struct session *session, xcb_window_t window);

/* session_listener's */
void drag_source_named(struct session *session);
void drag_source_cancelled(struct session *session);
void drag_source_buttons_up(struct session *session);

/*
 * Events of the wl_data_device about a drag of ours over an X window, which is X's own business:
 * false, or RELAY_FORWARD, if there is none.
 */
bool drag_source_is_out(const struct session *session);
enum relay_verdict drag_source_over(struct relay_message *message);
enum relay_verdict drag_source_leaves(struct relay_message *message);
void drag_source_moves(struct session *session, wl_fixed_t x, wl_fixed_t y);
void drag_source_dropped_on_x(struct session *session);

#endif
