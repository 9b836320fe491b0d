/*
 * The events of cross-domain contexts: from the compositor and the pipes to the guest's channel
 * ring.
 *
 * A page of the ring holds one event. The guest asks for the next one with a POLL, whose fence
 * waits here (polls) until an event was written to the page that it names; stock guests have one
 * page. A guest of ours names several pages at once, for a run of events. Meanwhile events wait in
 * three places: Wayland in the stream, bytes of pipes in the pipes themselves, and the end of the
 * channel in a flag. cross_domain_service writes them; the device calls it from its event loop
 * only, so the callbacks of the compositor and of the pipes never write to the guest, execute
 * commands or end the context they belong to.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/transfers/policy_gate.h"
#include "protocol/base/fd.h"
#include "protocol/wire/wire.h"
#define LOG_MODULE "context"

#define READ_BYTES_WITHOUT_CREDIT 1024
#define IN_PLACE_PIECES 80 /* of memory, of a long run */
/* Any event begins in so much, and has some bytes of data. */
#define EVENT_MIN_ROOM (sizeof(struct cross_domain_send_receive) + READ_BYTES_WITHOUT_CREDIT)
/* Behind much of a pipe's there soon is more of it, as its writer goes on: a few bytes of that
 * would cost either side a call, and all that comes later begins within a page. */
#define ROOM_BEHIND_MUCH 16384

/* --- what the compositor has for the guest --- */

/* Keeps what the client is told when its connection ends, as it does now. Returns the error. */
static int over_quota(struct cross_domain_context *context, enum quota_limit limit)
{
	cross_domain_end_by_quota(context, limit);
	return -EDQUOT;
}

/* Turns @handle into an identifier; takes it, also on error. */
static int make_identifier(struct cross_domain_context *context, struct wire_handle *handle,
	struct guest_stream_identifier *out)
{
	int err = -EINVAL;
	*out = (struct guest_stream_identifier){.id = context->last_id + 1};
	if (handle->kind == WIRE_FD) {
		size_t copied = 0;
		out->type = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
		err = blob_ids_add_file(
			&context->blob_ids, out->id, handle->fd, &out->size, &copied);
		cross_domain_counters(context)->copied_bytes += copied;
	} else if (handle->kind == WIRE_WRITE_PIPE) {
		out->type = CROSS_DOMAIN_ID_WRITE_PIPE;
		err = pipes_add_write(&context->pipes, out->id, handle->fd);
		handle->fd = -1;
	}
	if (err == 0)
		context->last_id = out->id;
	wire_handle_finish(handle);
	return err;
}

static bool is_display_error(const uint8_t *bytes, size_t size)
{
	return size >= WIRE_HEADER_BYTES && load_u32(bytes) == WIRE_DISPLAY_ID &&
		(load_u32(bytes + 4) & 0xffff) == WL_DISPLAY_ERROR;
}

/*
 * Somebody else wants what the client has, and there is no pipe for it. It is not the client who
 * has too many: it does not hear of this transfer, and the reader finds the end at once.
 */
static void refuse_transfer(const struct cross_domain_context *context, int err)
{
	char text[QUOTA_TEXT_MAX];

	log_limited(LOG_LEVEL_WARN, "%s: a transfer is refused: %s", context->base.name,
		err == -EDQUOT
			? quota_explain(context->base.host->quota, context->pipes.exceeded, text)
			: strerror(-err));
}

static int handle_to_guest(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct cross_domain_context *context = data;
	struct guest_stream_identifier identifiers[FD_MESSAGE_MAX];
	int err = n_handles <= ARRAY_LENGTH(identifiers) ? 0 : -E2BIG;
	/* *.send(type, fd), and no other event: nothing else is lost with it */
	const bool is_transfer = n_handles == 1 && handles[0].kind == WIRE_WRITE_PIPE;

	for (size_t i = 0; i < n_handles; i++) {
		if (err == 0)
			err = make_identifier(context, &handles[i], &identifiers[i]);
		else
			wire_handle_finish(&handles[i]);
	}
	if (err < 0 && is_transfer) {
		refuse_transfer(context, err);
		return 0;
	}
	if (err == 0)
		err = guest_stream_add(&context->stream, bytes, size, identifiers, n_handles);
	while (err == 0 && !cross_domain_update_quota(context))
		if (!policy_gate_make_room(context->kind->policy))
			err = over_quota(context, QUOTA_QUEUED_BYTES);
	context->error_told |= is_display_error(bytes, size);
	if (err < 0) {
		log_limited(LOG_LEVEL_WARN, "%s: %zu bytes with %zu fds cannot go to the guest: %s",
			context->base.name, size, n_handles, strerror(-err));
		return err;
	}
	context_wake(&context->base);
	return 0;
}

