/* The device's end of one worker's socket: requests out, answers in, and the worker's death. */
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
	 * Once, from the event loop: @answer, of which version, serial, sizes and the number of fds
	 * have been checked, and its fd (taken; -1: none). Or NULL: the worker is lost.
	 */
	void (*done)(struct renderer_call *call, const struct renderer_answer *answer, int fd);
};

struct renderer_link_listener {
	/* The worker is gone: it ended, hangs, or spoke nonsense. All calls have been told. Once,
	 * from the event loop. */
	void (*lost)(void *data, const char *why);
	/* It is no longer congested. */
	void (*drained)(void *data);
};

/* Starts a worker. NULL when none can be had. @renderer and @listener are borrowed. */
struct renderer_link *renderer_link_create(struct wl_event_loop *loop, struct renderer *renderer,
	enum renderer_kind kind, const struct renderer_link_listener *listener, void *data);
/* Ends the worker. Calls that are open are forgotten, not told. NULL is fine. */
void renderer_link_destroy(struct renderer_link *link);

/* Its name, never used twice. */
uint32_t renderer_link_worker(const struct renderer_link *link);

/*
 * Sends @request and the @extra_bytes behind it, with @fd (borrowed; -1: none). With @call an
 * answer is awaited: the serial is filled in. Never waits; what goes wrong is the worker's loss.
 */
void renderer_link_send(struct renderer_link *link, const struct renderer_request *request,
	const void *extra, size_t extra_bytes, int fd, struct renderer_call *call);

/* More is queued than the worker takes: whoever can shall wait for drained. */
bool renderer_link_congested(const struct renderer_link *link);

#endif
