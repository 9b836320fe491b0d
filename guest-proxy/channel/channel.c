/* A Wayland connection to the host through a cross-domain context: its memory, and how it fails. */
#include "guest-proxy/channel/channel_impl.h"

#include <errno.h>

#include "protocol/base/copied_once.h"
#include "protocol/base/monotonic.h"

uint32_t channel_stride_alignment(const struct channel *channel)
{
	return channel->dmabufs ? CROSS_DOMAIN_DMABUF_STRIDE : 4;
}

const struct channel_counters *channel_counters(const struct channel *channel)
{
	return &channel->counters;
}

/* The host's clock. */

static void handle_clock_answer(void *data)
{
	struct channel *channel = data;
	struct cross_domain_clock_answer answer;

	channel->clock_asked = false;
	memcpy(&answer, (uint8_t *)channel->query_ring->map + CROSS_DOMAIN_CLOCK_ANSWER_OFFSET,
		sizeof(answer));
	copied_once();
	if (answer.ns > 0 && channel->listener->clock)
		channel->listener->clock(
			channel->data, answer.clock_id, answer.ns, channel->clock_asked_ns);
}

bool channel_ask_clock(struct channel *channel, uint32_t clock_id)
{
	const struct cross_domain_clock command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CLOCK, .cmd_size = sizeof(command)},
		.clock_id = clock_id,
	};

	if (channel->over || channel->clock_asked || !channel->query_ring->map ||
		!channel_has_feature(channel, CROSS_DOMAIN_EXT_HOST_CLOCK))
		return false;
	channel->clock_asked_ns = monotonic_ns();
	channel->clock_asked = channel_blobs_ask(&channel->blobs, &command, sizeof(command),
				       handle_clock_answer, channel) == 0;
	return channel->clock_asked;
}

/* The end. */

void channel_end(struct channel *channel, const char *why)
{
	if (channel->over)
		return;
	channel->over = true;
	channel->why = why;
	turn_ask(&channel->gpu->turn, &channel->turn_task);
}

int channel_fail(struct channel *channel, const char *why)
{
	channel_end(channel, why);
	return -EPIPE;
}

int channel_fail_buffers(struct channel *channel)
{
	return channel_fail(channel, "the host gives no memory for buffers");
}

int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out)
{
	if (channel->over)
		return -EPIPE;
	int error = channel_blobs_create(&channel->blobs, size, out);
	if (error == 0 || error == -ENOMEM)
		return error;
	return channel_fail_buffers(channel);
}

int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out)
{
	return channel->over ? -EPIPE : channel_blobs_import(&channel->blobs, fd, out);
}

int channel_blob_give(struct channel *channel, int fd, size_t size, struct channel_blob **out)
{
	return channel->over ? -EPIPE : channel_blobs_give(&channel->blobs, fd, size, out);
}
