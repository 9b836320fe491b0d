/*
 * Frames that the GPU has not finished when they are committed. The compositor reads a buffer at
 * once and knows nothing of the guest's GPU work: so the commit waits, and with it all that the
 * client says after it. Other clients do not wait.
 *
 * There is no limit to the wait. A GPU that is busy, or a host that was suspended, is slow and not
 * broken; and a frame shown before it is finished would be worse than a late one.
 */
#include "guest-proxy/dmabuf/dmabuf_wait.h"

#include <poll.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "dmabuf"
#include "protocol/base/log.h"

#define SLOW_MS 5000

static void stop_waiting(struct connection *connection)
{
	struct dmabuf_state *state = connection->dmabuf;

	if (state->fence)
		wl_event_source_remove(state->fence);
	if (state->slow)
		wl_event_source_remove(state->slow);
	state->fence = state->slow = NULL;
	connection->held = false;
}

static int handle_fence(int fd, uint32_t mask, void *data)
{
	struct connection *connection = data;
	stop_waiting(connection);
	connection->resume = true;
	connection->wake(connection);
	return 0;
}

static int handle_slow(void *data)
{
	struct connection *connection = data;

	log_limited(LOG_LEVEL_WARN,
		"%s: the GPU has not finished a frame within %d s; the window waits for it",
		connection->name, SLOW_MS / 1000);
	return 0;
}

bool dmabuf_fd_ready(int fd)
{
	struct pollfd events = {.fd = fd, .events = POLLIN};
	return poll(&events, 1, 0) != 0; /* no wait for an fd that cannot be polled */
}

bool dmabuf_wait(struct connection *connection, int fd)
{
	struct dmabuf_state *state = connection->dmabuf;

	if (dmabuf_fd_ready(fd))
		return true;
	stop_waiting(connection); /* for what an earlier look at the commit waited for */
	state->fence = wl_event_loop_add_fd(
		connection->loop, fd, WL_EVENT_READABLE, handle_fence, connection);
	state->slow = wl_event_loop_add_timer(connection->loop, handle_slow, connection);
	if (!state->fence || !state->slow) {
		stop_waiting(connection);
		relay_fail(connection->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory to wait for a frame");
		return false;
	}
	wl_event_source_timer_update(state->slow, SLOW_MS);
	connection->held = true;
	return false;
}

bool dmabuf_ready(struct connection *connection, const struct dmabuf *dmabuf)
{
	for (size_t i = 0; i < ARRAY_LENGTH(dmabuf->fds); i++) {
		if (dmabuf->fds[i] < 0 || dmabuf_wait(connection, dmabuf->fds[i]))
			continue;
		connection->dmabuf_waits++;
		return false;
	}
	return true;
}
