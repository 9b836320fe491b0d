/*
 * What a vhost-user frontend has set up: features, memory, rings, and what is to be done about it.
 *
 * Messages (vhost_user_messages.c) only change this state and leave work behind; vhost_user.c does
 * the work, and it alone calls the device (but for memory_changed and the configuration).
 */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_STATE_H
#define HOST_BRIDGE_VHOST_VHOST_USER_STATE_H

#include "host-bridge/vhost/backend_channel.h"
#include "host-bridge/vhost/vhost_user_device.h"
#include "host-bridge/virtio/virtqueue.h"
#include "protocol/base/log.h"

struct vhost_user;

struct vhost_user_ring {
	struct vhost_user *vu;
	struct virtqueue *queue;
	int kick_fd;
	struct wl_event_source *kick_source; /* NULL: there is no kick fd, or it has ended */
	bool kick_edge;                      /* as of eventfd_source_add */
	int error_fd;
	bool started; /* between SET_VRING_KICK and GET_VRING_BASE */
	bool enabled; /* as the last SET_VRING_ENABLE said */
	bool stopped; /* since GET_VRING_BASE; the queue is paused until the device runs again */
	bool pending; /* to be processed */
	uint16_t stopped_at, base; /* indices of GET_VRING_BASE and SET_VRING_BASE */
};

struct vhost_user {
	struct wl_event_loop *loop;
	const struct vhost_user_device *device;
	void *data;
	void (*run)(struct vhost_user *vu); /* does the work below */

	struct frontend_listener *listener; /* NULL: only vhost_user_adopt brings frontends */
	int wake_fd;                        /* an eventfd: run is wanted */
	struct wl_event_source *wake_source;

	/* The frontend: */
	int socket;
	struct wl_event_source *source;
	struct vhost_user_reader reader;
	uint64_t features;
	uint64_t protocol_features;
	struct guest_memory *memory;
	struct vhost_user_ring rings[VHOST_USER_MAX_QUEUES];
	struct backend_channel *backend;

	/* The device: */
	bool running;
	bool resumed; /* as the last started callback was told */
	bool broken;  /* until the next reset */
	bool dirty;   /* the driver may have made things since the last reset */

	/* What is to be done: */
	bool reset_pending;
	bool start_pending;
	bool failed; /* the connection is over */
};

/* Requests of ours go out only while the device runs. */
void vhost_user_set_running(struct vhost_user *vu, bool running);
/* Whether the rings go on where they stopped: same driver. */
bool vhost_user_would_resume(const struct vhost_user *vu);

/* Whether a ring takes requests, as far as the frontend said. */
bool vhost_user_ring_ready(const struct vhost_user_ring *ring);
/* If it is ready: it is to be processed, and the device to be started. */
void vhost_user_ring_begin(struct vhost_user_ring *ring);
/* Takes the kick fd @fd (-1: none). 0 or -errno. */
int vhost_user_ring_start(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_stop(struct vhost_user_ring *ring);

#endif
