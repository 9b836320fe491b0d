/*
 * The guest's commands in cross-domain contexts.
 *
 * Bytes of SEND go to the compositor as they come. While it is congested the submission that
 * brought them is not completed, nor is one whose WRITEs a pipe's reader has not taken yet. That
 * holds back guests that wait for the fences of ring 0.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define LOG_MODULE "context"

#define WRITE_FROM_PIECES 64 /* of memory, that are written at once */

/*
 * The guest's kernel does not tell applications that the host refused a blob (a quota, for
 * example). It shows where the blob is used.
 */
static const char memory_refused[] = "it sends memory that was refused: too much is in use";

/* A resource that can be a ring; borrowed. */
static int find_ring(const struct cross_domain_context *context, uint32_t id, struct resource **out)
{
	struct resource *ring = id_map_find(&context->base.attached, id);
	if (!ring)
		return -ENOENT;
	if (ring->kind != RESOURCE_BLOB_GUEST || ring->size < CROSS_DOMAIN_RING_BYTES)
		return -EINVAL;
	*out = ring;
	return 0;
}

/* NULL: there is none, or a bound is reached; context->end_text says so. */
static struct compositor *connect_compositor(struct cross_domain_context *context)
{
	const struct context_host *host = context->base.host;

	if (!context->patient && !cross_domain_make_place(context)) {
		snprintf(context->end_text, sizeof(context->end_text),
			"the driver's queue has no more than %u places, and %u channels",
			host->places->total, host->places->channels);
	} else if (!quota_charge(host->quota, QUOTA_CONNECTIONS, 1)) {
		cross_domain_end_by_quota(context, QUOTA_CONNECTIONS);
	} else if (!quota_charge(host->quota, QUOTA_FDS, 1)) {
		quota_release(host->quota, QUOTA_CONNECTIONS, 1);
		cross_domain_end_by_quota(context, QUOTA_FDS);
	} else {
		context->charged_connections = 1;
		struct compositor *compositor =
			compositor_connect(host->loop, context->kind->policy, &host->turn_ends_ns,
				context->base.name, &cross_domain_compositor_listener, context);
		if (!compositor)
			snprintf(context->end_text, sizeof(context->end_text),
				"no compositor answers on the host");
		return compositor;
	}
	log_limited(LOG_LEVEL_WARN, "%s is refused: %s", context->base.name, context->end_text);
	return NULL;
}

static int handle_init(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_init init;
	struct resource *query_ring, *channel_ring;

	if (context->initialised || cross_domain_init_decode(bytes, length, &init) < 0)
		return -EINVAL;
	int err = find_ring(context, init.query_ring, &query_ring);
	if (err < 0)
		return err;
	if (init.channel_type != 0 && init.channel_type != CROSS_DOMAIN_CHANNEL_WAYLAND)
		return -EINVAL;
	if (init.channel_type == CROSS_DOMAIN_CHANNEL_WAYLAND) {
		err = find_ring(context, init.channel_ring, &channel_ring);
		if (err < 0)
			return err;
		context->compositor = connect_compositor(context);
		/* INIT has no answer: the guest learns of a failure by the end of the channel. */
		if (!context->compositor) {
			context->ended = true;
			context->input_ended = true;
			context_wake(&context->base);
		}
		context->channel_ring = resource_ref(channel_ring);
		context->base.host->places->channels += !context->patient;
	}
	context->query_ring = resource_ref(query_ring);
	context->channel_type = init.channel_type;
	context->initialised = true;
	return 0;
}

/* Only a channel that has not begun: the others have a place already. */
static int handle_patient(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	if (context->initialised)
		return -EINVAL;
	context->patient = true;
	return 0;
}

/* Likewise. */
static int handle_group(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_group group;
	memcpy(&group, bytes, sizeof(group));
	if (context->initialised || !context->patient || context->group || group.key == 0)
		return -EINVAL;
	return cross_domain_join_group(context, group.key, group.member);
}

static int handle_get_image_requirements(
	struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_get_image_requirements request;
	struct cross_domain_image_requirements answer;

	if (!context->query_ring)
		return -EINVAL;
	memcpy(&request, bytes, sizeof(request));
	if (cross_domain_ask_maker(context, &request))
		return 0;
	int err = blob_ids_image(&context->blob_ids, &request, &context->last_id, &answer);
	return err < 0 ? err : resource_copy_in(context->query_ring, 0, &answer, sizeof(answer));
}

