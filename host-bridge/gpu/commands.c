/* The table of virtio-gpu commands, and how one is executed. */
#include "host-bridge/gpu/commands.h"

#include "host-bridge/gpu/commands_3d.h"
#include "host-bridge/gpu/commands_console.h"
#include "host-bridge/gpu/commands_context.h"
#include "host-bridge/gpu/commands_resource.h"
#include "protocol/base/bytes.h"

#define MAX_RINGS 64 /* virtio 1.3, 5.7.6.7: ring_idx is below it */

/* Executes a command and returns VIRTIO_GPU_RESP_*, or COMMAND_KEPT. */
typedef uint32_t (*command_fn)(struct command *command);

struct command_description {
	uint32_t type;
	const char *name;
	uint32_t bytes; /* of its struct */
	command_fn execute;
	uint32_t resource_offset; /* of the resource's id in its struct; 0: is about none */
};

/* The command @name, whose struct is virtio_gpu_@type; is about no resource, or about one. */
#define COMMAND(name, type, function)                                                              \
	{                                                                                          \
		VIRTIO_GPU_CMD_##name, #name, sizeof(struct virtio_gpu_##type), function, 0        \
	}
#define COMMAND_OF(name, type, function)                                                           \
	{                                                                                          \
		VIRTIO_GPU_CMD_##name, #name, sizeof(struct virtio_gpu_##type), function,          \
			offsetof(struct virtio_gpu_##type, resource_id)                            \
	}

static const struct command_description control_commands[] = {
	/* First, since nearly all that come are this. */
	COMMAND(SUBMIT_3D, cmd_submit, command_submit_3d),
	COMMAND(GET_DISPLAY_INFO, ctrl_hdr, command_get_display_info),
	COMMAND(GET_EDID, cmd_get_edid, command_get_edid),
	COMMAND_OF(RESOURCE_CREATE_2D, resource_create_2d, command_resource_create_2d),
	COMMAND_OF(RESOURCE_UNREF, resource_unref, command_resource_unref),
	COMMAND_OF(SET_SCANOUT, set_scanout, command_set_scanout),
	COMMAND_OF(RESOURCE_FLUSH, resource_flush, command_resource_flush),
	COMMAND_OF(TRANSFER_TO_HOST_2D, transfer_to_host_2d, command_transfer_to_host_2d),
	COMMAND_OF(
		RESOURCE_ATTACH_BACKING, resource_attach_backing, command_resource_attach_backing),
	COMMAND_OF(
		RESOURCE_DETACH_BACKING, resource_detach_backing, command_resource_detach_backing),
	COMMAND(GET_CAPSET_INFO, get_capset_info, command_get_capset_info),
	COMMAND(GET_CAPSET, get_capset, command_get_capset),
	COMMAND_OF(RESOURCE_ASSIGN_UUID, resource_assign_uuid, command_resource_assign_uuid),
	COMMAND_OF(RESOURCE_CREATE_BLOB, resource_create_blob, command_resource_create_blob),
	COMMAND_OF(SET_SCANOUT_BLOB, set_scanout_blob, command_set_scanout_blob),
	COMMAND(CTX_CREATE, ctx_create, command_ctx_create),
	COMMAND(CTX_DESTROY, ctx_destroy, command_ctx_destroy),
	COMMAND_OF(CTX_ATTACH_RESOURCE, ctx_resource, command_ctx_attach_resource),
	COMMAND_OF(CTX_DETACH_RESOURCE, ctx_resource, command_ctx_detach_resource),
	COMMAND_OF(RESOURCE_MAP_BLOB, resource_map_blob, command_resource_map_blob),
	COMMAND_OF(RESOURCE_UNMAP_BLOB, resource_unmap_blob, command_resource_unmap_blob),
};

/* Only where there are 3D contexts. */
static const struct command_description renderer_commands[] = {
	COMMAND_OF(RESOURCE_CREATE_3D, resource_create_3d, command_resource_create_3d),
	COMMAND_OF(TRANSFER_TO_HOST_3D, transfer_host_3d, command_transfer_3d),
	COMMAND_OF(TRANSFER_FROM_HOST_3D, transfer_host_3d, command_transfer_3d),
};

static const struct command_description cursor_commands[] = {
	COMMAND(UPDATE_CURSOR, update_cursor, command_cursor),
	COMMAND(MOVE_CURSOR, update_cursor, command_cursor),
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
	if (!description)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (command->chain->out_bytes < description->bytes)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (command->in.hdr.flags & VIRTIO_GPU_FLAG_INFO_RING_IDX &&
		command->in.hdr.ring_idx >= MAX_RINGS)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (command->in_bytes < description->bytes)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	command->fixed_bytes = description->bytes;
	return description->execute(command);
}

static void answer(
	struct command *command, const struct command_description *description, uint32_t response)
{
	command_answer(command, description ? description->name : NULL, response);
}

static bool execute_waiting(void *data, const struct virtqueue_chain *chain)
{
	struct device_state *state = data;
	struct command command;
	command_read(&command, state, DEVICE_CONTROL_QUEUE, chain);
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
		subject.resource_id =
			load_u32((const uint8_t *)&command->in + description->resource_offset);
	if (command->in.hdr.type == VIRTIO_GPU_CMD_CTX_CREATE) {
		const struct context_kind *kind =
			device_kind_of_init(command->state, command->in.ctx_create.context_init);
		subject.rate = kind ? kind->rate : NULL;
	}
	return subject;
}

void command_execute(
	struct device_state *state, enum device_queue queue, const struct virtqueue_chain *chain)
{
	struct command command;

	state->counters.commands++;
	command_read(&command, state, queue, chain);
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
