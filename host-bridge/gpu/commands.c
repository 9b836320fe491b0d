/* The table of virtio-gpu commands; and those about the device and its contexts. */
#include "host-bridge/gpu/commands.h"

#include <errno.h>

#include "protocol/base/bytes.h"
#define LOG_MODULE "device"
#include "protocol/base/log.h"

#define MAX_RINGS 64 /* virtio 1.3, 5.7.6.7: ring_idx is below it */

/* --- the device --- */

static uint32_t get_display_info(struct command *command)
{
	/* One scanout (kernel 6.1 wants one), every mode disabled: all zeroes. */
	command->out_bytes = sizeof(command->out.display_info);
	return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

struct context_kind *device_find_kind(const struct device_state *state, uint32_t capset_id)
{
	for (size_t i = 0; i < state->n_kinds; i++)
		if (state->kinds[i]->capset_id == capset_id)
			return state->kinds[i];
	return NULL;
}

static uint32_t get_capset_info(struct command *command)
{
	const struct device_state *state = command->state;
	uint32_t index = command->in.get_capset_info.capset_index;
	if (index >= state->n_kinds)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	const struct context_kind *kind = state->kinds[index];
	command->out.capset_info.capset_id = kind->capset_id;
	command->out.capset_info.capset_max_version = kind->capset_version;
	command->out.capset_info.capset_max_size = kind->capset_bytes;
	command->out_bytes = sizeof(command->out.capset_info);
	return VIRTIO_GPU_RESP_OK_CAPSET_INFO;
}

static uint32_t get_capset(struct command *command)
{
	const struct virtio_gpu_get_capset *in = &command->in.get_capset;
	const struct context_kind *kind = device_find_kind(command->state, in->capset_id);

	if (!kind || in->capset_version > kind->capset_version)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	/* A guest that has room for the first bytes gets these. */
	kind->fill_capset(kind, command->out.capset.data);
	command->out_bytes = sizeof(command->out.capset.hdr) + kind->capset_bytes;
	return VIRTIO_GPU_RESP_OK_CAPSET;
}

/* --- contexts --- */

static uint32_t ctx_create(struct command *command)
{
	const struct virtio_gpu_ctx_create *in = &command->in.ctx_create;
	struct device_state *state = command->state;
	uint32_t id = in->hdr.ctx_id;
	char name[sizeof(in->debug_name) + 1] = {0};

	if (id == 0 || id_map_find(&state->contexts, id))
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	uint32_t capset_id = in->context_init & VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK;
	if (capset_id == 0) /* as it was before there were several: OpenGL */
		capset_id = VIRTIO_GPU_CAPSET_VIRGL2;
	struct context_kind *kind = device_find_kind(state, capset_id);
	if (!kind || in->nlen > sizeof(in->debug_name))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (state->contexts.count >= DEVICE_MAX_CONTEXTS)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;

	memcpy(name, in->debug_name, in->nlen);
	struct context *context = kind->create(kind, id, name);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	wl_list_init(&context->requests);
	wl_list_init(&context->wake_link);
	if (id_map_insert(&state->contexts, id, context) < 0) {
		context->ops->destroy(context);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	state->counters.contexts++;
	log_debug("%s is there", context->name);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void detach(struct context *context, struct resource *resource)
{
	if (context->ops->detach)
		context->ops->detach(context, resource);
	resource->attached--;
	resource_unref(resource);
}

void device_end_context(struct device_state *state, struct context *context)
{
	uint32_t id;
	for (struct resource *resource; (resource = id_map_take_any(&context->attached, &id));)
		detach(context, resource);
	id_map_finish(&context->attached);
	id_map_remove(&state->contexts, context->id);
	state->counters.contexts--;
	log_debug("%s ends", context->name);

	/* On its way out it may complete requests and want to be woken. What it has not completed
	 * is completed after it. */
	struct wl_list held;
	wl_list_init(&held);
	wl_list_insert_list(&held, &context->requests);
	wl_list_init(&context->requests);
	wl_list_remove(&context->wake_link);
	context_set_starved(context, false);
	context->dying = true;
	context->ops->destroy(context);
	requests_finish(&held);
}

void device_forget_resource(struct device_state *state, struct resource *resource)
{
	uint32_t position = 0;
	if (resource->attached == 0 && !state->renders)
		return;
	for (struct context *context; (context = id_map_next(&state->contexts, &position));) {
		if (id_map_remove(&context->attached, resource->id))
			detach(context, resource);
		if (context->ops->forget)
			context->ops->forget(context, resource);
	}
}

/* The context of the command's header; NULL if there is none. */
static struct context *find_context(const struct command *command)
{
	return id_map_find(&command->state->contexts, command->in.hdr.ctx_id);
}

static uint32_t ctx_destroy(struct command *command)
{
	struct context *context = find_context(command);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	device_end_context(command->state, context);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t ctx_attach_resource(struct command *command)
{
	struct context *context = find_context(command);
	uint32_t id = command->in.ctx_resource.resource_id;
	struct resource *resource = resource_find(&command->state->resources, id);

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (id_map_find(&context->attached, id))
		return VIRTIO_GPU_RESP_OK_NODATA;
	int err = context->ops->attach ? context->ops->attach(context, resource) : 0;
	if (err == 0)
		err = id_map_insert(&context->attached, id, resource);
	if (err < 0)
		return command_response(err);
	resource_ref(resource);
	resource->attached++;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t ctx_detach_resource(struct command *command)
{
	struct context *context = find_context(command);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	struct resource *resource =
		id_map_remove(&context->attached, command->in.ctx_resource.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	detach(context, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t submit_3d(struct command *command)
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

/* --- the table --- */

struct command_description {
	uint32_t type;
	const char *name;
	uint32_t bytes; /* of its struct */
	command_fn execute;
	uint32_t resource_offset; /* of the resource's id in its struct; 0: is about none */
};

#define RESOURCE_AT(type) .resource_offset = offsetof(struct virtio_gpu_##type, resource_id)

static const struct command_description control_commands[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "GET_DISPLAY_INFO", sizeof(struct virtio_gpu_ctrl_hdr),
		get_display_info, 0},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, "RESOURCE_CREATE_2D",
		sizeof(struct virtio_gpu_resource_create_2d), command_resource_create_2d,
		RESOURCE_AT(resource_create_2d)},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF, "RESOURCE_UNREF", sizeof(struct virtio_gpu_resource_unref),
		command_resource_unref, RESOURCE_AT(resource_unref)},
	{VIRTIO_GPU_CMD_SET_SCANOUT, "SET_SCANOUT", sizeof(struct virtio_gpu_set_scanout),
		command_set_scanout, RESOURCE_AT(set_scanout)},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH, "RESOURCE_FLUSH", sizeof(struct virtio_gpu_resource_flush),
		command_resource_flush, RESOURCE_AT(resource_flush)},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, "TRANSFER_TO_HOST_2D",
		sizeof(struct virtio_gpu_transfer_to_host_2d), command_transfer_to_host_2d,
		RESOURCE_AT(transfer_to_host_2d)},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, "RESOURCE_ATTACH_BACKING",
		sizeof(struct virtio_gpu_resource_attach_backing), command_resource_attach_backing,
		RESOURCE_AT(resource_attach_backing)},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, "RESOURCE_DETACH_BACKING",
		sizeof(struct virtio_gpu_resource_detach_backing), command_resource_detach_backing,
		RESOURCE_AT(resource_detach_backing)},
	{VIRTIO_GPU_CMD_GET_CAPSET_INFO, "GET_CAPSET_INFO",
		sizeof(struct virtio_gpu_get_capset_info), get_capset_info, 0},
	{VIRTIO_GPU_CMD_GET_CAPSET, "GET_CAPSET", sizeof(struct virtio_gpu_get_capset), get_capset,
		0},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, "RESOURCE_ASSIGN_UUID",
		sizeof(struct virtio_gpu_resource_assign_uuid), command_resource_assign_uuid,
		RESOURCE_AT(resource_assign_uuid)},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, "RESOURCE_CREATE_BLOB",
		sizeof(struct virtio_gpu_resource_create_blob), command_resource_create_blob,
		RESOURCE_AT(resource_create_blob)},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, "SET_SCANOUT_BLOB",
		sizeof(struct virtio_gpu_set_scanout_blob), command_set_scanout_blob,
		RESOURCE_AT(set_scanout_blob)},
	{VIRTIO_GPU_CMD_CTX_CREATE, "CTX_CREATE", sizeof(struct virtio_gpu_ctx_create), ctx_create,
		0},
	{VIRTIO_GPU_CMD_CTX_DESTROY, "CTX_DESTROY", sizeof(struct virtio_gpu_ctx_destroy),
		ctx_destroy, 0},
	{VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, "CTX_ATTACH_RESOURCE",
		sizeof(struct virtio_gpu_ctx_resource), ctx_attach_resource,
		RESOURCE_AT(ctx_resource)},
	{VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, "CTX_DETACH_RESOURCE",
		sizeof(struct virtio_gpu_ctx_resource), ctx_detach_resource,
		RESOURCE_AT(ctx_resource)},
	{VIRTIO_GPU_CMD_SUBMIT_3D, "SUBMIT_3D", sizeof(struct virtio_gpu_cmd_submit), submit_3d, 0},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, "RESOURCE_MAP_BLOB",
		sizeof(struct virtio_gpu_resource_map_blob), command_resource_map_blob,
		RESOURCE_AT(resource_map_blob)},
	{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, "RESOURCE_UNMAP_BLOB",
		sizeof(struct virtio_gpu_resource_unmap_blob), command_resource_unmap_blob,
		RESOURCE_AT(resource_unmap_blob)},
};

