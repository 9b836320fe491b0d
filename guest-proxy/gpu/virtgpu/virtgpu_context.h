/* Contexts of a device: what is handed to the host, and the fences that tell how far it is. */
#ifndef GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_CONTEXT_H
#define GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_CONTEXT_H

#include "guest-proxy/gpu/virtgpu/virtgpu_device.h"

enum virtgpu_fence_kind {
	VIRTGPU_FENCE_DONE,   /* of GPU_FENCE_DONE */
	VIRTGPU_FENCE_ANSWER, /* of GPU_FENCE_ANSWER */
	VIRTGPU_FENCE_BLOB,   /* the host has mapped the memory of a blob */
};

struct kernel_blob;

struct virtgpu_fence { /* of ring 0 */
	int fd;
	enum virtgpu_fence_kind kind;
	struct kernel_blob *blob; /* of VIRTGPU_FENCE_BLOB; NULL: it was destroyed meanwhile */
	/* Likewise: called once it is mapped. May destroy the context. */
	void (*mapped)(struct gpu_context *context, struct kernel_blob *blob);
	struct wl_list link; /* gpu_context::fences */
};

/* As gpu_ops has them. */
int virtgpu_context_create(struct gpu *base, const struct gpu_listener *listener, void *data,
	struct gpu_context **out);
void virtgpu_context_destroy(struct gpu_context *context);
int virtgpu_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence kind, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs);

/*
 * Hands @size bytes of commands to the kernel. @fence (malloc): becomes theirs; NULL: they have
 * none. 0, or -errno: the fence stays the caller's.
 */
int virtgpu_submit_fenced(struct gpu_context *context, const void *commands, size_t size,
	uint32_t ring, uint32_t flags, struct virtgpu_fence *fence);

#endif
