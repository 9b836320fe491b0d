/*
 * Cross-domain contexts: their life, and the guest's commands. (The way back is
 * cross_domain_events.c.)
 *
 * Bytes of SEND go to the compositor as they come. While it is congested they queue in sends, and
 * the submission that brought them is completed only when they went out; so is one whose WRITEs a
 * pipe's reader has not taken yet. That holds back guests that wait for the fences of ring 0.
 */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "host-bridge/cross_domain/cross_domain_impl.h"
#define LOG_MODULE "context"

#define MAX_QUEUED_SENDS (UINT64_C(4) << 20) /* bytes, what manages them included */
#define MAX_HOLDS 64                         /* reasons for which one submission waits */
#define LINGER_MS 30000                      /* for a reader that takes nothing any more */

struct send {                /* a SEND that waits for the compositor */
	struct wl_list link; /* cross_domain_context::sends */
	size_t size, n_handles;
	struct wire_handle handles[CROSS_DOMAIN_MAX_IDENTIFIERS];
	uint8_t bytes[];
};

/* A submission that is completed when its last hold is gone. */
struct submission {
	struct request *request; /* NULL: it was refused after all and has been answered */
	uint32_t holds;
	struct queue_places *places; /* where it counts among the others */
};

struct hold {
	struct pipe_waiter waiter; /* in a pipe's list, or in cross_domain_context::send_holds */
	struct submission *submission;
};

/* --- submissions that wait --- */

static void submission_free(struct submission *submission)
{
	submission->places->others--;
	free(submission);
}

static void handle_hold_done(struct pipe_waiter *waiter)
{
	struct hold *hold = container_of(waiter, struct hold, waiter);
	struct submission *submission = hold->submission;

	free(hold);
	if (--submission->holds > 0)
		return;
	if (submission->request)
		request_complete(submission->request, VIRTIO_GPU_RESP_OK_NODATA);
	submission_free(submission);
}

/* With one hold, for its execution. NULL: no memory, or no place in the queue. */
static struct submission *submission_create(struct cross_domain_context *context)
{
	struct queue_places *places = context->base.host->places;
	struct submission *submission = NULL;
	if (queue_places_left(places, true))
		submission = malloc(sizeof(*submission));
	if (!submission)
		return NULL;
	*submission = (struct submission){
		.request = context->executing,
		.holds = 1,
		.places = places,
	};
	places->others++;
	return submission;
}

/* A hold on the submission that runs now; NULL when it may not wait, or has too many already. */
static struct pipe_waiter *hold_submission(struct cross_domain_context *context)
{
	if (!context->executing || context->base.n_held > CONTEXT_MAX_HELD ||
		(context->submission && context->submission->holds > MAX_HOLDS))
		return NULL;
	struct hold *hold = calloc(1, sizeof(*hold));
	if (hold && !context->submission)
		context->submission = submission_create(context);
	if (!hold || !context->submission) {
		free(hold);
		return NULL;
	}
	hold->waiter.done = handle_hold_done;
	hold->submission = context->submission;
	hold->submission->holds++;
	return &hold->waiter;
}

static void release_send_holds(struct cross_domain_context *context)
{
	while (!wl_list_empty(&context->send_holds)) {
		struct pipe_waiter *waiter =
			wl_container_of(context->send_holds.next, waiter, link);
		wl_list_remove(&waiter->link);
		waiter->done(waiter);
	}
}

static void hold_for_sends(struct cross_domain_context *context)
{
	struct pipe_waiter *waiter = hold_submission(context);
	if (waiter)
		wl_list_insert(context->send_holds.prev, &waiter->link);
}

/* --- the end of a context --- */

static void send_destroy(struct cross_domain_context *context, struct send *send)
{
	wl_list_remove(&send->link);
	context->sends_bytes -= sizeof(*send) + send->size;
	for (size_t i = 0; i < send->n_handles; i++)
		wire_handle_finish(&send->handles[i]);
	free(send);
}

bool cross_domain_update_quota(struct cross_domain_context *context)
{
	return quota_adjust(context->base.host->quota, QUOTA_QUEUED_BYTES, &context->charged_bytes,
		context->sends_bytes + guest_stream_bytes(&context->stream) +
			context->blob_ids.files_bytes);
}

void cross_domain_end_input(struct cross_domain_context *context)
{
	struct send *send, *next;

	context->input_ended = true;
	wl_list_for_each_safe(send, next, &context->sends, link)
	{
		send_destroy(context, send);
	}
	release_send_holds(context);
}

