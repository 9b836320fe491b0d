/* Windows of X clients with which something is exchanged. */
#include "guest-proxy/x11/transfers/watch.h"

#include <stdlib.h>

#include "guest-proxy/x11/windows/window.h"

struct watch {
	struct wl_list link; /* session::watches */
	xcb_window_t id;
	unsigned count;
};

static struct watch *find(struct session *session, xcb_window_t id)
{
	struct watch *watch;
	wl_list_for_each(watch, &session->watches, link)
	{
		if (watch->id == id)
			return watch;
	}
	return NULL;
}

/*
 * What a client selects of a window takes the place of what it selected before. Clients can name
 * the root, by which we are the window manager, and windows of our own.
 */
static void select_events(struct session *session, xcb_window_t id, uint32_t mask)
{
	if (!session->x || id == session_root(session) || window_find(session, id) ||
		window_same_client(session, id, session->check))
		return;
	xcb_change_window_attributes(session->x, id, XCB_CW_EVENT_MASK, &mask);
}

void watch_begin(struct session *session, xcb_window_t id)
{
	struct watch *watch = id ? find(session, id) : NULL;
	if (watch)
		watch->count++;
	if (!id || watch)
		return;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return;
	watch->id = id;
	watch->count = 1;
	wl_list_insert(&session->watches, &watch->link);
	select_events(
		session, id, XCB_EVENT_MASK_PROPERTY_CHANGE | XCB_EVENT_MASK_STRUCTURE_NOTIFY);
}

void watch_end(struct session *session, xcb_window_t id)
{
	struct watch *watch = id ? find(session, id) : NULL;
	if (!watch || --watch->count > 0)
		return;
	select_events(session, id, XCB_EVENT_MASK_NO_EVENT);
	wl_list_remove(&watch->link);
	free(watch);
}
