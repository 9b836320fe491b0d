/* The commands of the virtio-gpu queues (virtio 1.3, 5.7.6). */
#ifndef HOST_BRIDGE_GPU_COMMANDS_H
#define HOST_BRIDGE_GPU_COMMANDS_H

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

/* Executes a command and returns VIRTIO_GPU_RESP_*, or COMMAND_KEPT. */
typedef uint32_t (*command_fn)(struct command *command);

/*
 * The answer is to have @bytes, which are zeroes until something is written. Nothing of the host's
 * stack reaches a guest that way.
 */
void command_begin_answer(struct command *command, size_t bytes);

/* Takes the command in @chain off @queue, executes it, and puts the answer on the used ring, unless
 * it comes later. */
void command_execute(
	struct device_state *state, enum device_queue queue, const struct virtqueue_chain *chain);

/* Executes what had to wait and need not any more (see waiting_retry). False: the turn is over and
 * there may be more.
 */
bool commands_retry(struct device_state *state, bool contexts_woke);
/* Goes on with commands that take more than a turn. False: there is more to do in the next one. */
bool commands_continue(struct device_state *state);
/* Before a reset: forgets them all. */
void commands_drop(struct device_state *state);

/* In commands_context.c */
uint32_t command_get_capset_info(struct command *command);
uint32_t command_get_capset(struct command *command);
uint32_t command_ctx_create(struct command *command);
uint32_t command_ctx_destroy(struct command *command);
uint32_t command_ctx_attach_resource(struct command *command);
uint32_t command_ctx_detach_resource(struct command *command);
uint32_t command_submit_3d(struct command *command);

/* In commands_3d.c */
uint32_t command_resource_create_3d(struct command *command);
uint32_t command_transfer_3d(struct command *command);

/* In commands_resource.c */
bool command_backings_continue(struct device_state *state);
void command_backings_drop(struct device_state *state);
uint32_t command_resource_create_2d(struct command *command);
uint32_t command_resource_unref(struct command *command);
uint32_t command_resource_attach_backing(struct command *command);
uint32_t command_resource_detach_backing(struct command *command);
uint32_t command_resource_assign_uuid(struct command *command);
uint32_t command_resource_create_blob(struct command *command);
uint32_t command_resource_map_blob(struct command *command);
uint32_t command_resource_unmap_blob(struct command *command);
uint32_t command_transfer_to_host_2d(struct command *command);
/* Whether @r, not empty, lies in the resource; blobs have no size in pixels. */
bool command_rect_fits(const struct resource *resource, const struct virtio_gpu_rect *r);

/* In commands_console.c */
uint32_t command_get_display_info(struct command *command);
uint32_t command_get_edid(struct command *command);
uint32_t command_set_scanout(struct command *command);
uint32_t command_set_scanout_blob(struct command *command);
uint32_t command_resource_flush(struct command *command);
uint32_t command_cursor(struct command *command);

#endif