void cross_domain_add_error(struct cross_domain_context *context, const char *text)
{
	uint8_t message[WIRE_DISPLAY_ERROR_BYTES];
	char line[160];

	if (context->error_told)
		return;
	context->error_told = true;
	snprintf(line, sizeof(line), "wayferry: %s", text);
	guest_stream_add(&context->stream, message,
		wire_encode_display_error(message, WL_DISPLAY_ERROR_IMPLEMENTATION, line), NULL, 0);
}

void cross_domain_fail(struct cross_domain_context *context, const char *why)
{
	if (context->failed)
		return;
	log_limited(LOG_LEVEL_WARN, "%s failed: %s", context->base.name, why);
	cross_domain_counters(context)->contexts_lost++;
	context->failed = true;
	if (!context->ended)
		cross_domain_add_error(context, why);
	context->ended = true;
	cross_domain_end_input(context);
	compositor_destroy(context->compositor);
	context->compositor = NULL;
	pipes_finish(&context->pipes);
	context_wake(&context->base);
}

/* A guest may end its context before readers have taken all that it wrote. */
static void finish_pipes(struct cross_domain_context *context)
{
	unsigned closed = pipes_hand_over(&context->pipes, &context->kind->lingering, LINGER_MS);
	if (closed > 0)
		log_limited(LOG_LEVEL_WARN,
			"%s: the contents of %u pipes are cut short: their readers are too slow",
			context->base.name, closed);
}

static void handle_destroy(struct context *base)
{
	struct cross_domain_context *context = cross_domain_from(base);
	struct vm_quota *quota = base->host->quota;

	finish_pipes(context);
	cross_domain_end_input(context);
	compositor_destroy(context->compositor);
	guest_stream_finish(&context->stream);
	blob_ids_finish(&context->blob_ids);
	if (context->query_ring)
		resource_unref(context->query_ring);
	if (context->channel_ring)
		resource_unref(context->channel_ring);
	if (context->channel_type != 0)
		context->base.host->places->channels--;
	context->base.host->places->others -= context->n_more_polls;
	quota_release(quota, QUOTA_CONNECTIONS, context->charged_connections);
	quota_release(quota, QUOTA_QUEUED_BYTES, context->charged_bytes);
	free(context);
}

void cross_domain_flush_sends(struct cross_domain_context *context)
{
	while (!wl_list_empty(&context->sends) && !compositor_congested(context->compositor)) {
		struct send *send = wl_container_of(context->sends.next, send, link);
		int err = compositor_from_guest(context->compositor, send->bytes, send->size,
			send->handles, send->n_handles);
		send->n_handles = 0;
		send_destroy(context, send);
		if (err < 0)
			cross_domain_end_input(context);
	}
	compositor_flush(context->compositor);
	if (wl_list_empty(&context->sends) && !compositor_congested(context->compositor))
		release_send_holds(context);
}

/* --- commands --- */

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

	if (!queue_places_left(host->places, false)) {
		snprintf(context->end_text, sizeof(context->end_text),
			"the driver's queue has no more than %u places, and %u channels",
			host->places->total, host->places->channels);
	} else if (!quota_charge(host->quota, QUOTA_CONNECTIONS, 1)) {
		quota_explain(host->quota, QUOTA_CONNECTIONS, context->end_text);
	} else {
		context->charged_connections = 1;
		struct compositor *compositor =
			compositor_connect(host->loop, context->kind->policy, context->base.name,
				&cross_domain_compositor_listener, context);
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
		context->base.host->places->channels++;
	}
	context->query_ring = resource_ref(query_ring);
	context->channel_type = init.channel_type;
	context->initialised = true;
	return 0;
}

static int handle_get_image_requirements(
	struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_get_image_requirements request;
	struct cross_domain_image_requirements answer;

	if (!context->query_ring)
		return -EINVAL;
	memcpy(&request, bytes, sizeof(request));
	int err = blob_ids_image(&context->blob_ids, &request, &context->last_id, &answer);
	return err < 0 ? err : resource_copy_in(context->query_ring, 0, &answer, sizeof(answer));
}

static int handle_poll(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	return context->channel_ring ? 0 : -EINVAL; /* its fence does the work */
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
			while (i-- > 0)
				wire_handle_finish(&handles[i]);
			return fd;
		}
		handles[i] = wire_handle_fd(fd);
	}
	return 0;
}

static void fail_by_quota(struct cross_domain_context *context, enum quota_limit limit)
{
	char text[QUOTA_TEXT_MAX];
	cross_domain_fail(context, quota_explain(context->base.host->quota, limit, text));
}

