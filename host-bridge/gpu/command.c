/* One command: copied from the guest, and answered. */
#include "host-bridge/gpu/command.h"

#define LOG_MODULE "device"
#include "protocol/base/log.h"

void command_read(struct command *command, struct device_state *state, enum device_queue queue,
	const struct virtqueue_chain *chain)
{
	command->state = state;
	command->queue = state->queues[queue];
	command->chain = chain;
	command->in_bytes =
		virtqueue_read(command->queue, chain, 0, &command->in, sizeof(command->in));
	memset((uint8_t *)&command->in + command->in_bytes, 0,
		sizeof(command->in) - command->in_bytes);
	command_begin_answer(command, sizeof(command->out.hdr));
}

void command_begin_answer(struct command *command, size_t bytes)
{
	memset(&command->out, 0, bytes);
	command->out_bytes = bytes;
}

void command_answer(struct command *command, const char *name, uint32_t response)
{
	struct device_state *state = command->state;
	const struct virtqueue_chain *chain = command->chain;

	if (response == COMMAND_KEPT)
		return;
	if (response >= VIRTIO_GPU_RESP_ERR_UNSPEC) {
		state->counters.errors++;
		log_limited(LOG_LEVEL_WARN, "%s (0x%x) of context %u refused: 0x%x",
			name ? name : "unknown command", command->in.hdr.type,
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
