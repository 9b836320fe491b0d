/* Commands about capsets and contexts. */
#include "host-bridge/gpu/commands_context.h"

#include <errno.h>

#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

uint32_t command_get_capset_info(struct command *command)
{
	const struct device_state *state = command->state;
	uint32_t index = command->in.get_capset_info.capset_index;
	if (index >= state->n_kinds)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	const struct context_kind *kind = state->kinds[index];
	command_begin_answer(command, sizeof(command->out.capset_info));
	command->out.capset_info.capset_id = kind->capset_id;
	command->out.capset_info.capset_max_version = kind->capset_version;
	command->out.capset_info.capset_max_size = kind->capset_bytes;
	return VIRTIO_GPU_RESP_OK_CAPSET_INFO;
}

uint32_t command_get_capset(struct command *command)
{
	const struct virtio_gpu_get_capset *in = &command->in.get_capset;
	const struct context_kind *kind = device_find_kind(command->state, in->capset_id);

	if (!kind || in->capset_version > kind->capset_version)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	command_begin_answer(command, sizeof(command->out.capset.hdr) + kind->capset_bytes);
	/* A guest whose buffer is shorter gets the first bytes. */
	kind->fill_capset(kind, command->out.capset.data);
	return VIRTIO_GPU_RESP_OK_CAPSET;
}

uint32_t command_ctx_create(struct command *command)
{
	const struct virtio_gpu_ctx_create *in = &command->in.ctx_create;
	struct device_state *state = command->state;
	uint32_t id = in->hdr.ctx_id;
	char name[sizeof(in->debug_name) + 1] = {0};

	if (id == 0 || id_map_find(&state->contexts, id))
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	struct context_kind *kind = device_kind_of_init(state, in->context_init);
	if (!kind || in->nlen > sizeof(in->debug_name))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (state->contexts.count >= DEVICE_MAX_CONTEXTS)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;

	memcpy(name, in->debug_name, in->nlen);
	struct context *context = kind->create(kind, id, name);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (kind->rate)
		rate_count(kind->rate, monotonic_ns());
	return command_response(device_add_context(state, context));
}

/* The context of the command's header; NULL if there is none. */
static struct context *find_context(const struct command *command)
{
	return id_map_find(&command->state->contexts, command->in.hdr.ctx_id);
}

uint32_t command_ctx_destroy(struct command *command)
{
	struct context *context = find_context(command);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	device_end_context(command->state, context);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_ctx_attach_resource(struct command *command)
{
	struct context *context = find_context(command);
	uint32_t id = command->in.ctx_resource.resource_id;
	struct resource *resource = resource_find(&command->state->resources, id);

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return command_response(device_attach(context, resource));
}

uint32_t command_ctx_detach_resource(struct command *command)
{
	struct context *context = find_context(command);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	return device_detach(context, command->in.ctx_resource.resource_id)
		? VIRTIO_GPU_RESP_OK_NODATA
		: VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
}

uint32_t command_submit_3d(struct command *command)
{
	struct device_state *state = command->state;
	struct context *context = find_context(command);
	uint32_t size = command->in.submit.size;

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (size > DEVICE_MAX_SUBMISSION_BYTES ||
		!range_fits(command->fixed_bytes, size, command->chain->out_bytes))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (virtqueue_read(command->queue, command->chain, command->fixed_bytes, state->submission,
		    size) != size)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	struct request *request =
		request_create(&state->requests, command->chain, &command->in.hdr, context);
	if (!request)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;

	state->counters.submissions++;
	int err = context->ops->submit(context, state->submission, size, request);
	if (err == -EINPROGRESS)
		return COMMAND_KEPT;
	if (err == 0 && request->ring >= 0 &&
		context->ops->fence(context, (uint32_t)request->ring, request))
		return COMMAND_KEPT;
	request_complete(request, command_response(err));
	return COMMAND_KEPT;
}