/* Where there is a renderer. */
static const struct command_description renderer_commands[] = {
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, "RESOURCE_CREATE_3D",
		sizeof(struct virtio_gpu_resource_create_3d), command_resource_create_3d,
		RESOURCE_AT(resource_create_3d)},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, "TRANSFER_TO_HOST_3D",
		sizeof(struct virtio_gpu_transfer_host_3d), command_transfer_3d,
		RESOURCE_AT(transfer_host_3d)},
	{VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, "TRANSFER_FROM_HOST_3D",
		sizeof(struct virtio_gpu_transfer_host_3d), command_transfer_3d,
		RESOURCE_AT(transfer_host_3d)},
};

static const struct command_description cursor_commands[] = {
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, "UPDATE_CURSOR", sizeof(struct virtio_gpu_update_cursor),
		command_cursor, 0},
	{VIRTIO_GPU_CMD_MOVE_CURSOR, "MOVE_CURSOR", sizeof(struct virtio_gpu_update_cursor),
		command_cursor, 0},
};

/* GET_EDID (not offered) and what nobody knows are not in the table. */
static const struct command_description *find_description(
	const struct command_description *table, size_t n, uint32_t type)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].type == type)
			return &table[i];
	return NULL;
}

static const struct command_description *describe(
	const struct device_state *state, enum device_queue queue, uint32_t type)
{
	if (queue == DEVICE_CURSOR_QUEUE)
		return find_description(cursor_commands, ARRAY_LENGTH(cursor_commands), type);
	const struct command_description *found =
		find_description(control_commands, ARRAY_LENGTH(control_commands), type);
	if (!found && state->renders)
		found = find_description(renderer_commands, ARRAY_LENGTH(renderer_commands), type);
	return found;
}

