/* What the host says: the events in the pages of the channel ring. */
#include "guest-proxy/channel/channel_impl.h"

#include <errno.h>
#include <stdlib.h>

/* What came in a RECEIVE whose blobs are not complete yet. No other event is asked for meanwhile.
 */
struct held_receive {
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	size_t n_handles, size;
	uint8_t bytes[CROSS_DOMAIN_RECEIVE_MAX_DATA];
};

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

bool channel_release_held(struct channel *channel)
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
		channel_end(channel, NULL);
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

/* Handles one event. False: the channel was destroyed. */
static bool handle_page(struct channel *channel, const uint8_t *page)
{
	struct cross_domain_header header;
	bool destroyed = false;

	memcpy(&header, page, sizeof(header));
	/* The next event is asked for at once, unless this one may have to be held. */
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL) &&
		!brings_handles(&header, page))
		channel_submit_poll(channel);
	channel->destroyed = &destroyed;
	if (header.cmd == CROSS_DOMAIN_CMD_RECEIVE)
		handle_receive(channel, page);
	else if (header.cmd == CROSS_DOMAIN_CMD_READ)
		handle_read(channel, page);
	else if (!poll_credits_refused(&channel->polls, &header))
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
	while (!channel->held && !channel->over &&
		poll_credits_take(&channel->polls, channel->channel_ring->map, page)) {
		if (!handle_page(channel, page))
			return false;
	}
	return true;
}

void channel_handle_event(void *data)
{
	struct channel *channel = data;

	if (channel->over || !channel->channel_ring->map)
		return;
	if (!poll_credits_signalled(&channel->polls)) {
		channel_fail(channel, "the host sent an event that was not asked for");
		return;
	}
	if (handle_waiting(channel) && !channel->over)
		channel_flush(channel);
}

void channel_forget_held(struct channel *channel)
{
	if (channel->held)
		finish_handles(channel->held->handles, channel->held->n_handles);
	free(channel->held);
	channel->held = NULL;
}