/* Keeps a SEND for later; takes the handles. */
static void queue_send(struct cross_domain_context *context, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct send *send = NULL;
	bool room = range_fits(context->sends_bytes, sizeof(*send) + size, MAX_QUEUED_SENDS);
	if (room)
		send = malloc(sizeof(*send) + size);
	if (!send) {
		for (size_t i = 0; i < n_handles; i++)
			wire_handle_finish(&handles[i]);
		cross_domain_fail(context,
			room ? "out of memory"
			     : "the compositor does not keep up with what it sends");
		return;
	}
	*send = (struct send){.size = size, .n_handles = n_handles};
	memcpy(send->handles, handles, n_handles * sizeof(*handles));
	memcpy(send->bytes, bytes, size);
	wl_list_insert(context->sends.prev, &send->link);
	context->sends_bytes += sizeof(*send) + size;
	if (!cross_domain_update_quota(context))
		fail_by_quota(context, QUOTA_QUEUED_BYTES);
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
		/*
		 * The guest's kernel does not tell applications that the host refused a blob (a
		 * quota, for example). It shows here, and a message cannot be left out.
		 */
		if (err == -ENOENT && send.opaque_data_size > 0)
			cross_domain_fail(
				context, "it sends memory that was refused: too much is in use");
		return err;
	}
	cross_domain_counters(context)->sends++;
	cross_domain_counters(context)->bytes_from_guest += send.opaque_data_size;
	err = make_handles(context, &send, handles);
	if (err < 0) { /* a message would be missing from the stream */
		if (err == -EDQUOT)
			fail_by_quota(context, QUOTA_PIPES);
		else
			cross_domain_fail(context, "no more pipes can be had");
		return 0;
	}

	if (context->input_ended || !context->compositor) {
		for (uint32_t i = 0; i < send.num_identifiers; i++)
			wire_handle_finish(&handles[i]);
		return 0;
	}
	if (!wl_list_empty(&context->sends) || compositor_congested(context->compositor))
		queue_send(context, data, send.opaque_data_size, handles, send.num_identifiers);
	else if (compositor_from_guest(context->compositor, data, send.opaque_data_size, handles,
			 send.num_identifiers) < 0)
		cross_domain_end_input(context); /* its client has been told; closed() comes */
	if (!context->input_ended &&
		(!wl_list_empty(&context->sends) || compositor_congested(context->compositor)))
		hold_for_sends(context);
	return 0;
}