static bool has_room(const struct cross_domain_context *context)
{
	return guest_stream_bytes(&context->stream) < GUEST_STREAM_ROOM_BYTES &&
		blob_ids_have_room(&context->blob_ids);
}

static bool handle_has_room(void *data)
{
	struct cross_domain_context *context = data;
	bool room = has_room(context);
	context->compositor_paused |= !room;
	return room;
}

static void handle_closed(void *data)
{
	struct cross_domain_context *context = data;
	context->ended = true;
	context->input_ended = true; /* cross_domain_service does the rest */
	context_wake(&context->base);
}

static void handle_wake(void *data)
{
	struct cross_domain_context *context = data;
	context_wake(&context->base);
}

const struct compositor_listener cross_domain_compositor_listener = {
	.to_guest = handle_to_guest,
	.has_room = handle_has_room,
	.closed = handle_closed,
	.drained = handle_wake,
};

static void handle_cut(void *data, int fd)
{
	const struct cross_domain_context *context = data;
	policy_gate_cut(context->kind->policy, fd);
}

static bool handle_make_room(void *data)
{
	const struct cross_domain_context *context = data;
	return policy_gate_make_room(context->kind->policy);
}

const struct pipes_listener cross_domain_pipes_listener = {
	.readable = handle_wake, .cut = handle_cut, .make_room = handle_make_room};

/* --- events --- */

/* A RECEIVE of up to @room bytes at @to, and no more than an ordinary run has. */
static size_t make_receive(struct cross_domain_context *context, uint8_t *to, size_t room)
{
	struct cross_domain_send_receive receive;
	size_t n = guest_stream_take(&context->stream, &receive, to + sizeof(receive),
		min_u64(room, (size_t)CROSS_DOMAIN_RUN_MAX_BYTES) - sizeof(receive));
	memcpy(to, &receive, sizeof(receive));
	context->stream_had_turn = true;
	cross_domain_counters(context)->receives++;
	cross_domain_counters(context)->bytes_to_guest += n;
	return sizeof(receive) + n;
}

/*
 * Where the run that is made goes: what of it is in the guest's memory already, @gap_bytes behind
 * @gap bytes of the run. Long contents of pipes need not come by way of a buffer of ours.
 */
struct run_place {
	const struct resource *ring; /* NULL: everything is to be written from a buffer */
	uint64_t offset;
	size_t gap, gap_bytes;
};

/* As pipes_read, of up to @size bytes that lie behind @at bytes of the run. -EFAULT: the guest's
 * memory is not there. */
static ssize_t read_in_place(struct cross_domain_context *context, struct run_place *place,
	size_t at, size_t size, uint32_t *id, bool *hang_up)
{
	struct iovec iov[IN_PLACE_PIECES];
	int n_iov = resource_pieces(place->ring, place->offset + at, &size, iov, IN_PLACE_PIECES);
	if (n_iov < 0)
		return -EFAULT;
	ssize_t n = pipes_readv(&context->pipes, id, iov, n_iov, hang_up);
	if (n > 0) {
		place->gap = at;
		place->gap_bytes = (size_t)n;
	}
	return n;
}

/* 0: no pipe has anything to read now. @at: where in the run of @place the event begins; @place may
 * be NULL. */