static uint32_t execute(struct command *command, const struct command_description *description)
{
	size_t got = min_u64(command->chain->out_bytes, sizeof(command->in.hdr));
	if (!description)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (command->chain->out_bytes < description->bytes)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (command->in.hdr.flags & VIRTIO_GPU_FLAG_INFO_RING_IDX &&
		command->in.hdr.ring_idx >= MAX_RINGS)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	size_t rest = description->bytes - got;
	if (virtqueue_read(command->queue, command->chain, got, (uint8_t *)&command->in + got,
		    rest) != rest)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	command->fixed_bytes = description->bytes;
	return description->execute(command);
}

/* Answers, unless a context has kept the command. */
static void answer(
	struct command *command, const struct command_description *description, uint32_t response)
{
	struct device_state *state = command->state;
	const struct virtqueue_chain *chain = command->chain;

	if (response == COMMAND_KEPT)
		return;
	if (response >= VIRTIO_GPU_RESP_ERR_UNSPEC) {
		state->counters.errors++;
		log_limited(&state->log_limit, LOG_LEVEL_WARN,
			"%s (0x%x) of context %u refused: 0x%x",
			description ? description->name : "unknown command", command->in.hdr.type,
			command->in.hdr.ctx_id, response);
	}
	command->out.hdr = response_header(&command->in.hdr, response);
	size_t written = virtqueue_write(command->queue, chain->segments + chain->n_out,
		chain->n_in, 0, &command->out, command->out_bytes);
	if (command->queue == state->requests.queue)
		requests_push(&state->requests, chain->head, (uint32_t)written);
	else
		virtqueue_push(command->queue, chain->head, (uint32_t)written);
}

