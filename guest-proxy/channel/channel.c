/*
 * A Wayland connection to the host through a cross-domain context.
 *
 * Out: commands gather in a batch and leave as one submission with channel_flush. A fence about
 * every 64 KiB tells how far the host has come; while too much is under way, channel_ready is false
 * and the user stops reading from its client.
 *
 * In: a page of the channel ring holds one event. The fence of a POLL says that an event is in the
 * page that it named; once the page has been copied, another POLL may name it. By way of a kernel,
 * where each submission wakes the host, our host lets two be outstanding: the next one goes along
 * with what the client has to say anyway, and alone only when no other is left.
 */
#include "guest-proxy/channel/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "guest-proxy/channel/channel_flow.h"
#include "guest-proxy/channel/command_batch.h"
#include "guest-proxy/channel/read_credit.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

#define BATCH_FLUSH_BYTES ((size_t)128 << 10) /* a batch this large goes out without a flush */
#define BATCH_BLOBS 64
#define CHUNK_BYTES ((size_t)32 << 10)
/* The fence of a POLL is held until there is an event, and with it the memory of its submission: a
 * POLL goes into small submissions only. */
#define MERGE_BYTES 2048
#define POLL_SLOTS 2

/* What came in a RECEIVE whose blobs are not complete yet. No other event is asked for meanwhile.
 */
struct held_receive {
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	size_t n_handles, size;
	uint8_t bytes[CROSS_DOMAIN_RECEIVE_MAX_DATA];
};

struct channel {
	struct gpu *gpu;
	const struct channel_listener *listener;
	void *data;
	struct gpu_context *context;
	struct gpu_blob *query_ring, *channel_ring;
	uint32_t features; /* CROSS_DOMAIN_EXT_* */
	struct channel_counters counters;
	struct channel_blobs blobs;

	struct command_batch batch;
	struct channel_blob *batch_blobs[BATCH_BLOBS]; /* those that the batch names: references */
	size_t n_batch_blobs;
	bool fence_due; /* the batch ends a write pipe: the next submission gets a fence */
	bool stalled;   /* the device's queue was full: the batch is sent when there is room */
	struct channel_flow flow;

	/* Pages of the channel ring, used in turn. Of the last POLLs sent, n_polls are outstanding,
	 * and n_waiting have brought events that wait behind the held one. */
	unsigned n_slots, max_polls, n_polls, n_waiting;
	uint64_t polls_sent;
	bool paused;
	struct held_receive *held; /* NULL: none */
	uint32_t next_read_pipe, last_read_pipe_sent;
	struct read_credit credit;

	bool over, closed_told;
	const char *why; /* NULL with over: the compositor closed the connection */
	struct turn_task turn_task;
	bool blobs_changed; /* listener->blobs is due */
	bool *destroyed;    /* set by channel_destroy while an event is handled */
};

const struct channel_counters *channel_counters(const struct channel *channel)
{
	return &channel->counters;
}

/* The end. */

static void tell_closed(struct channel *channel)
{
	if (channel->closed_told)
		return;
	channel->closed_told = true;
	channel->listener->closed(channel->data, channel->why); /* may destroy the channel */
}

/* @why NULL: the host hung up. */
static void end(struct channel *channel, const char *why)
{
	if (channel->over)
		return;
	channel->over = true;
	channel->why = why;
	turn_ask(&channel->gpu->turn, &channel->turn_task);
}

/* The channel is over: listener->closed comes from the event loop. @why: a constant text. -EPIPE.
 */
static int channel_fail(struct channel *channel, const char *why)
{
	end(channel, why);
	return -EPIPE;
}

/* Submissions. */

static void forget_batch(struct channel *channel)
{
	command_batch_clear(&channel->batch);
	while (channel->n_batch_blobs > 0)
		channel_blob_unref(channel->batch_blobs[--channel->n_batch_blobs]);
}