static int handle_write(struct cross_domain_context *context, const uint8_t *bytes, size_t length)
{
	struct cross_domain_read_write write;
	memcpy(&write, bytes, sizeof(write));

	int err = pipes_write(&context->pipes, write.identifier, bytes + sizeof(write),
		write.opaque_data_size, write.hang_up != 0);
	cross_domain_counters(context)->writes++;
	cross_domain_counters(context)->bytes_from_guest += write.opaque_data_size;
	if (err == -EAGAIN) {
		struct pipe_waiter *waiter = hold_submission(context);
		if (waiter)
			pipes_wait(&context->pipes, write.identifier, waiter);
		return 0;
	}
	if (err == -ENOBUFS || err == -ENOMEM) {
		log_limited(LOG_LEVEL_WARN, "%s: pipe %u is closed, its reader does not keep up",
			context->base.name, write.identifier);
		return 0;
	}
	/* A pipe may end while the guest says that the reader is gone. */
	if (err == -ENOENT && write.opaque_data_size == 0 && write.hang_up)
		return 0;
	return err == -ENOENT ? -EINVAL : err;
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

static const struct {
	uint8_t cmd;
	int (*handle)(struct cross_domain_context *context, const uint8_t *bytes, size_t length);
} commands[] = {
	{CROSS_DOMAIN_CMD_INIT, handle_init},
	{CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS, handle_get_image_requirements},
	{CROSS_DOMAIN_CMD_POLL, handle_poll},
	{CROSS_DOMAIN_CMD_SEND, handle_send},
	{CROSS_DOMAIN_CMD_WRITE, handle_write},
	{CROSS_DOMAIN_CMD_CREDIT, handle_credit},
	{CROSS_DOMAIN_CMD_FETCH, handle_fetch},
};

static int execute(struct cross_domain_context *context, const uint8_t *bytes, size_t size)
{
	/* A failed context accepts all commands: an error would complete the fence of a POLL, which
	 * the guest would take for an event. */
	while (size > 0 && !context->failed) {
		struct cross_domain_header header;
		size_t length;
		int err = cross_domain_command_decode(bytes, size, &header, &length);
		if (err < 0)
			return err;
		err = -EINVAL;
		for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
			if (commands[i].cmd == header.cmd)
				err = commands[i].handle(context, bytes, length);
		if (err < 0) {
			log_limited(LOG_LEVEL_WARN, "%s: command %u refused: %s",
				context->base.name, header.cmd, strerror(-err));
			return err;
		}
		bytes += length;
		size -= length;
	}
	return 0;
}

static int handle_submit(
	struct context *base, const uint8_t *bytes, size_t size, struct request *request)
{
	struct cross_domain_context *context = cross_domain_from(base);

	/* Without a fence of ring 0 nobody waits: holding the submission would only fill the queue.
	 */
	bool may_hold = request->ring == CROSS_DOMAIN_QUERY_RING;
	context->executing = may_hold ? request : NULL;
	int err = execute(context, bytes, size);
	if (context->compositor && !context->input_ended)
		compositor_flush(context->compositor);
	struct submission *submission = context->submission;
	context->submission = NULL;
	context->executing = NULL;
	if (!submission)
		return err;
	if (--submission->holds == 0) { /* nothing is left to wait for */
		submission_free(submission);
		return err;
	}
	if (err < 0) {
		submission->request = NULL;
		return err;
	}
	return -EINPROGRESS;
}

static void handle_detach(struct context *base, struct resource *resource)
{
	struct cross_domain_context *context = cross_domain_from(base);
	struct resource **rings[] = {&context->query_ring, &context->channel_ring};

	/* The guest may use these pages for something else now. */
	for (size_t i = 0; i < ARRAY_LENGTH(rings); i++) {
		if (*rings[i] != resource)
			continue;
		*rings[i] = NULL;
		resource_unref(resource);
	}
}

static int handle_create_blob(struct context *base, uint64_t blob_id, uint64_t size, uint32_t flags,
	struct context_blob *out)
{
	struct cross_domain_context *context = cross_domain_from(base);

	if (context->compositor_paused) /* there may be room for more files then */
		context_wake(base);
	return blob_ids_create(&context->blob_ids, blob_id, size, out);
}

static const struct context_ops context_ops = {
	.destroy = handle_destroy,
	.detach = handle_detach,
	.submit = handle_submit,
	.fence = cross_domain_fence,
	.create_blob = handle_create_blob,
	.service = cross_domain_service,
};

static struct context *create(struct context_kind *kind, uint32_t id, const char *name)
{
	struct cross_domain_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	context->kind = container_of(kind, struct cross_domain_kind, base);
	context->base.ops = &context_ops;
	context->base.host = kind->host;
	context->base.id = id;
	if (name[0] != 0)
		snprintf(context->base.name, sizeof(context->base.name), "context %u (%s)", id,
			name);
	else
		snprintf(context->base.name, sizeof(context->base.name), "context %u", id);
	context->last_id = 1; /* others' first one is 2, too */
	blob_ids_init(&context->blob_ids, kind->host->max_blob_bytes);
	guest_stream_init(&context->stream);
	pipes_init(&context->pipes, kind->host->loop, &cross_domain_pipes_listener, context,
		&kind->host->counters->pipes, kind->host->quota);
	wl_list_init(&context->polls);
	wl_list_init(&context->sends);
	wl_list_init(&context->send_holds);
	return &context->base;
}

/* --- the kind --- */

static void handle_start(struct context_kind *base)
{
	struct cross_domain_kind *kind = container_of(base, struct cross_domain_kind, base);
	pipes_init(&kind->lingering, base->host->loop, NULL, NULL, &base->host->counters->pipes,
		base->host->quota);
}

static void handle_reset(struct context_kind *base)
{
	pipes_finish(&container_of(base, struct cross_domain_kind, base)->lingering);
}

static void fill_capset(const struct context_kind *base, uint8_t *out)
{
	const struct cross_domain_kind *kind =
		container_of(base, const struct cross_domain_kind, base);
	const struct cross_domain_capset_ext capset = {
		.base = {.version = 1, .supported_channels = 1u << CROSS_DOMAIN_CHANNEL_WAYLAND},
		.magic = CROSS_DOMAIN_WAYFERRY_MAGIC,
		.features = CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_READER_GONE |
			CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH |
			(resource_table_exports(base->host->resources)
					? CROSS_DOMAIN_EXT_GUEST_SHARED
					: 0) |
			(kind->private_textures ? CROSS_DOMAIN_EXT_PRIVATE_TEXTURES : 0),
	};
	memcpy(out, &capset, sizeof(capset));
}

void cross_domain_kind_init(
	struct cross_domain_kind *kind, const struct policy *policy, bool private_textures)
{
	*kind = (struct cross_domain_kind){
		.base = {.capset_id = CROSS_DOMAIN_CAPSET_ID,
			.capset_bytes = sizeof(struct cross_domain_capset_ext),
			.start = handle_start,
			.fill_capset = fill_capset,
			.create = create,
			.reset = handle_reset},
		.policy = policy,
		.private_textures = private_textures,
	};
}
