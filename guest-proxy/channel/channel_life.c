/* A channel's start, what the device tells it, and its end. */
#include "guest-proxy/channel/channel_impl.h"

#include <errno.h>
#include <stdlib.h>

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

#define POLL_SLOTS 2
#define RUN_PAGES 16
static_assert(RUN_PAGES <= CROSS_DOMAIN_RUN_MAX_PAGES, "");

static void tell_closed(struct channel *channel)
{
	if (channel->closed_told)
		return;
	channel->closed_told = true;
	channel->listener->closed(channel->data, channel->why); /* may destroy the channel */
}

static void handle_done(void *data, unsigned n)
{
	struct channel *channel = data;
	bool was_ready = channel_ready(channel);
	bool owed = channel_owed_bytes(channel) > 0;
	channel_flow_signalled(&channel->flow, n);
	write_pages_acknowledged(&channel->pages, channel->gpu->ops, channel->flow.acknowledged);
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
	channel_end(channel, why);
	turn_task_finish(&channel->turn_task);
	tell_closed(channel);
}

/* The device has answered about memory: ours, or that of a blob. */
static void handle_blob(void *data, struct gpu_blob *blob, int error)
{
	struct channel *channel = data;
	if (channel->over)
		return;
	if (blob == channel->pages.blob)
		write_pages_answered(&channel->pages, channel->gpu->ops, error);
	else if (blob == channel->more_pages.blob &&
		read_pages_answered(&channel->more_pages, channel->gpu->ops, error))
		channel_use_more_pages(channel);
	else if (blob != channel->query_ring && blob != channel->channel_ring)
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
		channel_fail_buffers(channel);
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
		if (!channel_release_held(channel))
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

/* The client has heard what came: now the host is asked for more, unless that went along with an
 * answer. */
static void run_poll(void *data)
{
	struct channel *channel = data;
	if (!channel->over)
		channel_flush(channel);
}

/* poll_patience::rested */
static void handle_rested(void *data)
{
	channel_submit_poll(data);
}

static const struct gpu_listener gpu_listener = {
	.event = channel_handle_event,
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
	channel->dmabufs = capset.base.supports_dmabuf;
	/* A kernel wakes the host for each submission: a POLL had better go with others then. */
	if (!channel->gpu->lazy)
		channel->features &= ~CROSS_DOMAIN_EXT_WANT_POLL;
	/* Without a kernel the queue is our own, and has a place for each channel. */
	channel->patience.agreed =
		!channel->gpu->lazy && channel_has_feature(channel, CROSS_DOMAIN_EXT_PATIENT);
	bool several = channel_has_feature(channel, CROSS_DOMAIN_EXT_POLL_SLOTS);
	bool runs = channel_has_feature(channel, CROSS_DOMAIN_EXT_RUNS);
	poll_credits_init(&channel->polls, several ? POLL_SLOTS : 1, runs ? RUN_PAGES : 1);
	return 0;
}

#define START_MAX_BYTES                                                                            \
	(sizeof(struct cross_domain_header) + sizeof(struct cross_domain_group) +                  \
		sizeof(struct cross_domain_init))

/* What comes before INIT, of a channel that is patient. Its size. */
static size_t put_patience(struct channel *channel, uint8_t *to)
{
	const struct cross_domain_header patient = {
		.cmd = CROSS_DOMAIN_CMD_PATIENT, .cmd_size = sizeof(patient)};
	struct bell *bell = &channel->gpu->bell;

	if (!channel->patience.agreed)
		return 0;
	memcpy(to, &patient, sizeof(patient));
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_BELL))
		poll_patience_join(&channel->patience, bell, &channel->gpu->turn);
	if (!channel->patience.member.bell)
		return sizeof(patient);
	const struct cross_domain_group group = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GROUP, .cmd_size = sizeof(group)},
		.key = bell->key,
		.member = channel->patience.member.id,
	};
	memcpy(to + sizeof(patient), &group, sizeof(group));
	return sizeof(patient) + sizeof(group);
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
	uint8_t commands[START_MAX_BYTES];
	size_t size = put_patience(channel, commands);
	memcpy(commands + size, &init, sizeof(init));
	int error = channel->gpu->ops->submit(
		channel->context, commands, size + sizeof(init), GPU_FENCE_NONE, false, rings, 2);
	if (error < 0)
		return error;
	channel->counters.submissions++;
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_READ_CREDIT)) {
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
		error = create_ring(channel, channel->polls.n_slots * channel->polls.slot_pages,
			&channel->channel_ring);
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
	turn_task_init(&channel->poll_task, TURN_POLL, run_poll, channel);
	poll_patience_init(&channel->patience, gpu->turn.loop, handle_rested, channel);
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
	turn_task_finish(&channel->poll_task);
	poll_patience_finish(&channel->patience);
	channel_forget_held(channel);
	channel_forget_batch(channel);
	command_batch_finish(&channel->batch);
	channel_blobs_finish(&channel->blobs);
	write_pages_finish(&channel->pages, ops);
	read_pages_finish(&channel->more_pages, ops);
	ops->blob_destroy(channel->query_ring);
	ops->blob_destroy(channel->channel_ring);
	if (channel->context)
		ops->context_destroy(channel->context);
	read_credit_finish(&channel->credit);
	free(channel);
}
