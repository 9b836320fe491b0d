/* Cross-domain contexts: their life, their ends, and what the device is told of them. */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <stdio.h>
#include <stdlib.h>

#include "host-bridge/cross_domain/cross_domain_impl.h"
#include "host-bridge/contexts/given_files.h"
#include "host-bridge/policy/transfers/policy_gate.h"
#define LOG_MODULE "context"

/* --- the end of a context --- */

/* A guest may end its context before readers have taken all that it wrote. */
static void finish_pipes(struct cross_domain_context *context)
{
	unsigned closed = pipes_hand_over(&context->pipes, &context->kind->lingering);
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
	cross_domain_finish_images(context);
	cross_domain_end_input(context);
	compositor_destroy(context->compositor);
	guest_stream_finish(&context->stream);
	blob_ids_finish(&context->blob_ids);
	if (context->query_ring)
		resource_unref(context->query_ring);
	if (context->channel_ring)
		resource_unref(context->channel_ring);
	if (context->more_pages)
		resource_unref(context->more_pages);
	if (context->channel_type != 0 && !context->patient)
		context->base.host->places->channels--;
	cross_domain_leave_place(context);
	cross_domain_leave_group(context);
	cross_domain_drop_more_polls(context, context->n_more_polls);
	quota_release(quota, QUOTA_CONNECTIONS, context->charged_connections);
	quota_release(quota, QUOTA_FDS, context->charged_connections);
	quota_release(quota, QUOTA_QUEUED_BYTES, context->charged_bytes);
	free(context);
}

static void handle_detach(struct context *base, struct resource *resource)
{
	struct cross_domain_context *context = cross_domain_from(base);
	struct resource **rings[] = {
		&context->query_ring, &context->channel_ring, &context->more_pages};

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
	if (blob_id & CROSS_DOMAIN_BLOB_FILE)
		return given_files_take(
			base->host->files, blob_id & ~CROSS_DOMAIN_BLOB_FILE, size, out);
	return blob_ids_create(&context->blob_ids, blob_id, size, out);
}

static const struct context_ops context_ops = {
	.destroy = handle_destroy,
	.detach = handle_detach,
	.submit = cross_domain_submit,
	.fence = cross_domain_fence,
	.create_blob = handle_create_blob,
	.makes_blob = cross_domain_makes_blob,
	.make_blob = cross_domain_make_blob,
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
	context->last_id = 1; /* the first one given out is 2, as with other devices */
	blob_ids_init(&context->blob_ids, kind->host->max_blob_bytes);
	guest_stream_init(&context->stream);
	pipes_init(&context->pipes, kind->host->loop, &cross_domain_pipes_listener, context,
		&kind->host->counters->pipes, kind->host->quota);
	context->pipes.drain = &context->kind->lingering;
	wl_list_init(&context->polls);
	wl_list_init(&context->images);
	wl_list_init(&context->send_holds);
	wl_list_init(&context->due_link);
	wl_list_init(&context->told);
	return &context->base;
}

/* --- the kind --- */

static void handle_cut(void *data, int fd)
{
	const struct cross_domain_kind *kind = data;
	policy_gate_cut(kind->policy, fd);
}

static void handle_start(struct context_kind *base)
{
	static const struct pipes_listener listener = {.cut = handle_cut};
	struct cross_domain_kind *kind = container_of(base, struct cross_domain_kind, base);
	pipes_init(&kind->lingering, base->host->loop, &listener, kind,
		&base->host->counters->pipes, base->host->quota);
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
		.base = {.version = 1,
			.supported_channels = 1u << CROSS_DOMAIN_CHANNEL_WAYLAND,
			.supports_dmabuf = kind->maker != NULL},
		.magic = CROSS_DOMAIN_WAYFERRY_MAGIC,
		.features = CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_READER_GONE |
			CROSS_DOMAIN_EXT_WANT_POLL | CROSS_DOMAIN_EXT_FETCH |
			CROSS_DOMAIN_EXT_FILES | CROSS_DOMAIN_EXT_POLL_SLOTS |
			CROSS_DOMAIN_EXT_RUNS | CROSS_DOMAIN_EXT_WRITE_FROM |
			CROSS_DOMAIN_EXT_HOST_CLOCK | CROSS_DOMAIN_EXT_PATIENT |
			CROSS_DOMAIN_EXT_BELL | CROSS_DOMAIN_EXT_PAGES |
			(kind->guests_share && resource_table_exports(base->host->resources)
					? CROSS_DOMAIN_EXT_GUEST_SHARED
					: 0) |
			(kind->private_textures ? CROSS_DOMAIN_EXT_PRIVATE_TEXTURES : 0) |
			(kind->maker ? CROSS_DOMAIN_EXT_ANY_LAYOUT : 0),
	};
	memcpy(out, &capset, sizeof(capset));
}

void cross_domain_kind_init(struct cross_domain_kind *kind, const struct policy *policy,
	bool private_textures, bool guests_share, struct image_maker *maker)
{
	*kind = (struct cross_domain_kind){
		.base = {.capset_id = CROSS_DOMAIN_CAPSET_ID,
			.capset_bytes = sizeof(struct cross_domain_capset_ext),
			.start = handle_start,
			.fill_capset = fill_capset,
			.create = create,
			.maps_files = maker != NULL,
			.reset = handle_reset},
		.policy = policy,
		.private_textures = private_textures,
		.guests_share = guests_share,
		.maker = maker,
	};
	wl_list_init(&kind->placed);
	wl_list_init(&kind->doubled);
	wl_list_init(&kind->groups);
}
