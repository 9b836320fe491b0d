/*
 * What goes to the host: commands gather in a batch and leave as one submission with
 * channel_flush. A fence about every 64 KiB tells how far the host has come; while too much is
 * under way, channel_ready is false and the user stops reading from its client.
 *
 * Our host lets two POLLs be outstanding: the next one goes along with what the client has to say
 * anyway, and alone only when no other is left.
 */
#include "guest-proxy/channel/channel_impl.h"

#include <errno.h>

#define BATCH_FLUSH_BYTES ((size_t)128 << 10) /* a batch this large goes out without a flush */
#define CHUNK_BYTES ((size_t)32 << 10)
/* The fence of a POLL is held until there is an event, and with it the memory of its submission: a
 * POLL goes into small submissions only. */
#define MERGE_BYTES 2048

void channel_forget_batch(struct channel *channel)
{
	command_batch_clear(&channel->batch);
	while (channel->n_batch_blobs > 0)
		channel_blob_unref(channel->batch_blobs[--channel->n_batch_blobs]);
}

static int submit(
	struct channel *channel, const void *commands, size_t size, enum gpu_fence fence, bool lazy)
{
	struct gpu_blob *blobs[CHANNEL_BATCH_BLOBS + 1];
	size_t n_blobs = 0;
	if (fence == GPU_FENCE_EVENT)
		blobs[n_blobs++] = channel->channel_ring;
	if (commands == channel->batch.bytes) {
		for (size_t i = 0; i < channel->n_batch_blobs; i++)
			if (channel->batch_blobs[i]->gpu)
				blobs[n_blobs++] = channel->batch_blobs[i]->gpu;
	}
	int error = channel->gpu->ops->submit(
		channel->context, commands, size, fence, lazy, blobs, n_blobs);
	channel->stalled = error == -EAGAIN;
	if (error == -EAGAIN)
		return error;
	if (error < 0)
		return channel_fail(channel, "the device takes no commands");
	channel->counters.submissions++;
	channel->counters.fences += fence != GPU_FENCE_NONE;
	return 0;
}

/* Whether a POLL may be sent. */
static bool may_poll(const struct channel *channel)
{
	return poll_credits_left(&channel->polls) && !channel->paused && !channel->held &&
		!channel->over;
}

void channel_submit_poll(struct channel *channel)
{
	if (channel->polls.n_outstanding > 0 || channel->patience.resting || !may_poll(channel))
		return;
	const struct cross_domain_poll poll = poll_credits_next(&channel->polls);
	bool lazy = channel_has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL);
	if (submit(channel, &poll, sizeof(poll), GPU_FENCE_EVENT, lazy) < 0)
		return;
	poll_credits_sent(&channel->polls);
	poll_patience_asked(&channel->patience);
}

/* Submits the batch. @with_poll: a POLL may go along. 0 (also when it has to wait for room) or
 * -EPIPE. */
static int submit_batch(struct channel *channel, bool with_poll)
{
	size_t size = channel->batch.size;
	if (size == 0)
		return 0;
	const struct cross_domain_poll poll = poll_credits_next(&channel->polls);
	enum gpu_fence fence = GPU_FENCE_NONE;
	const size_t cost = size + channel->pages.queued;
	if (channel_flow_wants_fence(&channel->flow, cost, channel->fence_due))
		fence = GPU_FENCE_DONE;
	else if (with_poll && command_batch_add(&channel->batch, &poll, sizeof(poll)) == 0)
		fence = GPU_FENCE_EVENT;

	int error = submit(channel, channel->batch.bytes, channel->batch.size, fence, false);
	if (error == -EAGAIN) {
		if (fence == GPU_FENCE_EVENT)
			channel->batch.size = size;
		return 0;
	}
	channel_forget_batch(channel);
	if (error < 0)
		return error;
	channel_flow_submitted(&channel->flow, cost, fence == GPU_FENCE_DONE);
	write_pages_submitted(&channel->pages, channel->flow.sent);
	if (fence == GPU_FENCE_DONE)
		channel->fence_due = false;
	poll_patience_spoke(&channel->patience, fence == GPU_FENCE_EVENT);
	if (fence == GPU_FENCE_EVENT)
		poll_credits_sent(&channel->polls);
	return 0;
}

