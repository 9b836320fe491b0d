/* What a virtio-gpu context of any kind is to the device. */
#ifndef HOST_BRIDGE_CONTEXT_H
#define HOST_BRIDGE_CONTEXT_H

#include "host-bridge/resources.h"

struct context;

/*
 * A command of the control queue that has been executed, or whose execution a context keeps for later. The device
 * owns it; whoever was given it completes it exactly once. A context that dies need not: the device completes what is left.
 */
struct request;
/* Answers with @response (VIRTIO_GPU_RESP_*), with the command's fence echoed, and puts it on the used ring. */
void request_complete(struct request *request, uint32_t response);

struct context_blob { /* what a HOST3D blob_id stands for */
	uint64_t size;
	int fd;	/* an fd of its own (owned by the receiver of this struct), or -1: a slot of the window */
	uint64_t fd_offset;
	/* Contents to be written once the blob has memory (received keymaps), or NULL; owned by the receiver: free(). */
	void *contents;
	size_t contents_size;
};

struct context_ops {
	void (*destroy)(struct context *context);
	/* CTX_ATTACH_RESOURCE and CTX_DETACH_RESOURCE. attach may refuse with -errno. @resource is borrowed; ref it to keep it. */
	int (*attach)(struct context *context, struct resource *resource);
	void (*detach)(struct context *context, struct resource *resource);
	/*
	 * SUBMIT_3D: @size bytes, copied from the guest already. 0: done (the device goes on to fence); -errno: refused. -EINPROGRESS: the context keeps @request and completes it itself.
	 */
	int (*submit)(struct context *context, const uint8_t *commands, size_t size, struct request *request);
	/*
	 * After a submit with VIRTIO_GPU_FLAG_FENCE on a ring: true if the context keeps @request until the fence is due;
	 * false: signal it at once.
	 */
	bool (*fence)(struct context *context, uint32_t ring_idx, struct request *request);
	/* RESOURCE_CREATE_BLOB with BLOB_MEM_HOST3D. 0 or -errno. */
	int (*create_blob)(struct context *context, uint64_t blob_id, uint64_t size, uint32_t flags, struct context_blob *out);
};

struct context {
	const struct context_ops *ops;
	uint32_t id;
};

#endif