static size_t make_read(struct cross_domain_context *context, uint8_t *to, size_t room,
	struct run_place *place, size_t at)
{
	uint32_t id;
	bool hang_up;
	ssize_t n = -EFAULT;
	/* Guests that give no credit write what they get to a pipe of their own, and may block
	 * there if it is more at once. */
	bool credit = context->pipes.read_limit != UINT32_MAX;
	room = credit ? room - sizeof(struct cross_domain_read_write) : READ_BYTES_WITHOUT_CREDIT;
	if (place && place->ring && place->gap_bytes == 0 &&
		room > (size_t)CROSS_DOMAIN_RUN_MAX_BYTES)
		n = read_in_place(context, place, at + sizeof(struct cross_domain_read_write), room,
			&id, &hang_up);
	if (n == -EFAULT)
		n = pipes_read(&context->pipes, &id, to + sizeof(struct cross_domain_read_write),
			room, &hang_up);
	if (n < 0)
		return 0;
	const struct cross_domain_read_write read = {
		.hdr.cmd = CROSS_DOMAIN_CMD_READ,
		.identifier = id,
		.hang_up = hang_up,
		.opaque_data_size = (uint32_t)n,
	};
	memcpy(to, &read, sizeof(read));
	context->stream_had_turn = false;
	cross_domain_counters(context)->reads++;
	cross_domain_counters(context)->bytes_to_guest += (size_t)n;
	return sizeof(read) + (size_t)n;
}

/*
 * The next event's size, at most @room, which is at least EVENT_MIN_ROOM; or 0: none. What other
 * channels wait for is first; the stream and the pipes take turns, the stream first. @place and
 * @at: as make_read's.
 */
static size_t make_event(struct cross_domain_context *context, uint8_t *to, size_t room,
	struct run_place *place, size_t at)
{
	size_t size = 0;
	if (cross_domain_has_bell(context))
		return cross_domain_make_bell(context, to, room);
	if (guest_stream_empty(&context->stream) || context->stream_had_turn)
		size = make_read(context, to, room, place, at);
	if (size == 0 && !guest_stream_empty(&context->stream))
		size = make_receive(context, to, room);
	if (size == 0 && context->ended && !context->end_told) {
		/* Some guests do not tell their clients of the end; all hand on an error. */
		context->end_told = context->error_told;
		cross_domain_add_error(context,
			context->end_by_quota ? WL_DISPLAY_ERROR_NO_MEMORY
					      : WL_DISPLAY_ERROR_IMPLEMENTATION,
			context->end_text[0] ? context->end_text
					     : "the host's compositor has ended the connection");
		size = make_receive(context, to, room);
	}
	return size;
}

static size_t room_needed(const struct run_place *place)
{
	return place->gap_bytes > 0 ? ROOM_BEHIND_MUCH : EVENT_MIN_ROOM;
}

/* As many events as there are and as fit into @room, one behind the other. Their size, or 0: none.
 * What @place says is not in @to. */
static size_t make_run(
	struct cross_domain_context *context, uint8_t *to, size_t room, struct run_place *place)
{
	struct cross_domain_run run = {.hdr.cmd = CROSS_DOMAIN_CMD_RUN};
	size_t size = sizeof(run), n;
	while (room - size >= room_needed(place) &&
		(n = make_event(context, to + size, room - size, place, size)) > 0) {
		size_t padding = align_up(n, 8) - n;
		memset(to + size + n, 0, padding);
		size += n + padding;
	}
	run.bytes = (uint32_t)(size - sizeof(run));
	memcpy(to, &run, sizeof(run));
	return run.bytes > 0 ? size : 0;
}

static struct run_place place_of(const struct cross_domain_context *context, uint32_t tag)
{
	struct run_place place = {0};
	place.ring = cross_domain_poll_ring(context, tag, &place.offset);
	return place;
}

/* Writes @size bytes but for what is there. 0 or -errno. */
static int put(const struct run_place *place, const uint8_t *bytes, size_t size)
{
	const size_t first = place->gap_bytes > 0 ? place->gap : size,
		     behind = first + place->gap_bytes;

	if (!place->ring)
		return -EINVAL;
	int err = resource_copy_in(place->ring, place->offset, bytes, first);
	if (err == 0 && behind < size)
		err = resource_copy_in(
			place->ring, place->offset + behind, bytes + behind, size - behind);
	return err;
}