static int submit(
	struct channel *channel, const void *commands, size_t size, enum gpu_fence fence, bool lazy)
{
	struct gpu_blob *blobs[BATCH_BLOBS + 1];
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

static struct cross_domain_poll next_poll(const struct channel *channel)
{
	return (struct cross_domain_poll){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL,
			.ring_idx = CROSS_DOMAIN_CHANNEL_RING,
			.cmd_size = sizeof(struct cross_domain_poll)},
		.slot = channel->polls_sent % channel->n_slots,
	};
}

static void poll_sent(struct channel *channel)
{
	channel->polls_sent++;
	channel->n_polls++;
}

static bool has_feature(const struct channel *channel, uint32_t feature)
{
	return channel->features & feature;
}

/* Whether a POLL may be sent. */
static bool may_poll(const struct channel *channel)
{
	return channel->n_polls + channel->n_waiting < channel->max_polls && !channel->paused &&
		!channel->held && !channel->over;
}

/* Asks for the next event, unless one was asked for or is not wanted. */
static void submit_poll(struct channel *channel)
{
	if (channel->n_polls > 0 || !may_poll(channel))
		return;
	const struct cross_domain_poll poll = next_poll(channel);
	bool lazy = has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL);
	if (submit(channel, &poll, sizeof(poll), GPU_FENCE_EVENT, lazy) == 0)
		poll_sent(channel);
}

/* Submits the batch. @with_poll: a POLL may go along. 0 (also when it has to wait for room) or
 * -EPIPE. */
static int submit_batch(struct channel *channel, bool with_poll)
{
	size_t size = channel->batch.size;
	if (size == 0)
		return 0;
	const struct cross_domain_poll poll = next_poll(channel);
	enum gpu_fence fence = GPU_FENCE_NONE;
	if (channel_flow_wants_fence(&channel->flow, size, channel->fence_due))
		fence = GPU_FENCE_DONE;
	else if (with_poll && command_batch_add(&channel->batch, &poll, sizeof(poll)) == 0)
		fence = GPU_FENCE_EVENT;

	int error = submit(channel, channel->batch.bytes, channel->batch.size, fence, false);
	if (error == -EAGAIN) {
		if (fence == GPU_FENCE_EVENT)
			channel->batch.size = size;
		return 0;
	}
	forget_batch(channel);
	if (error < 0)
		return error;
	channel_flow_submitted(&channel->flow, size, fence == GPU_FENCE_DONE);
	if (fence == GPU_FENCE_DONE)
		channel->fence_due = false;
	if (fence == GPU_FENCE_EVENT)
		poll_sent(channel);
	return 0;
}

int channel_flush(struct channel *channel)
{
	if (channel->over)
		return -EPIPE;
	/*
	 * Where each submission wakes the host, a POLL is put into the one that is due anyway. The
	 * fence of one that may be held for long must not be that of buffers, too: their user's
	 * driver would wait for it.
	 */
	bool merge = may_poll(channel) && (channel->n_polls == 0 || channel->n_batch_blobs == 0) &&
		channel->batch.size > 0 && channel->batch.size <= MERGE_BYTES &&
		!has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL);
	if (!merge)
		submit_poll(channel);
	submit_batch(channel, merge);
	submit_poll(channel); /* if it did not go along: the batch got another kind of fence */
	return channel->over ? -EPIPE : 0;
}

bool channel_ready(const struct channel *channel)
{
	return !channel->over && !channel->flow.congested && !channel->stalled;
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
			channel->n_batch_blobs == BATCH_BLOBS)
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
	return has_feature(channel, CROSS_DOMAIN_EXT_READ_CREDIT)
		? read_credit_add(&channel->credit, handle->id)
		: 0;
}

