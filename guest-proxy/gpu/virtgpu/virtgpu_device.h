/* A virtio-gpu device of the kernel's and its contexts, as all of this room know them. */
#ifndef GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_DEVICE_H
#define GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_DEVICE_H

#include "guest-proxy/gpu/gpu.h"
#include "protocol/base/bytes.h"

#define VIRTGPU_CAPSET_MAX_BYTES 256

struct gpu_virtgpu {
	struct gpu base;
	struct wl_event_loop *loop;
	char *path, *description;
	bool host_visible; /* the device has a region for its own memory */
	bool host_mapped;  /* and it was seen to work */
	uint8_t capset[VIRTGPU_CAPSET_MAX_BYTES];
	struct wl_list contexts;         /* gpu_context::link */
	int watch;                       /* tells when the node is removed; -1: cannot */
	struct wl_event_source *watched; /* of watch */
	struct turn_task tell_task;      /* that it has died */
	struct wl_event_source *retry;   /* a timer: contexts that are starved may try again */
	bool dead;
};

struct gpu_context {
	struct gpu_virtgpu *gpu;
	struct wl_list link; /* gpu_virtgpu::contexts */
	const struct gpu_listener *listener;
	void *data;
	int fd;
	struct wl_event_source *events; /* of fd */
	struct wl_list imports;         /* kernel_blob::link */
	struct wl_list fences;          /* virtgpu_fence::link, oldest first: of ring 0 */
	struct wl_event_source *oldest; /* the first of them; NULL: there is none */
	struct turn_task tell_task;     /* that it is lost */
	const char *lost;               /* why; NULL: it lives */
	bool starved;   /* a submission found no fd for its fence: done(0) will be told */
	bool telling;   /* the listener is being called, and may destroy the context */
	bool destroyed; /* meanwhile; whoever tells frees it */
};

static inline struct gpu_virtgpu *virtgpu_of_base(const struct gpu *base)
{
	return container_of(base, struct gpu_virtgpu, base);
}

/* As ioctls take it. */
static inline uint64_t virtgpu_address(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* The context is lost, which its listener is told later; nothing comes from it until then. */
void virtgpu_context_fail(struct gpu_context *context, const char *why);
/* The tasks of turns: of a context, and of the device when it was removed. */
void virtgpu_context_tell_lost(void *data);
void virtgpu_tell_died(void *data);

/* Has the file of the device watched for its removal, which the kernel does not tell those who have
 * it open. */
void virtgpu_watch_node(struct gpu_virtgpu *gpu);
/* -ENODEV is what the kernel says of a device that was removed. Returns @error. */
int virtgpu_check_removed(struct gpu_virtgpu *gpu, int error);

/*
 * Every submission with a fence needs an fd for a while. Without one the listener's done(0) is
 * called a little later, for it to try again. -EAGAIN, or -ENOMEM.
 */
int virtgpu_wait_for_fds(struct gpu_context *context);

#endif
