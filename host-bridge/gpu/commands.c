/* The table of virtio-gpu commands, and how one is executed. */
#include "host-bridge/gpu/commands.h"

#include <errno.h>

#include "protocol/base/bytes.h"
#define LOG_MODULE "device"
#include "protocol/base/log.h"

#define MAX_RINGS 64 /* virtio 1.3, 5.7.6.7: ring_idx is below it */

struct command_description {
	uint32_t type;
	const char *name;
	uint32_t bytes; /* of its struct */
	command_fn execute;
	uint32_t resource_offset; /* of the resource's id in its struct; 0: is about none */
};

#define RESOURCE_AT(type) .resource_offset = offsetof(struct virtio_gpu_##type, resource_id)

static const struct command_description control_commands[] = {
	/* First, since nearly all that come are this. */
	{VIRTIO_GPU_CMD_SUBMIT_3D, "SUBMIT_3D", sizeof(struct virtio_gpu_cmd_submit),
		command_submit_3d, 0},
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "GET_DISPLAY_INFO", sizeof(struct virtio_gpu_ctrl_hdr),
		command_get_display_info, 0},
	{VIRTIO_GPU_CMD_GET_EDID, "GET_EDID", sizeof(struct virtio_gpu_cmd_get_edid),
		command_get_edid, 0},
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
		sizeof(struct virtio_gpu_get_capset_info), command_get_capset_info, 0},
	{VIRTIO_GPU_CMD_GET_CAPSET, "GET_CAPSET", sizeof(struct virtio_gpu_get_capset),
		command_get_capset, 0},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, "RESOURCE_ASSIGN_UUID",
		sizeof(struct virtio_gpu_resource_assign_uuid), command_resource_assign_uuid,
		RESOURCE_AT(resource_assign_uuid)},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, "RESOURCE_CREATE_BLOB",
		sizeof(struct virtio_gpu_resource_create_blob), command_resource_create_blob,
		RESOURCE_AT(resource_create_blob)},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, "SET_SCANOUT_BLOB",
		sizeof(struct virtio_gpu_set_scanout_blob), command_set_scanout_blob,
		RESOURCE_AT(set_scanout_blob)},
	{VIRTIO_GPU_CMD_CTX_CREATE, "CTX_CREATE", sizeof(struct virtio_gpu_ctx_create),
		command_ctx_create, 0},
	{VIRTIO_GPU_CMD_CTX_DESTROY, "CTX_DESTROY", sizeof(struct virtio_gpu_ctx_destroy),
		command_ctx_destroy, 0},
	{VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, "CTX_ATTACH_RESOURCE",
		sizeof(struct virtio_gpu_ctx_resource), command_ctx_attach_resource,
		RESOURCE_AT(ctx_resource)},
	{VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, "CTX_DETACH_RESOURCE",
		sizeof(struct virtio_gpu_ctx_resource), command_ctx_detach_resource,
		RESOURCE_AT(ctx_resource)},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, "RESOURCE_MAP_BLOB",
		sizeof(struct virtio_gpu_resource_map_blob), command_resource_map_blob,
		RESOURCE_AT(resource_map_blob)},
	{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, "RESOURCE_UNMAP_BLOB",
		sizeof(struct virtio_gpu_resource_unmap_blob), command_resource_unmap_blob,
		RESOURCE_AT(resource_unmap_blob)},
};

/* Only where there are 3D contexts. */
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

/* NULL: it is unknown, or was not offered. */
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
		log_limited(LOG_LEVEL_WARN, "%s (0x%x) of context %u refused: 0x%x",
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

void command_begin_answer(struct command *command, size_t bytes)
{
	memset(&command->out, 0, bytes);
	command->out_bytes = bytes;
}

/* Copies the command's header; the rest is read when it is executed. */
static void read_header(struct command *command, struct device_state *state,
	enum device_queue queue, const struct virtqueue_chain *chain)
{
	command->state = state;
	command->queue = state->queues[queue];
	command->chain = chain;
	memset(&command->in, 0, sizeof(command->in));
	command_begin_answer(command, sizeof(command->out.hdr));
	virtqueue_read(command->queue, chain, 0, &command->in.hdr, sizeof(command->in.hdr));
}

static bool execute_waiting(void *data, const struct virtqueue_chain *chain)
{
	struct device_state *state = data;
	struct command command;
	read_header(&command, state, DEVICE_CONTROL_QUEUE, chain);
	const struct command_description *description =
		describe(state, DEVICE_CONTROL_QUEUE, command.in.hdr.type);
	answer(&command, description, execute(&command, description));
	state->requests.answered(state->requests.data);
	return !turn_is_over(&state->host);
}

bool commands_retry(struct device_state *state, bool contexts_woke)
{
	return state->waiting.count == 0 ||
		waiting_retry(&state->waiting, contexts_woke, execute_waiting, state);
}

bool commands_continue(struct device_state *state)
{
	if (wl_list_empty(&state->backings))
		return true;
	/* When one has ended, commands that have waited for it may go on in the next turn. */
	return command_backings_continue(state) && state->waiting.count == 0;
}

void commands_drop(struct device_state *state)
{
	waiting_room_finish(&state->waiting);
	command_backings_drop(state);
}

/* What decides whether the command has to wait, and for which others. */
static struct waiting_subject find_subject(
	const struct command *command, const struct command_description *description)
{
	struct waiting_subject subject = {.context_id = command->in.hdr.ctx_id};
	if (description && description->resource_offset > 0)
		virtqueue_read(command->queue, command->chain, description->resource_offset,
			&subject.resource_id, sizeof(subject.resource_id));
	if (command->in.hdr.type == VIRTIO_GPU_CMD_CTX_CREATE) {
		uint32_t init = 0;
		virtqueue_read(command->queue, command->chain,
			offsetof(struct virtio_gpu_ctx_create, context_init), &init, sizeof(init));
		const struct context_kind *kind = device_kind_of_init(command->state, init);
		subject.rate = kind ? kind->rate : NULL;
	}
	return subject;
}

void command_execute(
	struct device_state *state, enum device_queue queue, const struct virtqueue_chain *chain)
{
	struct command command;

	state->counters.commands++;
	read_header(&command, state, queue, chain);
	const struct command_description *description = describe(state, queue, command.in.hdr.type);
	if (queue == DEVICE_CONTROL_QUEUE)
		requests_arrived(&state->requests, &command.in.hdr, chain->head);
	if (queue == DEVICE_CONTROL_QUEUE &&
		(state->renders || state->resources.n_pending > 0 || state->waiting.count > 0)) {
		const struct waiting_subject subject = find_subject(&command, description);
		if (waiting_needed(&state->waiting, &subject)) {
			state->counters.contexts_held_back += subject.rate != NULL;
			int err = waiting_add(&state->waiting, &subject, chain);
			answer(&command, description,
				err < 0 ? command_response(err) : COMMAND_KEPT);
			return;
		}
	}
	answer(&command, description, execute(&command, description));
}
