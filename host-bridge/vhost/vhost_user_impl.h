/*
 * What the parts of the vhost-user backend share: vhost_user (connection, device),
 * vhost_user_messages (the frontend's requests), vhost_user_shmem (our requests to it).
 *
 * Messages only change this state and leave pending work behind; vhost_user_run does the work, and
 * it alone calls the device (but for memory_changed and the configuration). So messages that come
 * while a callback of the device waits in vhost_user_shmem_map are answered at once, and never
 * re-enter the device.
 */
#ifndef HOST_BRIDGE_VHOST_VHOST_USER_IMPL_H
#define HOST_BRIDGE_VHOST_VHOST_USER_IMPL_H

#include "host-bridge/vhost/vhost_user.h"

#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

struct vhost_user_ring {
	struct vhost_user *vu;
	struct virtqueue *queue;
	int kick_fd;
	struct wl_event_source *kick_source; /* NULL: not to be had from a poll, or none */
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

	struct frontend_listener *listener; /* NULL: only vhost_user_adopt brings frontends */
	int wake_fd;                        /* an eventfd: vhost_user_run is wanted */
	struct wl_event_source *wake_source;

	/* The frontend: */
	int socket;
	struct wl_event_source *source;
	struct vhost_user_reader reader;
	uint64_t features;
	uint64_t protocol_features;
	struct guest_memory *memory;
	struct vhost_user_ring rings[VHOST_USER_MAX_QUEUES];

	int backend_socket;          /* for our requests; -1: not given, or given up */
	uint64_t backend_generation; /* counts changes of it */
	struct vhost_user_reader backend_reader;

	/* The device: */
	bool running;
	bool resumed; /* as the last started callback was told */
	bool broken;  /* until the next reset */
	bool dirty;   /* the driver may have made things since the last reset */

	/* What is to be done: */
	bool reset_pending;
	bool start_pending;
	bool lost; /* the connection is over */

	bool busy;    /* a callback of the device is running */
	bool waiting; /* for the answer to a request of ours */

	struct log_limit log_limit; /* for what guests and strangers can cause */
};

/*
 * Does pending work, or sees to it that it will be done, when the device is being called already.
 */
void vhost_user_run(struct vhost_user *vu);
/* Serves messages of the frontend that have come. */
void vhost_user_serve(struct vhost_user *vu);
/*
 * The connection is over, for the reason given (a line has been logged): vhost_user_run takes it
 * down.
 */
void vhost_user_lose(struct vhost_user *vu);
/* Whether the rings go on where they stopped: same driver. */
bool vhost_user_would_resume(const struct vhost_user *vu);
/* Whether a ring takes requests, as far as the frontend said. */
bool vhost_user_ring_ready(const struct vhost_user_ring *ring);
/* Takes @fd (-1: none). 0 or -errno. */
int vhost_user_ring_start(struct vhost_user_ring *ring, int fd);
void vhost_user_ring_stop(struct vhost_user_ring *ring);

/*
 * One message of the frontend: handles and answers it; its fds remain the message's, or are taken
 * from it (-1).
 */
void vhost_user_handle(struct vhost_user *vu, struct vhost_user_message *message);

/* Gives the channel for our requests up; takes @fd as the new one (-1: none). */
void vhost_user_set_backend_socket(struct vhost_user *vu, int fd);

#endif