/* At most as many handles as one SEND carries, and a bounded number of bytes. */
static int send_chunk(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct command_identifier identifiers[CROSS_DOMAIN_MAX_IDENTIFIERS];
	int error = make_room(channel, size);
	if (error == 0 && channel->n_batch_blobs + n_handles > BATCH_BLOBS)
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

int channel_write(
	struct channel *channel, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	const uint8_t *at = bytes;
	do {
		size_t n = min_u64(size, CHUNK_BYTES);
		int error = make_room(channel, n);
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
	if (!has_feature(channel, CROSS_DOMAIN_EXT_READER_GONE))
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
	if (batch_result(channel, command_batch_add(&channel->batch, &credit, sizeof(credit))) == 0)
		channel_flush(channel);
}

void channel_pause(struct channel *channel, bool paused)
{
	channel->paused = paused;
	submit_poll(channel);
}

static const char no_memory[] = "the host gives no memory for buffers";

int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out)
{
	if (channel->over)
		return -EPIPE;
	int error = channel_blobs_create(&channel->blobs, size, out);
	if (error == 0 || error == -ENOMEM)
		return error;
	return channel_fail(channel, no_memory);
}

int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out)
{
	return channel->over ? -EPIPE : channel_blobs_import(&channel->blobs, fd, out);
}

int channel_blob_give(struct channel *channel, int fd, size_t size, struct channel_blob **out)
{
	return channel->over ? -EPIPE : channel_blobs_give(&channel->blobs, fd, size, out);
}

/* Events. */

static const char no_received_memory[] = "memory that the host sent cannot be had";

static void finish_handles(struct wire_handle *handles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wire_handle_finish(&handles[i]);
}

static int receive_handle(struct channel *channel, const struct cross_domain_send_receive *receive,
	uint32_t i, struct wire_handle *out)
{
	uint32_t id = receive->identifiers[i];
	struct channel_blob *blob;
	switch (receive->types[i]) {
	case CROSS_DOMAIN_ID_VIRTGPU_BLOB:
		if (channel_blobs_receive(&channel->blobs, id, receive->sizes[i], &blob) < 0)
			return channel_fail(channel, no_received_memory);
		*out = channel_blob_handle(blob);
		channel_blob_unref(blob);
		return 0;
	case CROSS_DOMAIN_ID_WRITE_PIPE:
		*out = (struct wire_handle){.kind = WIRE_WRITE_PIPE, .fd = -1, .id = id};
		return 0;
	default:
		return channel_fail(channel, "the host sent an identifier of unknown type");
	}
}

/* 0, -EINPROGRESS: one of the blobs among @handles is not complete; or -errno: one cannot be had.
 */
static int handles_status(const struct wire_handle *handles, size_t n)
{
	int status = 0;
	for (size_t i = 0; i < n; i++) {
		const struct channel_blob *blob =
			handles[i].kind == WIRE_BLOB ? handles[i].blob : NULL;
		if (blob && blob->status < 0 && (status == 0 || status == -EINPROGRESS))
			status = blob->status;
	}
	return status;
}

static void deliver(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	channel->counters.receives++;
	channel->counters.bytes_in += size;
	channel->listener->receive(channel->data, bytes, size, handles, n_handles);
}

static void hold(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct held_receive *held = malloc(sizeof(*held));
	if (!held) {
		finish_handles(handles, n_handles);
		channel_fail(channel, "out of memory");
		return;
	}
	held->n_handles = n_handles;
	held->size = size;
	memcpy(held->handles, handles, n_handles * sizeof(*handles));
	memcpy(held->bytes, bytes, size);
	channel->held = held;
}

static bool handle_waiting(struct channel *channel);

/* Gives the user what was held, if its blobs are complete. May destroy the channel: false. */
static bool release_held(struct channel *channel)
{
	struct held_receive *held = channel->held;
	bool destroyed = false;
	int status = held ? handles_status(held->handles, held->n_handles) : -EINPROGRESS;
	if (status == -EINPROGRESS || channel->over)
		return true;
	if (status < 0) {
		channel_fail(channel, no_received_memory);
		return true;
	}
	channel->held = NULL;
	channel->destroyed = &destroyed;
	deliver(channel, held->bytes, held->size, held->handles, held->n_handles);
	free(held);
	if (destroyed)
		return false;
	channel->destroyed = NULL;
	if (!handle_waiting(channel))
		return false;
	if (!channel->over)
		channel_flush(channel);
	return true;
}

