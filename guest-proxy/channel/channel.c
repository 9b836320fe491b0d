/*
 * A Wayland connection to the host through a cross-domain context.
 *
 * Out: commands gather in a batch and leave as one submission with channel_flush. A fence about
 * every 64 KiB tells how far the host has come; while too much is under way, channel_ready is false
 * and the user stops reading from its client.
 *
 * In: the channel ring is a page that holds one event. The fence of a POLL says that an event is in
 * it; once the page has been copied, the next POLL may be sent.
 */
#include "guest-proxy/channel/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "guest-proxy/channel/command_batch.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

#define BATCH_FLUSH_BYTES ((size_t)128 << 10) /* a batch this large goes out without a flush */
#define BATCH_BLOBS 64
#define CHUNK_BYTES ((size_t)32 << 10)
/* What a small submission counts as: it takes a place in the queue, whatever its size. */
#define SUBMISSION_COST UINT64_C(2048)
#define FENCE_BYTES (UINT64_C(64) << 10)
#define CONGESTED_BYTES (UINT64_C(256) << 10)
#define RELIEVED_BYTES (UINT64_C(128) << 10)
/* More than a user that heeds channel_ready can reach. */
#define MAX_UNDER_WAY_BYTES (UINT64_C(4) << 20)
#define MAX_FENCES 80
static_assert(MAX_FENCES > MAX_UNDER_WAY_BYTES / FENCE_BYTES, "");
/* The fence of a POLL is held until there is an event, and with it the memory of its submission: a
 * POLL goes into small submissions only. */
#define MERGE_BYTES 2048

/* Flow control of read pipes: how much the host may send ahead, and how often it gets more credit.
 */
#define READ_WINDOW_BYTES (256u << 10)
#define CREDIT_BYTES (64u << 10)

/* A pipe that the host reads from and sends to us, under flow control. */
struct credit_pipe {
	uint32_t id;
	uint32_t due; /* bytes taken by its reader that the host has not been told of */
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
	bool congested; /* too much is under way */
	/* Costs, ever growing: given to the device, covered by a fence, known to be carried out. */
	uint64_t sent, fenced, acknowledged;
	uint64_t fences[MAX_FENCES]; /* a ring: the value of sent at each fence under way */
	unsigned first_fence, n_fences;

	bool poll_due, paused;
	uint32_t next_read_pipe, last_read_pipe_sent;
	struct wl_array credit_pipes; /* struct credit_pipe */

	bool over, closed_told;
	const char *why; /* NULL with over: the compositor closed the connection */
	struct turn_task tell_task;
	bool *destroyed; /* set by channel_destroy while an event is handled */
};

const struct channel_counters *channel_counters(const struct channel *channel)
{
	return &channel->counters;
}

/* The end. */

static void tell_closed(void *data)
{
	struct channel *channel = data;
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
	turn_ask(&channel->gpu->turn, &channel->tell_task);
}

/* The channel is over: listener->closed comes from the event loop. @why: a constant text. -EPIPE.
 */
static int channel_fail(struct channel *channel, const char *why)
{
	end(channel, why);
	return -EPIPE;
}

/* Submissions. */

static uint64_t under_way(const struct channel *channel)
{
	return channel->sent - channel->acknowledged;
}

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

static const struct cross_domain_poll poll_command = {
	.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL,
		.ring_idx = CROSS_DOMAIN_CHANNEL_RING,
		.cmd_size = sizeof(poll_command)},
};

static bool has_feature(const struct channel *channel, uint32_t feature)
{
	return channel->features & feature;
}

/* Asks for the next event, unless one was asked for or is not wanted. */
static void submit_poll(struct channel *channel)
{
	if (!channel->poll_due || channel->paused || channel->over)
		return;
	bool lazy = has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL);
	if (submit(channel, &poll_command, sizeof(poll_command), GPU_FENCE_EVENT, lazy) == 0)
		channel->poll_due = false;
}

static void push_fence(struct channel *channel)
{
	channel->fences[(channel->first_fence + channel->n_fences++) % MAX_FENCES] = channel->sent;
	channel->fenced = channel->sent;
}

/* Submits the batch. @with_poll: a POLL may go along. 0 (also when it has to wait for room) or
 * -EPIPE. */
static int submit_batch(struct channel *channel, bool with_poll)
{
	size_t size = channel->batch.size;
	if (size == 0)
		return 0;
	uint64_t cost = max_u64(size, SUBMISSION_COST);
	enum gpu_fence fence = GPU_FENCE_NONE;
	if ((channel->fence_due || channel->sent + cost - channel->fenced >= FENCE_BYTES) &&
		channel->n_fences < MAX_FENCES)
		fence = GPU_FENCE_DONE;
	else if (with_poll &&
		command_batch_add(&channel->batch, &poll_command, sizeof(poll_command)) == 0)
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
	channel->sent += cost;
	if (fence == GPU_FENCE_DONE) {
		push_fence(channel);
		channel->fence_due = false;
	}
	if (fence == GPU_FENCE_EVENT)
		channel->poll_due = false;
	if (under_way(channel) > CONGESTED_BYTES)
		channel->congested = true;
	return 0;
}

