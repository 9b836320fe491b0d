/* Answers of the X server that are not waited for: each is handled when it has come. */
#ifndef GUEST_PROXY_X11_BASE_REPLIES_H
#define GUEST_PROXY_X11_BASE_REPLIES_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>
#include <xcb/xcb.h>

/* What an answer is about. Names, not pointers: the thing may be gone by then. */
struct reply_subject {
	uint32_t id;     /* a window, or whatever the handler looks up */
	uint32_t detail; /* a number of the handler's own */
};

/* @reply: as xcb's, freed by the caller; NULL: the request failed. */
typedef void (*reply_fn)(void *data, struct reply_subject subject, void *reply);

struct replies {
	xcb_connection_t *x; /* set before the first request */
	void *data;          /* for the functions */
	struct wl_list list; /* in the order of the requests */
	uint32_t count;
};

void replies_init(struct replies *replies, void *data);
void replies_finish(struct replies *replies);

/*
 * @function will be called once for the request with @sequence, the latest one. Where memory is
 * short it is called at once, as for a request that failed.
 */
void replies_expect(struct replies *replies, unsigned int sequence, reply_fn function,
	struct reply_subject subject);

/* Handles what has come: so many. It reads from the socket, and events may be queued by that. */
uint32_t replies_poll(struct replies *replies);

#endif