int channel_flush(struct channel *channel)
{
	if (channel->over)
		return -EPIPE;
	/*
	 * A POLL is put into the submission that is due anyway. The fence of one that may be held
	 * for long must not be that of buffers, too: their user's driver would wait for it.
	 */
	bool merge = may_poll(channel) &&
		(channel->polls.n_outstanding == 0 || channel->n_batch_blobs == 0) &&
		channel->batch.size > 0 && channel->batch.size <= MERGE_BYTES;
	if (!merge)
		channel_submit_poll(channel);
	submit_batch(channel, merge);
	channel_submit_poll(
		channel); /* if it did not go along: the batch got another kind of fence */
	return channel->over ? -EPIPE : 0;
}

bool channel_listens(const struct channel *channel)
{
	return channel->polls.n_outstanding > 0;
}

bool channel_has_output(const struct channel *channel)
{
	return channel->batch.size > 0;
}

bool channel_ready(const struct channel *channel)
{
	return !channel->over && !channel->flow.congested && !channel->stalled &&
		!write_pages_full(&channel->pages);
}

uint64_t channel_owed_bytes(const struct channel *channel)
{
	const struct channel_flow *flow = &channel->flow;
	return channel->over ? 0 : flow->fenced - flow->acknowledged + channel->batch.size;
}

/* Submits the batch if @size bytes more would make it too large. 0 or -EPIPE. */
static int make_room(struct channel *channel, size_t size)
{
	if (channel->over)
		return -EPIPE;
	if (channel_flow_under_way(&channel->flow) + channel->batch.size + size >
		CHANNEL_FLOW_MAX_BYTES)
		return channel_fail(channel, "the host does not take what it is sent");
	if (channel->batch.size + size > BATCH_FLUSH_BYTES && !channel->stalled)
		return submit_batch(channel, false);
	return 0;
}

static int batch_result(struct channel *channel, int error)
{
	return error < 0 ? channel_fail(channel, "out of memory") : 0;
}

void channel_use_more_pages(struct channel *channel)
{
	const struct cross_domain_pages pages = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_PAGES, .cmd_size = sizeof(pages)},
		.resource_id = channel->more_pages.blob->resource_id,
	};
	if (read_credit_any(&channel->credit) &&
		batch_result(channel, command_batch_add(&channel->batch, &pages, sizeof(pages))) ==
			0)
		channel->polls.more = submit_batch(channel, false) == 0 && channel->batch.size == 0;
}

uint32_t channel_new_read_pipe(struct channel *channel)
{
	return channel->next_read_pipe++;
}

/* What the host knows @handle as. The batch takes a reference of a blob. 0, or -errno: it cannot be
 * sent. */
static int identify(
	struct channel *channel, struct wire_handle *handle, struct command_identifier *out)
{
	if (handle->kind == WIRE_BLOB) {
		struct channel_blob *blob = handle->blob;
		if (blob->owner != &channel->blobs || blob->status < 0 ||
			channel->n_batch_blobs == CHANNEL_BATCH_BLOBS)
			return -EINVAL;
		*out = (struct command_identifier){
			.id = blob->gpu->resource_id,
			.type = CROSS_DOMAIN_ID_VIRTGPU_BLOB,
			.size = (uint32_t)blob->gpu->size,
		};
		channel->batch_blobs[channel->n_batch_blobs++] = channel_blob_ref(blob);
		return 0;
	}
	/* The host numbers pipes by itself, so ids must be sent in the order they were given out.
	 */
	if (handle->kind != WIRE_READ_PIPE || handle->id != channel->last_read_pipe_sent + 1)
		return -EINVAL;
	channel->last_read_pipe_sent++;
	*out = (struct command_identifier){.id = handle->id, .type = CROSS_DOMAIN_ID_READ_PIPE};
	return channel_has_feature(channel, CROSS_DOMAIN_EXT_READ_CREDIT)
		? read_credit_add(&channel->credit, handle->id)
		: 0;
}