static void handle_receive(struct channel *channel, const uint8_t *page)
{
	struct cross_domain_send_receive receive;
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	const uint8_t *data;
	if (cross_domain_receive_decode(page, CROSS_DOMAIN_RING_BYTES, &receive, &data) < 0 ||
		receive.num_identifiers > CROSS_DOMAIN_MAX_IDENTIFIERS) {
		channel_fail(channel, "the host broke the protocol");
		return;
	}
	size_t n = receive.num_identifiers, size = receive.opaque_data_size;
	if (n == 0 && size == 0) {
		end(channel, NULL);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (receive_handle(channel, &receive, i, &handles[i]) < 0) {
			finish_handles(handles, i);
			return;
		}
	}
	if (handles_status(handles, n) == -EINPROGRESS)
		hold(channel, data, size, handles, n);
	else
		deliver(channel, data, size, handles, n);
}

static void handle_read(struct channel *channel, const uint8_t *page)
{
	struct cross_domain_read_write read;
	const uint8_t *data;
	if (cross_domain_read_decode(page, CROSS_DOMAIN_RING_BYTES, &read, &data) < 0) {
		channel_fail(channel, "the host broke the protocol");
		return;
	}
	if (read.hang_up)
		read_credit_remove(&channel->credit, read.identifier);
	channel->counters.bytes_in += read.opaque_data_size;
	channel->listener->pipe_data(
		channel->data, read.identifier, data, read.opaque_data_size, read.hang_up != 0);
}

static bool brings_handles(const struct cross_domain_header *header, const uint8_t *page)
{
	struct cross_domain_send_receive receive;
	memcpy(&receive, page, sizeof(receive));
	return header->cmd == CROSS_DOMAIN_CMD_RECEIVE && receive.num_identifiers > 0;
}

/* The event of the oldest POLL that has brought one: copied, and its page free again. */
static void take_page(struct channel *channel, uint8_t page[CROSS_DOMAIN_RING_BYTES])
{
	uint64_t event = channel->polls_sent - channel->n_polls - channel->n_waiting;
	uint8_t *at = (uint8_t *)channel->channel_ring->map +
		event % channel->n_slots * CROSS_DOMAIN_RING_BYTES;
	memcpy(page, at, CROSS_DOMAIN_RING_BYTES);
	/* So that a fence that comes without an event does not repeat this one. */
	memset(at, 0, sizeof(struct cross_domain_header));
}

/* Whether the host has said that one POLL is enough: an event of nothing. */
static bool is_refusal(const struct channel *channel, const struct cross_domain_header *header)
{
	return channel->n_slots > 1 && header->cmd == 0;
}

/* Handles one event. False: the channel was destroyed. */
static bool handle_page(struct channel *channel, const uint8_t *page)
{
	struct cross_domain_header header;
	bool destroyed = false;

	memcpy(&header, page, sizeof(header));
	/* The next event is asked for at once, unless this one may have to be held. */
	if (has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL) && !brings_handles(&header, page))
		submit_poll(channel);
	channel->destroyed = &destroyed;
	if (header.cmd == CROSS_DOMAIN_CMD_RECEIVE)
		handle_receive(channel, page);
	else if (header.cmd == CROSS_DOMAIN_CMD_READ)
		handle_read(channel, page);
	else if (is_refusal(channel, &header))
		channel->max_polls = 1;
	else
		channel_fail(channel, "the host sent an unknown event");
	if (destroyed)
		return false;
	channel->destroyed = NULL;
	return true;
}

/* Handles the events that wait, as long as none is held. False: the channel was destroyed. */
static bool handle_waiting(struct channel *channel)
{
	uint8_t page[CROSS_DOMAIN_RING_BYTES];
	while (channel->n_waiting > 0 && !channel->held && !channel->over) {
		take_page(channel, page);
		channel->n_waiting--;
		if (!handle_page(channel, page))
			return false;
	}
	return true;
}

