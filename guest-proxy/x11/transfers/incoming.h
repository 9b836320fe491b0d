/* Selections of Wayland clients on their way to X: from a pipe into properties of who asked. */
#ifndef GUEST_PROXY_X11_TRANSFERS_INCOMING_H
#define GUEST_PROXY_X11_TRANSFERS_INCOMING_H

#include "guest-proxy/x11/base/session.h"

#define INCOMING_PAIRS_MAX 16 /* of MULTIPLE; more are not converted */

/*
 * A SelectionRequest that is being answered. It ends with the SelectionNotify, when all of its
 * conversions (one, or those of MULTIPLE) have begun or failed. Of MULTIPLE some may fail: those
 * pairs get no target in the requestor's property (ICCCM 2.6.2).
 */
struct incoming_request {
	struct wl_list link; /* session::requests */
	struct session *session;
	uint32_t number;
	xcb_selection_request_event_t event;
	unsigned pending;
	bool failed;
	xcb_atom_t pairs[2 * INCOMING_PAIRS_MAX]; /* targets and properties */
	uint32_t n_pairs, pairs_failed;
	xcb_atom_t pairs_type;
};

/* NULL when memory is short: then it has been refused. */
struct incoming_request *incoming_request_create(
	struct session *session, const xcb_selection_request_event_t *event);
struct incoming_request *incoming_request_find(struct session *session, uint32_t number);
/* Its conversion into @property is done, or could not be done. May free it. */
void incoming_request_done(struct incoming_request *request, xcb_atom_t property, bool ok);

/* Refuses @event, whose answer nothing else has begun. */
void incoming_refuse(struct session *session, const xcb_selection_request_event_t *event);

/*
 * Writes what comes out of @fd (taken) to @property of the requestor, as @type: a STRING in
 * Latin-1. A conversion of @request.
 */
void incoming_start(struct incoming_request *request, xcb_atom_t property, xcb_atom_t type, int fd);

/* A property of a window was deleted: the next piece may be due. */
void incoming_property(struct session *session, const xcb_property_notify_event_t *event);
void incoming_window_gone(struct session *session, xcb_window_t window);

void incoming_finish(struct session *session);

#endif
