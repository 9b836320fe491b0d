/* The events of an X server that is not there: these take the places of libxcb's functions. */
#ifndef TESTS_UNIT_X_EVENT_H
#define TESTS_UNIT_X_EVENT_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

static xcb_generic_event_t *x_event; /* the next; NULL: none */

/* The next event is @event: @size bytes, of the 32 that one has on the wire. */
static inline void x_event_set(const void *event, size_t size)
{
	free(x_event);
	x_event = calloc(1, sizeof(*x_event)); /* libxcb's have a few bytes more */
	assert(x_event && size <= 32);
	memcpy(x_event, event, size);
}

xcb_generic_event_t *xcb_poll_for_event(xcb_connection_t *c)
{
	xcb_generic_event_t *event = x_event;
	x_event = NULL;
	return event;
}

xcb_generic_event_t *xcb_poll_for_queued_event(xcb_connection_t *c)
{
	return xcb_poll_for_event(c);
}

#endif