static void handle_event(void *data)
{
	struct channel *channel = data;

	if (channel->over || !channel->channel_ring->map)
		return;
	if (channel->n_polls == 0) {
		channel_fail(channel, "the host sent an event that was not asked for");
		return;
	}
	channel->n_polls--;
	channel->n_waiting++;
	if (handle_waiting(channel) && !channel->over)
		channel_flush(channel);
}

static void handle_done(void *data, unsigned n)
{
	struct channel *channel = data;
	bool was_ready = channel_ready(channel);
	bool owed = channel_owed_bytes(channel) > 0;
	channel_flow_signalled(&channel->flow, n);
	if (channel->stalled) {
		channel->stalled = false;
		channel_flush(channel);
	}
	if (!channel->over)
		channel_blobs_retry(&channel->blobs);
	if ((!was_ready && channel_ready(channel)) || (owed && channel_owed_bytes(channel) == 0))
		channel->listener->ready(channel->data);
}

static void handle_lost(void *data, const char *why)
{
	struct channel *channel = data;
	end(channel, why);
	turn_task_finish(&channel->turn_task);
	tell_closed(channel);
}

/* The device has answered about memory: ours, or that of a blob. */
static void handle_blob(void *data, struct gpu_blob *blob, int error)
{
	struct channel *channel = data;
	if (channel->over)
		return;
	if (blob != channel->query_ring && blob != channel->channel_ring)
		channel_blobs_gpu_blob(&channel->blobs, blob, error);
	else if (error < 0)
		channel_fail(channel, "the host takes no memory for a connection");
	else if (blob == channel->query_ring)
		channel_blobs_retry(&channel->blobs);
}

static void handle_answered(void *data)
{
	struct channel *channel = data;
	if (!channel->over)
		channel_blobs_answered(&channel->blobs);
}

/* channel_blobs::done */
static void handle_blob_done(void *data, struct channel_blob *blob)
{
	struct channel *channel = data;
	if (blob->status < 0 && blob->status != -ENOMEM && !blob->received)
		channel_fail(channel, no_memory);
	channel->blobs_changed = true;
	turn_ask(&channel->gpu->turn, &channel->turn_task);
}

/* What is to be told in the turn of channels. */
static void run_turn(void *data)
{
	struct channel *channel = data;
	bool destroyed = false;

	if (channel->blobs_changed && !channel->over) {
		channel->blobs_changed = false;
		if (!release_held(channel))
			return;
		channel->destroyed = &destroyed;
		channel->listener->blobs(channel->data);
		if (destroyed)
			return;
		channel->destroyed = NULL;
	}
	if (channel->over)
		tell_closed(channel);
}

static const struct gpu_listener gpu_listener = {
	.event = handle_event,
	.answered = handle_answered,
	.blob = handle_blob,
	.done = handle_done,
	.lost = handle_lost,
};

/* Start. */

/* 0 or -errno: the device has no Wayland channels. */
static int read_capset(struct channel *channel)
{
	struct cross_domain_capset_ext capset = {0};
	int size = channel->gpu->ops->capset(
		channel->gpu, CROSS_DOMAIN_CAPSET_ID, &capset, sizeof(capset));
	if (size < 0)
		return size;
	if (size < (int)sizeof(capset.base) ||
		!(capset.base.supported_channels & (1u << CROSS_DOMAIN_CHANNEL_WAYLAND)))
		return -EOPNOTSUPP;
	if (size >= (int)sizeof(capset) && capset.magic == CROSS_DOMAIN_WAYFERRY_MAGIC)
		channel->features = capset.features;
	/* A kernel wakes the host for each submission: a POLL had better go with others then. */
	if (!channel->gpu->lazy)
		channel->features &= ~CROSS_DOMAIN_EXT_WANT_POLL;
	bool several = !channel->gpu->lazy && has_feature(channel, CROSS_DOMAIN_EXT_POLL_SLOTS);
	channel->n_slots = channel->max_polls = several ? POLL_SLOTS : 1;
	return 0;
}