/* Writes the next event, or run of events, and completes the POLL that asked for it. False: there
 * is none. */
static bool deliver_events(struct cross_domain_context *context)
{
	static uint8_t bytes[CROSS_DOMAIN_LONG_RUN_MAX_BYTES];
	uint32_t tag = cross_domain_oldest_poll(context)->tag;
	uint32_t n_pages = cross_domain_poll_pages(tag);
	struct run_place place = place_of(context, tag);
	size_t size = n_pages > 0
		? make_run(context, bytes, (size_t)n_pages * CROSS_DOMAIN_RING_BYTES, &place)
		: make_event(context, bytes, CROSS_DOMAIN_RING_BYTES, NULL, 0);
	if (size == 0)
		return false;
	int err = put(&place, bytes, size);
	if (err < 0)
		cross_domain_fail(context, "its channel ring is not in the guest's memory");
	context->active = true;
	cross_domain_complete_oldest_poll(context);
	return err == 0;
}

/* Whether there is something for this channel itself. */
static bool has_own_event(const struct cross_domain_context *context)
{
	return !guest_stream_empty(&context->stream) || pipes_readable(&context->pipes) ||
		(context->ended && !context->end_told);
}

static bool has_event(const struct cross_domain_context *context)
{
	return has_own_event(context) || cross_domain_has_bell(context);
}

/* What has come goes to the POLLs that are there; at least to one, then as far as the turn allows.
 */
static void deliver(struct cross_domain_context *context)
{
	while (context->channel_ring && !wl_list_empty(&context->polls) &&
		deliver_events(context)) {
		if (turn_is_over(context->base.host)) {
			context_wake(&context->base);
			break;
		}
	}
}

void cross_domain_service(struct context *base)
{
	struct cross_domain_context *context = cross_domain_from(base);

	if (context->input_ended)
		cross_domain_end_input(context);
	else if (context->compositor)
		cross_domain_flush_sends(context);

	deliver(context);
	while (!has_event(context) && !wl_list_empty(&context->polls) &&
		!cross_domain_take_place(context))
		cross_domain_refuse_oldest_poll(context);
	cross_domain_update_quota(context); /* the guest has taken some of it */
	if (context->end_told) {
		compositor_destroy(context->compositor);
		context->compositor = NULL;
	}
	if (context->compositor_paused && context->compositor && has_room(context)) {
		context->compositor_paused = false;
		compositor_resume(context->compositor);
	}
	const bool starved =
		context->channel_ring && wl_list_empty(&context->polls) && has_own_event(context);
	if (starved)
		cross_domain_call(context);
	context_set_starved(base, starved);
}

/* --- the guest asks for one --- */

bool cross_domain_fence(struct context *base, uint32_t ring_idx, struct request *request)
{
	struct cross_domain_context *context = cross_domain_from(base);

	if (ring_idx != CROSS_DOMAIN_CHANNEL_RING || !context->channel_ring)
		return false;
	/* Nothing more will come: this POLL would only take a place in the queue. */
	if (context->end_told && !queue_places_left(base->host->places, true))
		return false;
	bool several = cross_domain_slots(context) > 1;
	if (several && !wl_list_empty(&context->polls) && !cross_domain_place_for_more(context))
		cross_domain_refuse_oldest_poll(context);
	bool more = !wl_list_empty(&context->polls);
	request->tag = context->poll_tag;
	if (more &&
		(base->n_held > CONTEXT_MAX_HELD || !queue_places_left(base->host->places, true))) {
		cross_domain_fail(context, "too many POLLs are outstanding");
		return false;
	}
	cross_domain_call_off(context);
	if (!more && !has_event(context) && !cross_domain_take_place(context)) {
		cross_domain_put_nothing(context, request->tag);
		context->put_off = true;
		return false;
	}
	if (more)
		cross_domain_add_more_poll(context);
	wl_list_insert(context->polls.prev, &request->link);
	if (has_event(context))
		context_wake(base);
	return true;
}
