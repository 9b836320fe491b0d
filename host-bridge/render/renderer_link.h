/* The device's end of one worker's socket: requests out, answers in, and the worker's end. */
#ifndef HOST_BRIDGE_RENDER_RENDERER_LINK_H
#define HOST_BRIDGE_RENDER_RENDERER_LINK_H

#include <wayland-server-core.h>

#include "host-bridge/render/renderer.h"

struct renderer_link;

/* A request whose answer is awaited. */
struct renderer_call {
	struct wl_list link; /* the link's */
	uint32_t serial;     /* the link's */
	/*
	 * Called once, from the event loop. @answer: its version, serial, sizes and number of fds
	 * have been checked; NULL: the worker is lost. @fd came with it (the callee's; -1: none).
	 */
	void (*done)(struct renderer_call *call, const struct renderer_answer *answer, int fd);
};

struct renderer_link_listener {
	/* The worker is lost: it ended, hangs, or sent something malformed. All calls are done by
	 * then. Called once, from the event loop. */
	void (*lost)(void *data, const char *why);
	/* renderer_link_congested is no longer true. */
	void (*drained)(void *data);
};

/* Starts a worker. NULL when that fails. @renderer and @listener are borrowed. */
struct renderer_link *renderer_link_create(struct wl_event_loop *loop, struct renderer *renderer,
	enum renderer_kind kind, const struct renderer_link_listener *listener, void *data);
/* Ends the worker. Open calls are dropped: done is not called. NULL is fine. */
void renderer_link_destroy(struct renderer_link *link);

/* The worker's id, which is never used twice. */
uint32_t renderer_link_worker(const struct renderer_link *link);

/*
 * Sends @request and the @extra_bytes behind it, with @fd (borrowed; -1: none). With @call an
 * answer is awaited: the serial is filled in. Never waits; an error ends with listener->lost.
 */
void renderer_link_send(struct renderer_link *link, const struct renderer_request *request,
	const void *extra, size_t extra_bytes, int fd, struct renderer_call *call);

/* Much is queued for the worker: callers that can wait should, until listener->drained. */
bool renderer_link_congested(const struct renderer_link *link);

#endif
