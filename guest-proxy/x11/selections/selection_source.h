/* Selections that X clients own: we are a Wayland source of the same types. */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_SOURCE_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_SOURCE_H

#include "guest-proxy/x11/base/session.h"

extern const struct relay_hook selection_source_hooks[];

/*
 * What an X client drags: its types, whose names are asked for (session_listener::drag_named is
 * called when they are there); a Wayland source that has them (NULL: memory is short, or there is
 * no such thing), gone by session_listener::drag_cancelled or the next call; and the time with
 * which it is asked for data, not before that is known.
 */
void selection_name_drag(struct session *session, const xcb_atom_t *atoms, size_t count);
struct relay_object *selection_drag_source(struct session *session);
void selection_drop_drag_source(struct session *session);
void selection_set_drag_time(struct session *session, xcb_timestamp_t time);
void selection_await_drag_time(struct session *session);

/* Events */
void selection_owner_changed(struct session *session, xcb_atom_t selection, xcb_window_t owner,
	xcb_timestamp_t time, bool owner_died);
void selection_notified(struct session *session, const xcb_selection_notify_event_t *event);

#endif