/* Copies the command's header; the rest is read when it is executed. */
static void begin(struct command *command, struct device_state *state, enum device_queue queue,
	const struct virtqueue_chain *chain)
{
	command->state = state;
	command->queue = state->queues[queue];
	command->chain = chain;
	command->out_bytes = sizeof(command->out.hdr);
	memset(&command->in, 0, sizeof(command->in));
	/* The largest but for capsets, which fill in what is theirs. */
	memset(&command->out, 0, sizeof(command->out.display_info));
	virtqueue_read(command->queue, chain, 0, &command->in.hdr, sizeof(command->in.hdr));
}

/* Waited-for commands, from finish_turn. */
static void execute_waiting(struct device_state *state, const struct virtqueue_chain *chain)
{
	struct command command;
	begin(&command, state, DEVICE_CONTROL_QUEUE, chain);
	const struct command_description *description =
		describe(state, DEVICE_CONTROL_QUEUE, command.in.hdr.type);
	answer(&command, description, execute(&command, description));
	state->requests.answered(state->requests.data);
}

void commands_retry(struct device_state *state)
{
	if (state->waiting.count > 0)
		waiting_retry(state, execute_waiting);
}

/* What the command is about, as far as the order of things goes. */
static struct waiting_subject find_subject(
	const struct command *command, const struct command_description *description)
{
	struct waiting_subject subject = {.context_id = command->in.hdr.ctx_id};
	if (description && description->resource_offset > 0)
		virtqueue_read(command->queue, command->chain, description->resource_offset,
			&subject.resource_id, sizeof(subject.resource_id));
	return subject;
}

void command_execute(
	struct device_state *state, enum device_queue queue, const struct virtqueue_chain *chain)
{
	struct command command;

	state->counters.commands++;
	begin(&command, state, queue, chain);
	const struct command_description *description = describe(state, queue, command.in.hdr.type);
	if (queue == DEVICE_CONTROL_QUEUE)
		requests_arrived(&state->requests, &command.in.hdr, chain->head);
	if (queue == DEVICE_CONTROL_QUEUE &&
		(state->renders || state->resources.n_pending > 0 || state->waiting.count > 0)) {
		const struct waiting_subject subject = find_subject(&command, description);
		if (waiting_needed(state, &subject)) {
			int err = waiting_add(&state->waiting, &subject, chain);
			answer(&command, description,
				err < 0 ? command_response(err) : COMMAND_KEPT);
			return;
		}
	}
	answer(&command, description, execute(&command, description));
}
