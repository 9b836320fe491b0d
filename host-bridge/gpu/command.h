/* One command of a virtio-gpu queue: how it is read, and answered. */
#ifndef HOST_BRIDGE_GPU_COMMAND_H
#define HOST_BRIDGE_GPU_COMMAND_H

#include <linux/virtio_gpu.h>

#include "host-bridge/gpu/device_state.h"

/* One command, copied from the guest. */
struct command {
	struct device_state *state;
	struct virtqueue *queue;
	const struct virtqueue_chain *chain;
	size_t fixed_bytes; /* of the command's struct; what follows it is still in the chain */
	size_t in_bytes;    /* how much of @in has come; the rest is zeroes */
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resource_create_2d create_2d;
		struct virtio_gpu_resource_unref unref;
		struct virtio_gpu_set_scanout set_scanout;
		struct virtio_gpu_resource_flush flush;
		struct virtio_gpu_transfer_to_host_2d transfer_to_host_2d;
		struct virtio_gpu_resource_attach_backing attach_backing;
		struct virtio_gpu_resource_detach_backing detach_backing;
		struct virtio_gpu_get_capset_info get_capset_info;
		struct virtio_gpu_get_capset get_capset;
		struct virtio_gpu_resource_assign_uuid assign_uuid;
		struct virtio_gpu_resource_create_blob create_blob;
		struct virtio_gpu_set_scanout_blob set_scanout_blob;
		struct virtio_gpu_ctx_create ctx_create;
		struct virtio_gpu_ctx_resource ctx_resource;
		struct virtio_gpu_cmd_submit submit;
		struct virtio_gpu_resource_map_blob map_blob;
		struct virtio_gpu_resource_unmap_blob unmap_blob;
		struct virtio_gpu_resource_create_3d create_3d;
		struct virtio_gpu_transfer_host_3d transfer_3d;
		struct virtio_gpu_update_cursor cursor;
		struct virtio_gpu_cmd_get_edid get_edid;
	} in;
	size_t out_bytes; /* of the answer: the header, unless command_begin_answer said more */
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info display_info;
		struct virtio_gpu_resp_edid edid;
		struct virtio_gpu_resp_capset_info capset_info;
		struct {
			struct virtio_gpu_ctrl_hdr hdr;
			uint8_t data[CONTEXT_MAX_CAPSET_BYTES];
		} capset;
		struct virtio_gpu_resp_resource_uuid uuid;
		struct virtio_gpu_resp_map_info map_info;
	} out;
};

/* What a handler returns when a context has kept the command: it answers later. */
#define COMMAND_KEPT 0

/*
 * Copies the command in @chain, of the queue @queue: more than its struct where others are larger,
 * which nobody looks at. Its answer is a header.
 */
void command_read(struct command *command, struct device_state *state, enum device_queue queue,
	const struct virtqueue_chain *chain);

/*
 * The answer is to have @bytes, which are zeroes until something is written. Nothing of the host's
 * stack reaches a guest that way.
 */
void command_begin_answer(struct command *command, size_t bytes);

/*
 * Puts the answer on the used ring, with @response, unless that is COMMAND_KEPT. @name: for the
 * log; NULL: the command is unknown.
 */
void command_answer(struct command *command, const char *name, uint32_t response);

#endif
