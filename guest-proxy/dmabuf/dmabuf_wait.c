/*
 * Frames that the GPU has not finished when they are committed. The compositor reads a buffer at
 * once and knows nothing of the guest's GPU work: so the commit waits, and with it what the client
 * says about its surface after it, and about those that belong to it. Other windows do not wait.
 *
 * There is no limit to the wait. A GPU that is busy, or a host that was suspended, is slow and not
 * broken; and a frame shown before it is finished would be worse than a late one.
 */
#include "guest-proxy/dmabuf/dmabuf_wait.h"

#include <poll.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"

#define LOG_MODULE "dmabuf"
#include "protocol/base/log.h"

#define SLOW_MS 5000

void dmabuf_wait_init(
	struct dmabuf_wait *wait, struct connection *connection, struct relay_object *surface)
{
	*wait = (struct dmabuf_wait){.connection = connection, .surface = surface};
}

static void stop_waiting(struct dmabuf_wait *wait)
{
	event_source_remove(&wait->fence);
	event_source_remove(&wait->slow);
}

/* The commit is to be looked at again. */
static void go_on(struct dmabuf_wait *wait)
{
	struct connection *connection = wait->connection;

	stop_waiting(wait);
	relay_resume(connection->relay, wait->surface);
	connection->resume = true;
	connection->wake(connection);
}

void dmabuf_wait_finish(struct dmabuf_wait *wait)
{
	/* A surface can go without its commit (by a delete_id that nobody expected): nothing will
	 * be heard of that any more, but what waits behind it must not wait for ever. */
	if (wait->fence && !wait->connection->ending)
		go_on(wait);
	stop_waiting(wait);
}

static int handle_fence(int fd, uint32_t mask, void *data)
{
	go_on(data);
	return 0;
}

static int handle_slow(void *data)
{
	const struct dmabuf_wait *wait = data;

	log_limited(LOG_LEVEL_WARN,
		"%s: the GPU has not finished a frame within %d s; the window waits for it",
		wait->connection->name, SLOW_MS / 1000);
	return 0;
}

static bool fd_ready(int fd)
{
	struct pollfd events = {.fd = fd, .events = POLLIN};
	return poll(&events, 1, 0) != 0; /* no wait for an fd that cannot be polled */
}

/* Whether @fd is readable; else the commit waits for that, or the relay has failed. */
static bool look(struct dmabuf_wait *wait, int fd, uint64_t *waits)
{
	struct connection *connection = wait->connection;

	stop_waiting(wait); /* for what an earlier look at the commit waited for */
	if (fd_ready(fd))
		return true;
	*waits += !wait->counted;
	wait->counted = true;
	wait->fence =
		wl_event_loop_add_fd(connection->loop, fd, WL_EVENT_READABLE, handle_fence, wait);
	wait->slow = wl_event_loop_add_timer(connection->loop, handle_slow, wait);
	if (!wait->fence || !wait->slow) {
		stop_waiting(wait);
		relay_fail(connection->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory to wait for a frame");
		return false;
	}
	wl_event_source_timer_update(wait->slow, SLOW_MS);
	return false;
}

bool dmabuf_wait(struct dmabuf_wait *wait, int fd, uint64_t *waits)
{
	if (!look(wait, fd, waits))
		return false;
	wait->counted = false;
	return true;
}

bool dmabuf_ready(struct dmabuf_wait *wait, const struct dmabuf *dmabuf)
{
	for (size_t i = 0; i < ARRAY_LENGTH(dmabuf->fds); i++)
		if (dmabuf->fds[i] >= 0 &&
			!look(wait, dmabuf->fds[i], &wait->connection->dmabuf_waits))
			return false;
	wait->counted = false;
	return true;
}
