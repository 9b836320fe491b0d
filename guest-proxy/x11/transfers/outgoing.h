/* Selections of X clients on their way out: from a property, piece by piece, into a pipe. */
#ifndef GUEST_PROXY_X11_TRANSFERS_OUTGOING_H
#define GUEST_PROXY_X11_TRANSFERS_OUTGOING_H

#include "guest-proxy/x11/base/session.h"

/*
 * Will write to @fd (taken) what @owner (0: not known) of @selection says when it is asked for
 * @target: all of it, or nothing; a STRING in UTF-8.
 */
void outgoing_start(struct session *session, xcb_atom_t selection, xcb_atom_t target,
	xcb_window_t owner, int fd);
/* Asks the owner for all that it was not asked for, yet. */
void outgoing_ask(struct session *session, xcb_atom_t selection, xcb_timestamp_t time);

/* Events of the windows that are used for it; false: it is none of those. */
bool outgoing_notified(struct session *session, const xcb_selection_notify_event_t *event);
bool outgoing_property(struct session *session, const xcb_property_notify_event_t *event);

/* Those of which the owner has not been asked will have nothing. */
void outgoing_refuse_unasked(struct session *session, xcb_atom_t selection);

/*
 * @selection has another owner or none. The old one goes on with what it has begun to answer,
 * unless it has @died.
 */
void outgoing_owner_gone(struct session *session, xcb_atom_t selection, bool died);
void outgoing_window_gone(struct session *session, xcb_window_t window);

void outgoing_finish(struct session *session);

#endif
