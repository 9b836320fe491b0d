/* What the host says: the events in the pages of the channel ring. */
#include "guest-proxy/channel/channel_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/base/copied_once.h"

#define MUCH_BYTES 32768
/* Of a run that begins with a READ: what comes before its data. */
#define LONG_READ_HEAD (sizeof(struct cross_domain_run) + sizeof(struct cross_domain_read_write))
static_assert(LONG_READ_HEAD % 8 == 0, "");

/*
 * What came in a RECEIVE whose blobs are not complete yet. No other event is asked for meanwhile,
 * and those that came behind it in the same run wait with it.
 */
struct held_receive {
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	size_t n_handles, size;
	uint8_t *rest; /* of the run; NULL: none */
	size_t rest_size;
	uint8_t bytes[];
};

static const char host_broke_protocol[] = "the host broke the protocol";
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
	struct held_receive *held = malloc(sizeof(*held) + size);
	if (!held) {
		finish_handles(handles, n_handles);
		channel_fail(channel, "out of memory");
		return;
	}
	*held = (struct held_receive){.n_handles = n_handles, .size = size};
	memcpy(held->handles, handles, n_handles * sizeof(*handles));
	if (size > 0)
		memcpy(held->bytes, bytes, size);
	channel->held = held;
}

static bool handle_events(struct channel *channel, const uint8_t *bytes, size_t size);
static bool handle_waiting(struct channel *channel);

/* False: the channel was destroyed. Frees @held. */
static bool deliver_held(struct channel *channel, struct held_receive *held)
{
	bool destroyed = false;
	channel->destroyed = &destroyed;
	deliver(channel, held->bytes, held->size, held->handles, held->n_handles);
	if (!destroyed) {
		channel->destroyed = NULL;
		destroyed = !handle_events(channel, held->rest, held->rest_size);
	}
	free(held->rest);
	free(held);
	return !destroyed;
}

bool channel_release_held(struct channel *channel)
{
	struct held_receive *held = channel->held;
	int status = held ? handles_status(held->handles, held->n_handles) : -EINPROGRESS;
	if (status == -EINPROGRESS || channel->over)
		return true;
	if (status < 0) {
		channel_fail(channel, no_received_memory);
		return true;
	}
	channel->held = NULL;
	if (!deliver_held(channel, held) || !handle_waiting(channel))
		return false;
	if (!channel->over)
		channel_flush(channel);
	return true;
}