int channel_flush(struct channel *channel)
{
	if (channel->over)
		return -EPIPE;
	/* Where each submission wakes the host, a POLL is put into the one that is due anyway. */
	bool merge = channel->poll_due && !channel->paused && channel->batch.size > 0 &&
		channel->batch.size <= MERGE_BYTES &&
		!has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL);
	if (!merge)
		submit_poll(channel);
	submit_batch(channel, merge);
	submit_poll(channel); /* if it did not go along: the batch got another kind of fence */
	return channel->over ? -EPIPE : 0;
}

bool channel_ready(const struct channel *channel)
{
	return !channel->over && !channel->congested && !channel->stalled;
}

uint64_t channel_owed_bytes(const struct channel *channel)
{
	return channel->over ? 0 : channel->fenced - channel->acknowledged + channel->batch.size;
}

/* Submits the batch if @size bytes more would make it too large. 0 or -EPIPE. */
static int make_room(struct channel *channel, size_t size)
{
	if (channel->over)
		return -EPIPE;
	if (under_way(channel) + channel->batch.size + size > MAX_UNDER_WAY_BYTES)
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

static struct credit_pipe *find_credit_pipe(struct channel *channel, uint32_t id)
{
	struct credit_pipe *pipe;
	wl_array_for_each(pipe, &channel->credit_pipes)
	{
		if (pipe->id == id)
			return pipe;
	}
	return NULL;
}

/* Begins the flow control of a new read pipe, where the host has it. 0 or -ENOMEM. */
static int add_credit_pipe(struct channel *channel, uint32_t id)
{
	if (!has_feature(channel, CROSS_DOMAIN_EXT_READ_CREDIT))
		return 0;
	struct credit_pipe *pipe = wl_array_add(&channel->credit_pipes, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	*pipe = (struct credit_pipe){.id = id};
	return 0;
}

static void remove_credit_pipe(struct channel *channel, uint32_t id)
{
	struct wl_array *pipes = &channel->credit_pipes;
	struct credit_pipe *pipe = find_credit_pipe(channel, id);
	if (!pipe)
		return;
	pipes->size -= sizeof(*pipe);
	*pipe = *(struct credit_pipe *)((char *)pipes->data + pipes->size);
}

/* What the host knows @handle as. The batch takes a reference of a blob. 0, or -errno: it cannot be
 * sent. */
static int identify(
	struct channel *channel, struct wire_handle *handle, struct command_identifier *out)
{
	if (handle->kind == WIRE_BLOB) {
		struct channel_blob *blob = handle->blob;
		if (blob->owner != &channel->blobs || channel->n_batch_blobs == BATCH_BLOBS)
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
	return add_credit_pipe(channel, handle->id);
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
	remove_credit_pipe(channel, pipe_id);
	if (make_room(channel, 0) == 0)
		batch_result(channel, command_batch_write(&channel->batch, pipe_id, NULL, 0, true));
	return true;
}

void channel_read_done(struct channel *channel, uint32_t pipe_id, size_t size)
{
	struct credit_pipe *pipe = find_credit_pipe(channel, pipe_id);
	if (!pipe || channel->over)
		return;
	/* No more than the window can have been read, so the sum cannot overflow. */
	pipe->due += (uint32_t)min_u64(size, READ_WINDOW_BYTES);
	if (pipe->due < CREDIT_BYTES)
		return;
	const struct cross_domain_credit credit = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CREDIT, .cmd_size = sizeof(credit)},
		.identifier = pipe_id,
		.bytes = pipe->due,
	};
	pipe->due = 0;
	if (batch_result(channel, command_batch_add(&channel->batch, &credit, sizeof(credit))) == 0)
		channel_flush(channel);
}

void channel_pause(struct channel *channel, bool paused)
{
	channel->paused = paused;
	submit_poll(channel);
}

int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out)
{
	if (channel->over)
		return -EPIPE;
	int error = channel_blobs_create(&channel->blobs, size, out);
	if (error == 0 || error == -ENOMEM)
		return error;
	return channel_fail(channel, "the host gives no memory for buffers");
}

int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out)
{
	return channel->over ? -EPIPE : channel_blobs_import(&channel->blobs, fd, out);
}

