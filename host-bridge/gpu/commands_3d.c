/* Commands about classic 3D resources: those whose memory the context's renderer has. */
#include "host-bridge/gpu/commands_3d.h"

#include <errno.h>

#include "protocol/base/bytes.h"

#define MAX_SIDE_PX 32768
#define MAX_LAYERS 4096
#define MAX_SAMPLES 32
#define TARGET_BUFFER 0 /* virgl's PIPE_BUFFER: width is bytes */
#define BYTES_PER_PX 4  /* as a rule; this is for the quota */
#define PX_PER_STEP 16  /* renderers begin rows at multiples of 64 bytes */

/*
 * Roughly how much memory it takes, in whole pages; at least what a shared texture takes
 * (renderer_resources.c). 0: no resource has such sizes.
 */
static uint64_t estimate_bytes(const struct virtio_gpu_resource_create_3d *in)
{
	if (in->width == 0 || in->height == 0 || in->depth == 0 || in->array_size == 0)
		return 0;
	if (in->target == TARGET_BUFFER)
		return in->height == 1 && in->depth == 1 ? align_up(in->width, PAGE_BYTES) : 0;
	if (in->width > MAX_SIDE_PX || in->height > MAX_SIDE_PX || in->depth > MAX_LAYERS ||
		in->array_size > MAX_LAYERS || in->nr_samples > MAX_SAMPLES)
		return 0;
	/* At most 2^15 * 2^15 * 2^12 * 2^12 * 2^5 * 2^2 = 2^61 */
	uint64_t samples = in->nr_samples > 1 ? in->nr_samples : 1;
	return align_up(align_up(in->width, PX_PER_STEP) * in->height * in->depth * in->array_size *
			samples * BYTES_PER_PX,
		PAGE_BYTES);
}

uint32_t command_resource_create_3d(struct command *command)
{
	const struct virtio_gpu_resource_create_3d *in = &command->in.create_3d;
	struct device_state *state = command->state;
	struct resource *resource;
	uint64_t bytes = estimate_bytes(in);

	if (!device_find_kind(state, VIRTIO_GPU_CAPSET_VIRGL2))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (bytes == 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	int err =
		resource_create(&state->resources, in->resource_id, RESOURCE_3D, bytes, &resource);
	if (err < 0)
		return command_response(err);
	/* The worker of the first context that it is attached to creates it. */
	resource->shape = (struct resource_3d){
		.target = in->target,
		.format = in->format,
		.bind = in->bind,
		.width = in->width,
		.height = in->height,
		.depth = in->depth,
		.array_size = in->array_size,
		.last_level = in->last_level,
		.nr_samples = in->nr_samples,
		.flags = in->flags,
	};
	resource->width = in->width;
	resource->height = in->height;
	resource->format = in->format;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* TRANSFER_TO_HOST_3D and TRANSFER_FROM_HOST_3D */
uint32_t command_transfer_3d(struct command *command)
{
	const struct virtio_gpu_transfer_host_3d *in = &command->in.transfer_3d;
	struct device_state *state = command->state;
	struct context *context = id_map_find(&state->contexts, in->hdr.ctx_id);
	struct resource *resource = resource_find(&state->resources, in->resource_id);

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!context->ops->transfer)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	struct request *request =
		request_create(&state->requests, command->chain, &command->in.hdr, context);
	if (!request)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	int err = context->ops->transfer(context, resource, in, request);
	if (err == -EINPROGRESS)
		return COMMAND_KEPT;
	request_complete(request, command_response(err));
	return COMMAND_KEPT;
}
