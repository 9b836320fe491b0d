/* Waiting for the GPU to finish a frame. */
#ifndef GUEST_PROXY_DMABUF_DMABUF_WAIT_H
#define GUEST_PROXY_DMABUF_DMABUF_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct dmabuf;
struct relay_object;
struct wl_event_source;

/* Of a surface. */
struct dmabuf_wait {
	struct connection *connection;
	struct relay_object *surface;
	struct wl_event_source *fence, *slow; /* while a commit of it waits */
	bool counted;                         /* that commit, which is looked at more than once */
};

/* Both are borrowed, and last as long. dmabuf_wait_finish: the surface goes. */
void dmabuf_wait_init(
	struct dmabuf_wait *wait, struct connection *connection, struct relay_object *surface);
void dmabuf_wait_finish(struct dmabuf_wait *wait);

/*
 * Whether what was drawn into @dmabuf is finished. If not, the commit is to be deferred, or the
 * relay has failed; when it is finished, the relay is told, and connection->wake called with
 * connection->resume set.
 */
bool dmabuf_ready(struct dmabuf_wait *wait, const struct dmabuf *dmabuf);

/* The same for @fd (borrowed, until then), which is readable when the frame is finished. @waits
 * counts the commits that wait. */
bool dmabuf_wait(struct dmabuf_wait *wait, int fd, uint64_t *waits);

#endif