/* Events. */

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
			return channel_fail(channel, "memory that the host sent cannot be had");
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
	if (receive.num_identifiers == 0 && receive.opaque_data_size == 0) {
		end(channel, NULL);
		return;
	}
	for (uint32_t i = 0; i < receive.num_identifiers; i++) {
		if (receive_handle(channel, &receive, i, &handles[i]) < 0) {
			finish_handles(handles, i);
			return;
		}
	}
	channel->counters.receives++;
	channel->counters.bytes_in += receive.opaque_data_size;
	channel->listener->receive(
		channel->data, data, receive.opaque_data_size, handles, receive.num_identifiers);
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
		remove_credit_pipe(channel, read.identifier);
	channel->counters.bytes_in += read.opaque_data_size;
	channel->listener->pipe_data(
		channel->data, read.identifier, data, read.opaque_data_size, read.hang_up != 0);
}

static void handle_event(void *data)
{
	struct channel *channel = data;
	struct cross_domain_header header;
	uint8_t page[CROSS_DOMAIN_RING_BYTES];
	bool destroyed = false;

	if (channel->over)
		return;
	memcpy(page, channel->channel_ring->map, sizeof(page));
	/* So that a fence that comes without an event does not repeat this one. */
	memset(channel->channel_ring->map, 0, sizeof(header));
	channel->poll_due = true;
	if (has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL))
		submit_poll(channel);

	channel->destroyed = &destroyed;
	memcpy(&header, page, sizeof(header));
	if (header.cmd == CROSS_DOMAIN_CMD_RECEIVE)
		handle_receive(channel, page);
	else if (header.cmd == CROSS_DOMAIN_CMD_READ)
		handle_read(channel, page);
	else
		channel_fail(channel, "the host sent an unknown event");
	if (destroyed)
		return;
	channel->destroyed = NULL;
	if (!channel->over)
		channel_flush(channel);
}

static void handle_done(void *data, unsigned n)
{
	struct channel *channel = data;
	bool was_ready = channel_ready(channel);
	bool owed = channel_owed_bytes(channel) > 0;
	for (; n > 0 && channel->n_fences > 0; n--) {
		channel->acknowledged = channel->fences[channel->first_fence];
		channel->first_fence = (channel->first_fence + 1) % MAX_FENCES;
		channel->n_fences--;
	}
	if (channel->stalled) {
		channel->stalled = false;
		channel_flush(channel);
	}
	if (under_way(channel) <= RELIEVED_BYTES)
		channel->congested = false;
	if ((!was_ready && channel_ready(channel)) || (owed && channel_owed_bytes(channel) == 0))
		channel->listener->ready(channel->data);
}

static void handle_lost(void *data, const char *why)
{
	struct channel *channel = data;
	end(channel, why);
	turn_task_finish(&channel->tell_task);
	tell_closed(channel);
}

static const struct gpu_listener gpu_listener = {
	.event = handle_event,
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
		.bytes = READ_WINDOW_BYTES,
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
	channel->poll_due = true;
	return channel_flush(channel);
}

static int start(struct channel *channel)
{
	const struct gpu_ops *ops = channel->gpu->ops;
	int error = read_capset(channel);
	if (error == 0)
		error = ops->context_create(
			channel->gpu, &gpu_listener, channel, &channel->context);
	if (error == 0)
		error = ops->blob_create(channel->context, GPU_BLOB_GUEST, 0,
			CROSS_DOMAIN_RING_BYTES, &channel->query_ring);
	if (error == 0)
		error = ops->blob_create(channel->context, GPU_BLOB_GUEST, 0,
			CROSS_DOMAIN_RING_BYTES, &channel->channel_ring);
	if (error < 0)
		return error;
	channel->blobs.gpu = channel->gpu;
	channel->blobs.context = channel->context;
	channel->blobs.query_ring = channel->query_ring;
	channel->blobs.features = channel->features;
	channel->blobs.counters = &channel->counters;
	return submit_init(channel);
}

struct channel *channel_create(struct gpu *gpu, const struct channel_listener *listener, void *data)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		return NULL;
	channel->gpu = gpu;
	turn_task_init(&channel->tell_task, TURN_CHANNEL, tell_closed, channel);
	channel->listener = listener;
	channel->data = data;
	channel->next_read_pipe = CROSS_DOMAIN_FIRST_READ_PIPE;
	channel->last_read_pipe_sent = CROSS_DOMAIN_FIRST_READ_PIPE - 1;
	command_batch_init(&channel->batch);
	channel_blobs_init(&channel->blobs);
	wl_array_init(&channel->credit_pipes);
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
	turn_task_finish(&channel->tell_task);
	forget_batch(channel);
	command_batch_finish(&channel->batch);
	channel_blobs_finish(&channel->blobs);
	ops->blob_destroy(channel->query_ring);
	ops->blob_destroy(channel->channel_ring);
	if (channel->context)
		ops->context_destroy(channel->context);
	wl_array_release(&channel->credit_pipes);
	free(channel);
}