static bool poll_fits(
	const struct cross_domain_poll *poll, uint64_t first, uint64_t n_pages, uint32_t most)
{
	return poll->page >= first && range_fits(poll->page - first, poll->n_pages, n_pages) &&
		poll->page - first < n_pages && poll->n_pages <= most;
}

/* It has no answer: its fence, which comes next (cross_domain_fence), waits for an event. */
static int handle_poll(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_poll poll;
	if (!context->channel_ring)
		return -EINVAL;
	memcpy(&poll, bytes, sizeof(poll));
	uint64_t n_slots = min_u64(cross_domain_slots(context), CROSS_DOMAIN_MAX_POLL_PAGE);
	if (n_slots == 1)
		return 0;
	if (!poll_fits(&poll, 0, n_slots, CROSS_DOMAIN_RUN_MAX_PAGES) &&
		(!poll_fits(&poll, n_slots, cross_domain_more_slots(context),
			 CROSS_DOMAIN_LONG_RUN_MAX_PAGES) ||
			poll.page >= CROSS_DOMAIN_MAX_POLL_PAGE))
		return -EINVAL;
	context->poll_tag = cross_domain_poll_tag(&poll);
	return 0;
}

/* Where they were refused, which the guest's kernel does not tell, its POLLs for them are. */
static int handle_pages(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_pages pages;
	struct resource *more = NULL;
	int err = 0;

	memcpy(&pages, bytes, sizeof(pages));
	if (!context->channel_ring || cross_domain_slots(context) == 1)
		return -EINVAL;
	if (pages.resource_id != 0)
		err = find_ring(context, pages.resource_id, &more);
	if (context->more_pages)
		resource_unref(context->more_pages);
	context->more_pages = more ? resource_ref(more) : NULL;
	return err;
}

/* Checks all identifiers of @send before any of them has an effect. */
static int check_identifiers(
	const struct cross_domain_context *context, const struct cross_domain_send_receive *send)
{
	for (uint32_t i = 0; i < send->num_identifiers; i++) {
		uint32_t id = send->identifiers[i];
		if (send->types[i] == CROSS_DOMAIN_ID_VIRTGPU_BLOB) {
			const struct resource *resource = id_map_find(&context->base.attached, id);
			if (!resource || (resource->kind == RESOURCE_2D && resource->n_pages == 0))
				return -ENOENT;
		} else if (send->types[i] == CROSS_DOMAIN_ID_READ_PIPE) {
			if (id < CROSS_DOMAIN_FIRST_READ_PIPE || pipes_has(&context->pipes, id))
				return -EINVAL;
			for (uint32_t j = 0; j < i; j++)
				if (send->types[j] == CROSS_DOMAIN_ID_READ_PIPE &&
					send->identifiers[j] == id)
					return -EINVAL;
		} else {
			return -EINVAL;
		}
	}
	return 0;
}

/* Fills in @handles. -errno: no pipe can be had; those that were made are closed again. */
static int make_handles(struct cross_domain_context *context,
	const struct cross_domain_send_receive *send, struct wire_handle *handles)
{
	for (uint32_t i = 0; i < send->num_identifiers; i++) {
		uint32_t id = send->identifiers[i];
		if (send->types[i] == CROSS_DOMAIN_ID_VIRTGPU_BLOB) {
			handles[i] = resource_handle(id_map_find(&context->base.attached, id));
			continue;
		}
		int fd = pipes_open_read(&context->pipes, id);
		if (fd < 0) {
			wire_handles_drop(handles, i);
			return fd;
		}
		handles[i] = wire_handle_fd(fd);
	}
	return 0;
}

