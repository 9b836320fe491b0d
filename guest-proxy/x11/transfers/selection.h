/* Clipboard and primary selection: X's and Wayland's are the same ones. */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_H

#include "guest-proxy/x11/base/session.h"

extern const struct relay_hook selection_hooks[];

/* 0 or -errno. */
int selections_init(struct session *session);
void selections_finish(struct session *session);
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
/* The mime type that all our sources have. */
const char *selection_mark(const struct session *session);
/* The wl_data_device; NULL: there is none. */
struct relay_object *selection_device(const struct session *session);

/* What is dragged over X windows: an offer, whose data it takes; NULL: nothing (any more). */
void selection_set_drag(struct session *session, struct relay_object *offer);
/* Its types as X has them, and how many; 0: not known yet. */
size_t selection_drag_types(const struct session *session, const xcb_atom_t **types);
/* The first of them as Wayland has it; NULL: none. */
const char *selection_drag_type(const struct session *session);

/* The window that owns selections. */
xcb_window_t selection_window(const struct session *session);

/* X is there, the atoms are known. */
void selections_manage(struct session *session);

/* Events */
void selection_owner_changed(struct session *session, xcb_atom_t selection, xcb_window_t owner,
	xcb_timestamp_t time, bool owner_died);
void selection_requested(struct session *session, const xcb_selection_request_event_t *event);
void selection_notified(struct session *session, const xcb_selection_notify_event_t *event);

#endif
