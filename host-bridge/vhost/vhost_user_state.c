/* What a vhost-user frontend has set up: its rings, and whether the device runs. */
#include "host-bridge/vhost/vhost_user_state.h"

#include <errno.h>
#include <unistd.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

void vhost_user_set_running(struct vhost_user *vu, bool running)
{
	vu->running = running;
	backend_channel_set_open(vu->backend, running);
}

/*
 * A stop and a reset look alike until the restart: a driver that goes on does so at the old index,
 * a new one begins at 0. (A queue that stopped at index 0 after a multiple of 65536 requests is
 * taken for new, when all are at 0.)
 */
bool vhost_user_would_resume(const struct vhost_user *vu)
{
	bool resumed = false;
	if (!vu->dirty || vu->reset_pending)
		return false;
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		const struct vhost_user_ring *ring = &vu->rings[i];
		if (!ring->started || !ring->stopped)
			continue;
		if (ring->base != ring->stopped_at)
			return false;
		resumed |= ring->base != 0;
	}
	return resumed;
}

bool vhost_user_ring_ready(const struct vhost_user_ring *ring)
{
	bool needs_enable = ring->vu->features & (UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES);
	return ring->started && (ring->enabled || !needs_enable);
}

void vhost_user_ring_begin(struct vhost_user_ring *ring)
{
	if (!vhost_user_ring_ready(ring))
		return;
	ring->pending = true;
	ring->vu->start_pending |= !ring->vu->running;
}

/* Who watches it next is not told of what came to us: a ring is looked at when it starts. */
static void clear_kick(const struct vhost_user_ring *ring)
{
	uint64_t count;
	fd_set_nonblock(ring->kick_fd); /* it is shared */
	ssize_t n = read(ring->kick_fd, &count, sizeof(count));
	(void)n; /* nothing to read: it was not kicked */
}

static void drop_kick(struct vhost_user_ring *ring)
{
	if (ring->kick_source)
		wl_event_source_remove(ring->kick_source);
	if (ring->kick_source && ring->kick_edge)
		clear_kick(ring);
	ring->kick_source = NULL;
	fd_close(&ring->kick_fd);
}

static int handle_kick(int fd, uint32_t mask, void *data)
{
	struct vhost_user_ring *ring = data;
	uint64_t count;
	ssize_t n = ring->kick_edge ? 1 : read(fd, &count, sizeof(count));
	if (n > 0) {
		ring->pending = true;
		ring->vu->run(ring->vu);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		log_warn("queue %td will not be kicked any more", ring - ring->vu->rings);
		drop_kick(ring);
	}
	return 0;
}

int vhost_user_ring_start(struct vhost_user_ring *ring, int fd)
{
	struct vhost_user *vu = ring->vu;

	drop_kick(ring);
	if (fd >= 0) {
		ring->kick_source =
			eventfd_source_add(vu->loop, fd, handle_kick, ring, &ring->kick_edge);
		if (!ring->kick_source) {
			close(fd);
			return -EINVAL;
		}
		ring->kick_fd = fd;
	} else {
		log_warn("queue %td has no kick: it is only looked at when it is enabled",
			ring - vu->rings);
	}
	ring->started = true;
	vhost_user_ring_begin(ring);
	return 0;
}

void vhost_user_ring_stop(struct vhost_user_ring *ring)
{
	drop_kick(ring);
	virtqueue_pause(ring->queue);
	ring->started = false;
	ring->pending = false;
	ring->stopped = true;
	ring->stopped_at = virtqueue_base(ring->queue);
}