static int handle_send(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_send_receive send;
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	const uint8_t *data = bytes + sizeof(send);

	if (!context->channel_ring)
		return -EINVAL;
	memcpy(&send, bytes, sizeof(send));
	int err = check_identifiers(context, &send);
	if (err < 0) {
		/* Wayland bytes that are left out would break the client's stream. */
		if (err == -ENOENT && send.opaque_data_size > 0)
			cross_domain_fail(context, memory_refused);
		return err;
	}
	context->active = true;
	cross_domain_counters(context)->sends++;
	cross_domain_counters(context)->bytes_from_guest += send.opaque_data_size;
	err = make_handles(context, &send, handles);
	if (err < 0) { /* likewise */
		if (err == -EDQUOT)
			cross_domain_fail_by_quota(context, context->pipes.exceeded);
		else
			cross_domain_fail(context, "no more pipes can be had");
		return 0;
	}

	if (context->input_ended || !context->compositor) {
		wire_handles_drop(handles, send.num_identifiers);
		return 0;
	}
	if (compositor_from_guest(context->compositor, data, send.opaque_data_size, handles,
		    send.num_identifiers) < 0)
		cross_domain_end_input(context); /* its client has been told; closed() comes */
	else if (compositor_congested(context->compositor))
		cross_domain_hold_for_sends(context);
	return 0;
}

/* pipes_write for the pipe @id has said @err about @size bytes in all. 0, or -EINVAL: the guest was
 * wrong. */
static int written(
	struct cross_domain_context *context, uint32_t id, size_t size, bool hang_up, int err)
{
	cross_domain_counters(context)->writes++;
	cross_domain_counters(context)->bytes_from_guest += size;
	if (err == -EAGAIN) {
		struct pipe_waiter *waiter = cross_domain_hold_submission(context);
		if (waiter)
			pipes_wait(&context->pipes, id, waiter);
		return 0;
	}
	if (err == -ENOBUFS || err == -ENOMEM) {
		log_limited(LOG_LEVEL_WARN, "%s: pipe %u is closed, its reader does not keep up",
			context->base.name, id);
		return 0;
	}
	/* A pipe may end while the guest says that the reader is gone. */
	if (err == -ENOENT && size == 0 && hang_up)
		return 0;
	return err == -ENOENT ? -EINVAL : err;
}

static int handle_write(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_read_write write;
	memcpy(&write, bytes, sizeof(write));

	const bool hang_up = write.hang_up != 0;
	int err = pipes_write(&context->pipes, write.identifier, bytes + sizeof(write),
		write.opaque_data_size, hang_up);
	return written(context, write.identifier, write.opaque_data_size, hang_up, err);
}

/* All that @write names: to the pipe at once, as far as that takes it, and else into its queue.
 * pipes_write's result, or what resource_pieces says. */
static int write_pieces(struct cross_domain_context *context,
	const struct cross_domain_write_from *write, const struct resource *resource)
{
	struct iovec iov[WRITE_FROM_PIECES];
	uint32_t done = 0;
	int err;

	do {
		size_t size = write->size - done;
		int n = resource_pieces(
			resource, (uint64_t)write->offset + done, &size, iov, ARRAY_LENGTH(iov));
		if (n < 0)
			return n;
		done += (uint32_t)size;
		err = pipes_writev(&context->pipes, write->identifier, iov, n,
			write->hang_up != 0 && done == write->size);
	} while ((err == 0 || err == -EAGAIN) && done < write->size);
	/* The pipe broke before the last piece, with which the guest hangs up: it still does. */
	if ((err == -ENOBUFS || err == -ENOMEM) && write->hang_up != 0 && done < write->size)
		pipes_write(&context->pipes, write->identifier, NULL, 0, true);
	return err;
}

/*
 * Each byte is taken once, by the pipe or its queue, and nobody looks at it: it does not matter
 * what the guest does with its memory meanwhile. A submission is carried out in one go, so it is
 * bounded how much all of it may name.
 */
static int handle_write_from(
	struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_write_from write;
	memcpy(&write, bytes, sizeof(write));

	const struct resource *resource = id_map_find(&context->base.attached, write.resource_id);
	/* Whoever reads the pipe must not take contents without this piece for all of them. */
	if (!resource && pipes_has(&context->pipes, write.identifier))
		cross_domain_fail(context, memory_refused);
	if (!resource || resource->kind != RESOURCE_BLOB_GUEST ||
		!range_fits(write.offset, write.size, resource->size) ||
		!range_fits(context->written_from, write.size, CROSS_DOMAIN_WRITE_FROM_MAX_BYTES))
		return -EINVAL;
	context->written_from += write.size;
	int err = write_pieces(context, &write, resource);
	if (err == -EFAULT)
		return err;
	return written(context, write.identifier, write.size, write.hang_up != 0, err);
}