static void handle_receive(struct channel *channel, const uint8_t *event, size_t room)
{
	struct cross_domain_send_receive receive;
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	const uint8_t *data;
	if (cross_domain_receive_decode(event, room, &receive, &data) < 0 ||
		receive.num_identifiers > CROSS_DOMAIN_MAX_IDENTIFIERS) {
		channel_fail(channel, host_broke_protocol);
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

/*
 * Who sends much at once may have more, and a longer run has room for it. Memory for that is given
 * up with the last pipe.
 */
static void choose_pages(struct channel *channel, size_t size)
{
	if (size > MUCH_BYTES && channel_has_feature(channel, CROSS_DOMAIN_EXT_PAGES) &&
		channel->polls.slot_pages > 1 &&
		read_pages_ask(&channel->more_pages, channel->gpu->ops, channel->context))
		channel_use_more_pages(channel);
}

/* Those that POLLs name already are waited for. */
static void leave_pages(struct channel *channel)
{
	if (!read_credit_any(&channel->credit))
		channel->polls.more = false;
	if (channel->more_pages.ready && !channel->polls.more &&
		!poll_credits_use_more(&channel->polls))
		read_pages_finish(&channel->more_pages, channel->gpu->ops);
}

static void take_read(
	struct channel *channel, const struct cross_domain_read_write *read, const uint8_t *data)
{
	if (read->hang_up)
		read_credit_remove(&channel->credit, read->identifier);
	choose_pages(channel, read->opaque_data_size);
	channel->counters.bytes_in += read->opaque_data_size;
	channel->listener->pipe_data(
		channel->data, read->identifier, data, read->opaque_data_size, read->hang_up != 0);
}

static void handle_read(struct channel *channel, const uint8_t *event, size_t room)
{
	struct cross_domain_read_write read;
	const uint8_t *data;
	if (cross_domain_read_decode(event, room, &read, &data) < 0)
		channel_fail(channel, host_broke_protocol);
	else
		take_read(channel, &read, data);
}

/* The events of a page or run: from @bytes on, or behind the head of a run. */
static const uint8_t *events_of(const uint8_t *bytes, size_t *size)
{
	struct cross_domain_run run;
	memcpy(&run, bytes, sizeof(run));
	if (run.hdr.cmd != CROSS_DOMAIN_CMD_RUN)
		return bytes;
	*size -= sizeof(run);
	return bytes + sizeof(run);
}

/* Whether one of the events, one behind the other, may have to be held. */
static bool bring_handles(const uint8_t *bytes, size_t size)
{
	size_t length;
	for (; (length = cross_domain_event_length(bytes, size)) > 0;
		bytes += length, size -= length) {
		if (cross_domain_event_identifiers(bytes, length) > 0)
			return true;
	}
	return false;
}

/* The host has refused memory for long runs, or has no place to wait for one: they are done without
 * from now on. */
static void handle_no_pages(struct channel *channel)
{
	channel->polls.more = false;
	channel->more_pages.refused = true;
}

/* The host had no place in the queue to wait for an event. */
static void handle_nothing(struct channel *channel)
{
	poll_credits_refused(&channel->polls);
	if (channel->polls.n_outstanding == 0)
		poll_patience_refused(&channel->patience);
}

/* Other channels, which rest, are to ask. */
static void handle_bell(struct channel *channel, const uint8_t *event, size_t room)
{
	struct cross_domain_bell bell;
	const uint8_t *members;

	if (cross_domain_bell_decode(event, room, &bell, &members) < 0) {
		channel_fail(channel, host_broke_protocol);
		return;
	}
	for (uint32_t i = 0; i < bell.n_members; i++)
		bell_ring(&channel->gpu->bell, load_u32(members + i * sizeof(uint32_t)));
}

/* Handles the event that has @room bytes at most. False: the channel was destroyed. */
static bool handle_one(struct channel *channel, const uint8_t *event, size_t room)
{
	struct cross_domain_header header;
	bool destroyed = false;

	memcpy(&header, event, sizeof(header));
	channel->destroyed = &destroyed;
	if (header.cmd != 0)
		poll_patience_heard(&channel->patience);
	if (header.cmd == CROSS_DOMAIN_CMD_RECEIVE)
		handle_receive(channel, event, room);
	else if (header.cmd == CROSS_DOMAIN_CMD_READ)
		handle_read(channel, event, room);
	else if (header.cmd == CROSS_DOMAIN_CMD_BELL && channel->patience.member.bell)
		handle_bell(channel, event, room);
	else if (header.cmd == 0 && channel->polls.took_more)
		handle_no_pages(channel);
	else if (header.cmd == 0 && channel->patience.agreed)
		handle_nothing(channel);
	else if (header.cmd != 0 || !poll_credits_refused(&channel->polls))
		channel_fail(channel, "the host sent an unknown event");
	if (destroyed)
		return false;
	channel->destroyed = NULL;
	return true;
}

/* What is behind an event that has to be held is kept with it. */
static void keep_rest(struct channel *channel, const uint8_t *bytes, size_t size)
{
	struct held_receive *held = channel->held;
	if (size == 0)
		return;
	held->rest = malloc(size);
	if (!held->rest) {
		channel_fail(channel, "out of memory");
		return;
	}
	memcpy(held->rest, bytes, size);
	held->rest_size = size;
}

/* Handles the events of a run, one behind the other. False: the channel was destroyed. */
static bool handle_events(struct channel *channel, const uint8_t *bytes, size_t size)
{
	while (size > 0 && !channel->over && !channel->held) {
		size_t length = cross_domain_event_length(bytes, size);
		if (length == 0) {
			channel_fail(channel, host_broke_protocol);
			return true;
		}
		if (!handle_one(channel, bytes, length))
			return false;
		bytes += length;
		size -= length;
	}
	if (channel->held && !channel->over)
		keep_rest(channel, bytes, size);
	return true;
}

/* Handles what came in one slot. False: the channel was destroyed. */
static bool handle_slot(struct channel *channel, const uint8_t *bytes, size_t size)
{
	const uint8_t *events = events_of(bytes, &size);

	/* The next event is asked for at once, unless one of these may have to be held. */
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL) &&
		!bring_handles(events, size))
		channel_submit_poll(channel);
	if (events == bytes)
		return handle_one(channel, bytes, size);
	channel->counters.runs++;
	return handle_events(channel, events, size);
}

