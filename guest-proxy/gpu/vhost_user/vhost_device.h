/* What the files of the vhost-user backend share: the device, its contexts and their blobs. */
#ifndef GUEST_PROXY_GPU_VHOST_USER_VHOST_DEVICE_H
#define GUEST_PROXY_GPU_VHOST_USER_VHOST_DEVICE_H

#include <errno.h>

#include "guest-proxy/gpu/gpu.h"
#include "guest-proxy/gpu/vhost_user/gpu_queue.h"

#define CAPSET_MAX_BYTES (VIRTQUEUE_DRIVER_RESPONSE_BYTES - sizeof(struct virtio_gpu_ctrl_hdr))
/* The host may still use a segment of the region that we gave back, and refuse to map something
 * else there: how many places are tried. */
#define MAP_ATTEMPTS 8

/* Tags of what a context asked for: enum gpu_fence, or */
#define TAG_CONTEXT 100u

struct gpu_vhost_user {
	struct gpu base;
	struct gpu_queue *queue;
	struct extents region; /* pages */
	uint8_t capset[CAPSET_MAX_BYTES];
	size_t capset_bytes;
	struct wl_list contexts; /* gpu_context::link */
	struct wl_list ready;    /* gpu_context::ready_link: those that have something to be told */
	struct wl_list starved;  /* gpu_context::starved_link */
	struct wl_list dropped;  /* vhost_blob::link: destroyed before they were answered */
	struct wl_list given;    /* vhost_blob::given_link: not acknowledged, in order */
	unsigned n_contexts;
	uint32_t last_context_id, last_resource_id;
	uint64_t last_fence_id;
	bool telling, death_told;
};

struct gpu_context {
	struct gpu_vhost_user *gpu;
	const struct gpu_listener *listener;
	void *data;
	uint32_t id;
	unsigned n_events, n_done, n_answered; /* to be told */
	struct wl_list blobs;                  /* vhost_blob::link: whose end is to be told */
	/* gpu_vhost_user::starved, or empty: was refused a submission: done(0) when there is room
	 */
	struct wl_list starved_link;
	bool lost_told;
	const char *lost;          /* why; NULL: it lives */
	struct wl_list link;       /* gpu_vhost_user::contexts */
	struct wl_list ready_link; /* gpu_vhost_user::ready, or empty */
};

struct vhost_blob {
	struct gpu_blob base;
	struct gpu_vhost_user *gpu;
	enum gpu_blob_memory memory;
	struct extent pages; /* of guest RAM, or of the region */
	struct gpu_answer create, attach, map;
	unsigned n_pending; /* of these answers, and the one about a given file, that are to come */
	int error;          /* once all have come: 0 or -errno */
	bool unnamed; /* no command has made a resource of it; the device has its file at most */
	bool dropped; /* destroyed; freed with the last answer */
	/* Where the host refused to map it; given back when another place was found. */
	struct extent refused[MAP_ATTEMPTS];
	unsigned n_refused;
	struct wl_list link;       /* gpu_context::blobs, gpu_vhost_user::dropped, or empty */
	struct wl_list given_link; /* gpu_vhost_user::given, or empty */
};

static inline struct virtio_gpu_ctrl_hdr header(uint32_t type, uint32_t context_id)
{
	return (struct virtio_gpu_ctrl_hdr){.type = type, .ctx_id = context_id};
}

/* What an answer that is an error means here. */
static inline int errno_of(uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY:
		return -ENOMEM;
	case VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER:
		return -EINVAL;
	default:
		return -EIO;
	}
}

#endif