static int handle_credit(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_credit credit;
	memcpy(&credit, bytes, sizeof(credit));
	if (credit.identifier != 0)
		pipes_acknowledge(&context->pipes, credit.identifier, credit.bytes);
	else if (credit.bytes != 0)
		pipes_limit_reads(&context->pipes, credit.bytes);
	else
		return -EINVAL;
	return 0;
}

static int handle_fetch(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_fetch fetch;
	memcpy(&fetch, bytes, sizeof(fetch));
	const struct resource *resource = id_map_find(&context->base.attached, fetch.resource_id);
	if (!resource || resource->kind != RESOURCE_BLOB_GUEST)
		return -EINVAL;
	if (context->compositor_paused) /* there may be room for more files then */
		context_wake(&context->base);
	return blob_ids_fetch(&context->blob_ids, fetch.blob_id, resource);
}

/* Clocks that compositors time their frames with. Not those of CPU time, which would tell guests
 * what the host's processes do. */
static bool is_for_guests(uint32_t clock_id)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};

	for (size_t i = 0; i < ARRAY_LENGTH(clocks); i++) {
		if (clock_id == (uint32_t)clocks[i])
			return true;
	}
	return false;
}

static int handle_clock(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_clock request;
	struct timespec now;

	if (!context->query_ring)
		return -EINVAL;
	memcpy(&request, bytes, sizeof(request));
	struct cross_domain_clock_answer answer = {.clock_id = request.clock_id};
	if (is_for_guests(request.clock_id) &&
		clock_gettime((clockid_t)request.clock_id, &now) == 0)
		answer.ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return resource_copy_in(
		context->query_ring, CROSS_DOMAIN_CLOCK_ANSWER_OFFSET, &answer, sizeof(answer));
}

typedef int (*command_fn)(
	struct cross_domain_context *context, const uint8_t *bytes, size_t length);

static const command_fn commands[UINT8_MAX + 1] = {
	[CROSS_DOMAIN_CMD_INIT] = handle_init,
	[CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS] = handle_get_image_requirements,
	[CROSS_DOMAIN_CMD_POLL] = handle_poll,
	[CROSS_DOMAIN_CMD_SEND] = handle_send,
	[CROSS_DOMAIN_CMD_WRITE] = handle_write,
	[CROSS_DOMAIN_CMD_CREDIT] = handle_credit,
	[CROSS_DOMAIN_CMD_FETCH] = handle_fetch,
	[CROSS_DOMAIN_CMD_WRITE_FROM] = handle_write_from,
	[CROSS_DOMAIN_CMD_CLOCK] = handle_clock,
	[CROSS_DOMAIN_CMD_PATIENT] = handle_patient,
	[CROSS_DOMAIN_CMD_GROUP] = handle_group,
	[CROSS_DOMAIN_CMD_PAGES] = handle_pages,
};

static int execute(struct cross_domain_context *context, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		/*
		 * A failed context accepts all commands: an error would complete the fence of a
		 * POLL, which the guest would take for an event. Only where that looks for its
		 * event, the end, still matters.
		 */
		const bool failed = context->failed;
		struct cross_domain_header header;
		size_t length;
		int err = cross_domain_command_decode(bytes, size, &header, &length);
		if (err < 0)
			return failed ? 0 : err;
		const command_fn handle = commands[header.cmd];
		err = -EINVAL;
		if (handle && (!failed || header.cmd == CROSS_DOMAIN_CMD_POLL))
			err = handle(context, bytes, length);
		if (err < 0 && !failed) {
			log_limited(LOG_LEVEL_WARN, "%s: command %u refused: %s",
				context->base.name, header.cmd, strerror(-err));
			return err;
		}
		bytes += length;
		size -= length;
	}
	return 0;
}

int cross_domain_submit(
	struct context *base, const uint8_t *bytes, size_t size, struct request *request)
{
	struct cross_domain_context *context = cross_domain_from(base);

	/* Only a guest that waits for a fence of ring 0 is slowed down by a submission that is
	 * held; any other one goes on, and the queue fills up. */
	bool may_hold = request->ring == CROSS_DOMAIN_QUERY_RING;
	context->executing = may_hold ? request : NULL;
	context->poll_tag = 0;
	context->written_from = 0;
	int err = execute(context, bytes, size);
	if (context->compositor && !context->input_ended) {
		compositor_flush(context->compositor);
		if (compositor_holds(context->compositor))
			context_wake(base);
	}
	return cross_domain_submitted(context, err);
}