/* At most as many handles as one SEND carries, and a bounded number of bytes. */
static int send_chunk(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct command_identifier identifiers[CROSS_DOMAIN_MAX_IDENTIFIERS];
	int error = make_room(channel, size);
	if (error == 0 && channel->n_batch_blobs + n_handles > CHANNEL_BATCH_BLOBS)
		error = submit_batch(channel, false);
	for (size_t i = 0; i < n_handles && error == 0; i++) {
		error = identify(channel, &handles[i], &identifiers[i]);
		if (error < 0)
			error = channel_fail(
				channel, "something was sent that the host cannot be given");
	}
	if (error < 0)
		return error;
	channel->counters.bytes_out += size;
	return batch_result(
		channel, command_batch_send(&channel->batch, bytes, size, identifiers, n_handles));
}

int channel_send(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	int error = channel->over ? -EPIPE : 0;
	size_t done = 0, handles_done = 0;
	channel->counters.sends++;
	while (error == 0 && (done < size || handles_done < n_handles)) {
		size_t n_chunk_handles =
			min_u64(n_handles - handles_done, CROSS_DOMAIN_MAX_IDENTIFIERS);
		bool last_handles = handles_done + n_chunk_handles == n_handles;
		/* One byte at a time while there are more handles than one SEND carries, so that
		 * none comes after the bytes it belongs to. */
		size_t n =
			last_handles ? min_u64(size - done, CHUNK_BYTES) : min_u64(size - done, 1);
		error = send_chunk(
			channel, bytes + done, n, handles + handles_done, n_chunk_handles);
		done += n;
		handles_done += n_chunk_handles;
	}
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return error;
}

uint8_t *channel_write_space(struct channel *channel, size_t *size)
{
	const bool named = channel_has_feature(channel, CROSS_DOMAIN_EXT_WRITE_FROM);
	*size = named ? WRITE_PAGES_SLOT_BYTES : 0;
	if (!named || channel->over)
		return NULL;
	return write_pages_space(&channel->pages, channel->gpu->ops, channel->context);
}

void channel_write_idle(struct channel *channel)
{
	write_pages_leave(&channel->pages, channel->gpu->ops);
}

static int write_from(struct channel *channel, const struct cross_domain_write_from *command)
{
	channel->counters.bytes_out += command->size;
	channel->fence_due |= command->hang_up;
	return batch_result(channel, command_batch_add(&channel->batch, command, sizeof(*command)));
}

int channel_write(
	struct channel *channel, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	const uint8_t *at = bytes;
	struct cross_domain_write_from command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE_FROM, .cmd_size = sizeof(command)},
		.identifier = pipe_id,
		.hang_up = hang_up,
	};
	/* Before the slot is taken, as it would count as one of what is submitted for that. */
	int error = channel->pages.ready ? make_room(channel, sizeof(command)) : 0;
	if (error < 0)
		return error;
	if (write_pages_take(&channel->pages, bytes, size, &command))
		return write_from(channel, &command);
	do {
		size_t n = min_u64(size, CHUNK_BYTES);
		error = make_room(channel, n);
		if (error < 0)
			return error;
		error = command_batch_write(&channel->batch, pipe_id, at, n, hang_up && n == size);
		if (error < 0)
			return batch_result(channel, error);
		channel->counters.bytes_out += n;
		at += n;
		size -= n;
	} while (size > 0);
	channel->fence_due |= hang_up;
	return 0;
}

bool channel_reader_gone(struct channel *channel, uint32_t pipe_id)
{
	if (!channel_has_feature(channel, CROSS_DOMAIN_EXT_READER_GONE))
		return false;
	read_credit_remove(&channel->credit, pipe_id);
	if (make_room(channel, 0) == 0)
		batch_result(channel, command_batch_write(&channel->batch, pipe_id, NULL, 0, true));
	return true;
}

void channel_read_done(struct channel *channel, uint32_t pipe_id, size_t size)
{
	uint32_t bytes = read_credit_taken(&channel->credit, pipe_id, size);
	if (bytes == 0 || channel->over)
		return;
	const struct cross_domain_credit credit = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CREDIT, .cmd_size = sizeof(credit)},
		.identifier = pipe_id,
		.bytes = bytes,
	};
	/* While an event is handled the next POLL is due, too, and goes along behind it. */
	if (batch_result(channel, command_batch_add(&channel->batch, &credit, sizeof(credit))) ==
			0 &&
		!channel->destroyed)
		channel_flush(channel);
}

void channel_pause(struct channel *channel, bool paused)
{
	channel->paused = paused;
	channel_submit_poll(channel);
}