static int submit_init(struct channel *channel)
{
	const struct cross_domain_init init = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(init)},
		.query_ring = channel->query_ring->resource_id,
		.channel_ring = channel->channel_ring->resource_id,
		.channel_type = CROSS_DOMAIN_CHANNEL_WAYLAND,
	};
	const struct cross_domain_credit window = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CREDIT, .cmd_size = sizeof(window)},
		.bytes = READ_CREDIT_WINDOW_BYTES,
	};
	struct gpu_blob *rings[] = {channel->query_ring, channel->channel_ring};
	int error = channel->gpu->ops->submit(
		channel->context, &init, sizeof(init), GPU_FENCE_NONE, false, rings, 2);
	if (error < 0)
		return error;
	channel->counters.submissions++;
	if (has_feature(channel, CROSS_DOMAIN_EXT_READ_CREDIT)) {
		error = command_batch_add(&channel->batch, &window, sizeof(window));
		if (error < 0)
			return error;
	}
	return channel_flush(channel);
}

/* It may be complete later: the commands that name it come behind. */
static int create_ring(struct channel *channel, unsigned n_pages, struct gpu_blob **out)
{
	int error = channel->gpu->ops->blob_create(channel->context, GPU_BLOB_GUEST, 0,
		(size_t)n_pages * CROSS_DOMAIN_RING_BYTES, out);
	return error == -EINPROGRESS ? 0 : error;
}

static int start(struct channel *channel)
{
	const struct gpu_ops *ops = channel->gpu->ops;
	int error = read_capset(channel);
	if (error == 0)
		error = ops->context_create(
			channel->gpu, &gpu_listener, channel, &channel->context);
	if (error == 0)
		error = create_ring(channel, 1, &channel->query_ring);
	if (error == 0)
		error = create_ring(channel, channel->n_slots, &channel->channel_ring);
	if (error < 0)
		return error;
	channel->blobs.gpu = channel->gpu;
	channel->blobs.context = channel->context;
	channel->blobs.query_ring = channel->query_ring;
	channel->blobs.features = channel->features;
	channel->blobs.counters = &channel->counters;
	channel->blobs.done = handle_blob_done;
	channel->blobs.data = channel;
	return submit_init(channel);
}

struct channel *channel_create(struct gpu *gpu, const struct channel_listener *listener, void *data)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		return NULL;
	channel->gpu = gpu;
	turn_task_init(&channel->turn_task, TURN_CHANNEL, run_turn, channel);
	channel->listener = listener;
	channel->data = data;
	channel->next_read_pipe = CROSS_DOMAIN_FIRST_READ_PIPE;
	channel->last_read_pipe_sent = CROSS_DOMAIN_FIRST_READ_PIPE - 1;
	command_batch_init(&channel->batch);
	channel_blobs_init(&channel->blobs);
	read_credit_init(&channel->credit);
	int error = start(channel);
	if (error < 0) {
		log_limited(LOG_LEVEL_ERROR, "%s: no channel to the host's compositor: %s",
			gpu->ops->describe(gpu), strerror(-error));
		channel_destroy(channel);
		return NULL;
	}
	return channel;
}

void channel_destroy(struct channel *channel)
{
	if (!channel)
		return;
	const struct gpu_ops *ops = channel->gpu->ops;
	if (channel->destroyed)
		*channel->destroyed = true;
	turn_task_finish(&channel->turn_task);
	if (channel->held)
		finish_handles(channel->held->handles, channel->held->n_handles);
	free(channel->held);
	forget_batch(channel);
	command_batch_finish(&channel->batch);
	channel_blobs_finish(&channel->blobs);
	ops->blob_destroy(channel->query_ring);
	ops->blob_destroy(channel->channel_ring);
	if (channel->context)
		ops->context_destroy(channel->context);
	read_credit_finish(&channel->credit);
	free(channel);
}