/*
 * Whether a run of @size bytes begins with a READ of a lot of data, which is *@read then. Its data
 * go to their reader from where they are; what else there is is copied first, as the host could
 * change it while it is looked at.
 */
static bool begins_with_much(const uint8_t *at, size_t size, struct cross_domain_read_write *read)
{
	struct cross_domain_header run;

	if (size < LONG_READ_HEAD)
		return false;
	memcpy(&run, at, sizeof(run));
	memcpy(read, at + sizeof(struct cross_domain_run), sizeof(*read));
	copied_once();
	return run.cmd == CROSS_DOMAIN_CMD_RUN && read->hdr.cmd == CROSS_DOMAIN_CMD_READ &&
		read->opaque_data_size > MUCH_BYTES &&
		align_up(read->opaque_data_size, 8) <= size - LONG_READ_HEAD;
}

/* False: the channel was destroyed. */
static bool handle_long_read(
	struct channel *channel, const struct cross_domain_read_write *read, const uint8_t *data)
{
	bool destroyed = false;

	channel->destroyed = &destroyed;
	poll_patience_heard(&channel->patience);
	take_read(channel, read, data);
	if (!destroyed)
		channel->destroyed = NULL;
	return !destroyed;
}

/* The oldest slot, which is at @at with @size bytes; @bytes is room for a copy. False: the channel
 * was destroyed. */
static bool handle_oldest(struct channel *channel, uint8_t *at, size_t size, uint8_t *bytes)
{
	struct cross_domain_read_write read;

	if (!begins_with_much(at, size, &read)) {
		memcpy(bytes, at, size);
		copied_once();
		poll_credits_taken(&channel->polls, at);
		return handle_slot(channel, bytes, size);
	}
	/* This slot is not free yet; the other one may be. */
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_WANT_POLL))
		channel_submit_poll(channel);
	channel->counters.runs++;
	if (!handle_long_read(channel, &read, at + LONG_READ_HEAD))
		return false;
	const size_t done = LONG_READ_HEAD + align_up(read.opaque_data_size, 8);
	memcpy(bytes, at + done, size - done);
	copied_once();
	poll_credits_taken(&channel->polls, at);
	return handle_events(channel, bytes, size - done);
}

/* Handles the events that wait, as long as none is held. False: the channel was destroyed. */
static bool handle_waiting(struct channel *channel)
{
	uint8_t bytes[CROSS_DOMAIN_LONG_RUN_MAX_BYTES], *at;
	size_t size;
	while (!channel->held && !channel->over) {
		uint8_t *more = channel->more_pages.ready ? channel->more_pages.blob->map : NULL;
		size = poll_credits_look(&channel->polls, channel->channel_ring->map, more, &at);
		if (size == 0)
			break;
		if (!handle_oldest(channel, at, size, bytes))
			return false;
	}
	leave_pages(channel);
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
	if (channel->polls.n_outstanding == 0)
		poll_patience_answered(&channel->patience);
	if (handle_waiting(channel) && !channel->over &&
		(channel->polls.n_outstanding == 0 || channel_has_output(channel)))
		turn_ask(&channel->gpu->turn, &channel->poll_task);
}

void channel_forget_held(struct channel *channel)
{
	struct held_receive *held = channel->held;
	if (!held)
		return;
	finish_handles(held->handles, held->n_handles);
	free(held->rest);
	free(held);
	channel->held = NULL;
}
