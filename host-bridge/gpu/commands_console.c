/* Commands about scanouts and cursors. Nothing is shown of them unless the monitor wants to see
 * them. */
#include "host-bridge/gpu/commands_console.h"

#include "host-bridge/gpu/commands_resource.h"
#include "protocol/base/bytes.h"

/* --- questions, which the monitor answers --- */

static void handle_info(void *data, const union console_payload *answer)
{
	struct virtio_gpu_resp_display_info info = {0};
	if (answer)
		info = answer->info;
	request_complete_with(data, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, &info.hdr, sizeof(info));
}

static void handle_edid(void *data, const union console_payload *answer)
{
	struct virtio_gpu_resp_edid edid = {0};
	if (answer)
		edid = answer->edid;
	edid.size = (uint32_t)min_u64(edid.size, sizeof(edid.edid));
	request_complete_with(data, VIRTIO_GPU_RESP_OK_EDID, &edid.hdr, sizeof(edid));
}

/* COMMAND_KEPT; or @otherwise, when there is nobody to ask: an answer of zeroes. */
static uint32_t ask(struct command *command, enum console_request question, uint32_t scanout,
	console_answer_fn done, uint32_t otherwise)
{
	struct device_state *state = command->state;
	if (!console_is_there(state->console))
		return otherwise;
	struct request *request =
		request_create(&state->requests, command->chain, &command->in.hdr, NULL);
	if (!request)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (console_ask(state->console, question, scanout, done, request) < 0)
		done(request, NULL);
	return COMMAND_KEPT;
}

uint32_t command_get_display_info(struct command *command)
{
	/* One scanout (kernel 6.1 wants one), every mode disabled, if nobody shows any. */
	command_begin_answer(command, sizeof(command->out.display_info));
	return ask(
		command, CONSOLE_GET_DISPLAY_INFO, 0, handle_info, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

uint32_t command_get_edid(struct command *command)
{
	const struct virtio_gpu_cmd_get_edid *in = &command->in.get_edid;
	if (in->scanout >= console_scanouts(command->state->console))
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	command_begin_answer(command, sizeof(command->out.edid));
	return ask(command, CONSOLE_GET_EDID, in->scanout, handle_edid, VIRTIO_GPU_RESP_OK_EDID);
}

/* --- scanouts --- */

static uint32_t set_scanout(struct command *command, uint32_t scanout, uint32_t resource_id,
	const struct virtio_gpu_rect *r, bool blob)
{
	struct console *console = command->state->console;
	struct resource *resource = NULL;

	if (scanout >= console_scanouts(console))
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (resource_id != 0) {
		resource = resource_find(&command->state->resources, resource_id);
		if (!resource)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		const bool is_blob = resource->kind != RESOURCE_2D && resource->kind != RESOURCE_3D;
		if (is_blob != blob || !command_rect_fits(resource, r))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	/* Guests of a monitor that shows scanouts have no blobs. */
	return command_response(console_set_scanout(console, scanout, blob ? NULL : resource, r));
}

uint32_t command_set_scanout(struct command *command)
{
	const struct virtio_gpu_set_scanout *in = &command->in.set_scanout;
	return set_scanout(command, in->scanout_id, in->resource_id, &in->r, false);
}

uint32_t command_set_scanout_blob(struct command *command)
{
	const struct virtio_gpu_set_scanout_blob *in = &command->in.set_scanout_blob;
	return set_scanout(command, in->scanout_id, in->resource_id, &in->r, true);
}

uint32_t command_resource_flush(struct command *command)
{
	const struct virtio_gpu_resource_flush *in = &command->in.flush;
	const struct resource *resource =
		resource_find(&command->state->resources, in->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!command_rect_fits(resource, &in->r))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->kind == RESOURCE_2D || resource->kind == RESOURCE_3D)
		console_flush(command->state->console, resource, &in->r);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* UPDATE_CURSOR and MOVE_CURSOR */
uint32_t command_cursor(struct command *command)
{
	const struct virtio_gpu_update_cursor *in = &command->in.cursor;
	struct console *console = command->state->console;
	const struct resource *resource = NULL;

	if (in->pos.scanout_id >= console_scanouts(console))
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (in->hdr.type == VIRTIO_GPU_CMD_MOVE_CURSOR) {
		console_move_cursor(console, in);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	if (in->resource_id != 0) {
		resource = resource_find(&command->state->resources, in->resource_id);
		if (!resource)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	console_set_cursor(console, in, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}
