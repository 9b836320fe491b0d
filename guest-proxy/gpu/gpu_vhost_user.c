/*
 * A virtio-gpu driver in user space, towards wayferry-host: contexts, blobs and submissions over a
 * gpu_queue.
 *
 * Fences are noted at their context when their answer is found, and told from the event loop only:
 * callers are never called back from inside their own calls.
 */
#include "guest-proxy/gpu/gpu.h"

#include <errno.h>
#include <stdlib.h>

#include "guest-proxy/gpu/frontend.h"
#include "guest-proxy/gpu/gpu_queue.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/* Every context holds a slot of the queue for its event; each must be able to do more than wait. */
#define MAX_CONTEXTS 900
#define MAX_CAPSETS 64
#define CAPSET_MAX_BYTES (VIRTQUEUE_DRIVER_RESPONSE_BYTES - sizeof(struct virtio_gpu_ctrl_hdr))
/* A segment of the region that we gave back may still be in use on the host: how many others are
 * tried. */
#define MAP_ATTEMPTS 8
static_assert(VIRTQUEUE_USED_F_WANT_LAZY == CROSS_DOMAIN_USED_F_WANT_POLL, "");

struct gpu_vhost_user {
	struct gpu base;
	struct gpu_queue *queue;
	struct extents region; /* pages */
	uint8_t capset[CAPSET_MAX_BYTES];
	size_t capset_bytes;
	struct wl_list contexts; /* gpu_context::link */
	struct wl_list ready;    /* gpu_context::ready_link: those that have something to be told */
	unsigned n_contexts;
	uint32_t last_context_id, last_resource_id;
	uint64_t last_fence_id;
	bool telling, death_told;
};

struct gpu_context {
	struct gpu_vhost_user *gpu;
	const struct gpu_listener *listener;
	void *data;
	uint32_t id;
	unsigned n_events, n_done;
	bool starved; /* was refused a submission: done(0) when there is room */
	bool lost_told;
	const char *lost;          /* why; NULL: it lives */
	struct wl_list link;       /* gpu_vhost_user::contexts */
	struct wl_list ready_link; /* gpu_vhost_user::ready, or empty */
};

struct vhost_blob {
	struct gpu_blob base;
	enum gpu_blob_memory memory;
	struct extent pages; /* of guest RAM, or of the region */
};

static struct gpu_vhost_user *of_base(const struct gpu *base)
{
	return container_of(base, struct gpu_vhost_user, base);
}

/* Telling contexts what happened. */

static void make_ready(struct gpu_context *context)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (wl_list_empty(&context->ready_link))
		wl_list_insert(gpu->ready.prev, &context->ready_link);
	if (!gpu->telling)
		gpu_queue_ask_turn(gpu->queue, false);
}

static void context_fail(struct gpu_context *context, const char *why)
{
	if (context->lost)
		return;
	context->lost = why;
	make_ready(context);
}

static void handle_lost(void *data, const char *why)
{
	struct gpu_vhost_user *gpu = data;
	struct gpu_context *context;
	wl_list_for_each(context, &gpu->contexts, link) context_fail(context, why);
}

static void handle_answered(void *data, void *owner, unsigned tag, uint32_t type)
{
	struct gpu_context *context = owner;
	if (type != VIRTIO_GPU_RESP_OK_NODATA) {
		context_fail(context, "the host refused its commands");
		return;
	}
	if (tag == GPU_FENCE_EVENT)
		context->n_events++;
	else if (tag == GPU_FENCE_DONE)
		context->n_done++;
	else
		return;
	make_ready(context);
}

/* At most one call each time, as it may destroy the context. */
static void tell_context(struct gpu_context *context)
{
	const struct gpu_listener *listener = context->listener;
	if (context->lost) {
		bool told = context->lost_told;
		context->lost_told = true;
		if (!told)
			listener->lost(context->data, context->lost);
	} else if (context->n_done > 0 || context->starved) {
		unsigned n = context->n_done;
		context->n_done = 0;
		context->starved = false;
		if (context->n_events > 0)
			make_ready(context);
		listener->done(context->data, n);
	} else if (context->n_events > 0) {
		if (--context->n_events > 0)
			make_ready(context);
		listener->event(context->data);
	}
}

static void feed_starved(struct gpu_vhost_user *gpu)
{
	struct gpu_context *context;
	if (!gpu_queue_has_room(gpu->queue))
		return;
	wl_list_for_each(context, &gpu->contexts, link)
	{
		if (context->starved)
			make_ready(context);
	}
}

/* What becomes due meanwhile waits for the next round of the event loop: others have their turn. */
static void handle_turn(void *data)
{
	struct gpu_vhost_user *gpu = data;
	struct wl_list batch;

	gpu->telling = true;
	feed_starved(gpu);
	wl_list_init(&batch);
	wl_list_insert_list(&batch, &gpu->ready);
	wl_list_init(&gpu->ready);
	while (!wl_list_empty(&batch)) {
		struct gpu_context *context = wl_container_of(batch.next, context, ready_link);
		wl_list_remove(&context->ready_link);
		wl_list_init(&context->ready_link);
		tell_context(context);
	}
	gpu->telling = false;
	if (!wl_list_empty(&gpu->ready)) {
		gpu_queue_ask_turn(gpu->queue, true);
	} else if (gpu_queue_failure(gpu->queue) && !gpu->death_told) {
		gpu->death_told = true;
		if (gpu->base.died)
			gpu->base.died(gpu->base.died_data); /* may destroy the gpu */
	}
}

static const struct gpu_queue_listener queue_listener = {
	.answered = handle_answered,
	.turn = handle_turn,
	.lost = handle_lost,
};

/* Commands. */

static struct virtio_gpu_ctrl_hdr header(uint32_t type, uint32_t context_id)
{
	return (struct virtio_gpu_ctrl_hdr){.type = type, .ctx_id = context_id};
}

static int errno_of(uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY:
		return -ENOMEM;
	case VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* Sends what was queued and waits for *@pending answers. */
static int send_and_wait(struct gpu_vhost_user *gpu, const unsigned *pending)
{
	gpu_queue_publish(gpu->queue);
	return gpu_queue_wait(gpu->queue, pending);
}

static const struct extent no_pages;

/* One command and its answer, which must be of @type and fill @copy. 0 or -errno. */
static int ask(struct gpu_vhost_user *gpu, const void *command, size_t size, uint32_t type,
	void *copy, size_t copy_bytes)
{
	unsigned pending = 0;
	struct gpu_answer answer = {.pending = &pending, .copy = copy, .copy_bytes = copy_bytes};
	int error = gpu_queue_command(gpu->queue, command, size, &answer, no_pages);
	if (error == 0)
		error = send_and_wait(gpu, &pending);
	if (error < 0)
		return error;
	if (answer.type != type)
		return errno_of(answer.type);
	return answer.written < copy_bytes ? -EPROTO : 0;
}

/* The three that name a resource and nothing else have one layout. */
static void resource_command(struct gpu_vhost_user *gpu, uint32_t type, uint32_t context_id,
	uint32_t resource_id, struct gpu_answer *answer, struct extent frees)
{
	const struct virtio_gpu_ctx_resource command = {
		.hdr = header(type, context_id),
		.resource_id = resource_id,
	};
	/* An error is the device's end, which who waits for the answer will see. */
	gpu_queue_command(gpu->queue, &command, sizeof(command), answer, frees);
}

/* Blobs. */

static void command_create(struct gpu_context *context, const struct vhost_blob *blob,
	uint64_t blob_id, struct gpu_answer *answer)
{
	struct gpu_vhost_user *gpu = context->gpu;
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} command = {
		.create =
			{
				.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, context->id),
				.resource_id = blob->base.resource_id,
				.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
				.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE |
					VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
				.blob_id = blob_id,
				.size = blob->base.size,
			},
	};
	size_t size = sizeof(command.create);
	if (blob->memory == GPU_BLOB_GUEST) {
		/* As kernels do it: such a blob is of no context until it is attached to one. */
		command.create.hdr.ctx_id = 0;
		command.create.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST;
		command.create.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE;
		command.create.blob_id = 0;
		command.create.nr_entries = 1;
		command.entry = (struct virtio_gpu_mem_entry){
			.addr = gpu_queue_pages_address(gpu->queue, blob->pages),
			.length = (uint32_t)blob->base.size,
		};
		size += sizeof(command.entry);
	}
	gpu_queue_command(gpu->queue, &command, size, answer, no_pages);
}

static void command_map(
	struct gpu_vhost_user *gpu, const struct vhost_blob *blob, struct gpu_answer *answer)
{
	const struct virtio_gpu_resource_map_blob command = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0),
		.resource_id = blob->base.resource_id,
		.offset = blob->pages.start * PAGE_BYTES,
	};
	gpu_queue_command(gpu->queue, &command, sizeof(command), answer, no_pages);
}

/*
 * Maps @blob at other places of the region than the one that the host has just refused: what was
 * there before may still be in use there. 0 or -errno; blob->pages is what it has then.
 */
static int map_elsewhere(struct gpu_vhost_user *gpu, struct vhost_blob *blob)
{
	struct extent refused[MAP_ATTEMPTS];
	size_t n = 0;
	int error = 0;
	do {
		refused[n++] = blob->pages;
		blob->pages.length = 0;
		error = extents_take(
			&gpu->region, refused[0].length, EXTENTS_NEXT, &blob->pages.start);
		if (error < 0)
			break;
		blob->pages.length = refused[0].length;
		unsigned pending = 0;
		struct gpu_answer map = {.pending = &pending};
		command_map(gpu, blob, &map);
		error = send_and_wait(gpu, &pending);
		if (error == 0 && map.type != VIRTIO_GPU_RESP_OK_MAP_INFO)
			error = errno_of(map.type);
	} while (error < 0 && error != -EPIPE && n < MAP_ATTEMPTS);
	for (size_t i = 0; i < n; i++)
		extents_give(&gpu->region, refused[i].start, refused[i].length);
	return error == -ENOSPC ? -ENOMEM : error;
}

/* Where @blob is, or would be: NULL if the device has mapped nothing there. */
static void *visible_region_at(struct gpu_vhost_user *gpu, const struct vhost_blob *blob)
{
	return frontend_region_at(
		gpu_queue_frontend(gpu->queue), blob->pages.start * PAGE_BYTES, blob->base.size);
}

/* Creates, attaches and maps in one go. 0 or -errno; the host then has nothing of it. */
static int realize(struct gpu_context *context, struct vhost_blob *blob, uint64_t blob_id)
{
	struct gpu_vhost_user *gpu = context->gpu;
	unsigned pending = 0;
	struct gpu_answer create = {.pending = &pending}, attach = create, map = create;
	uint32_t id = blob->base.resource_id;

	command_create(context, blob, blob_id, &create);
	resource_command(
		gpu, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, context->id, id, &attach, no_pages);
	if (blob->memory == GPU_BLOB_HOST)
		command_map(gpu, blob, &map);
	int error = send_and_wait(gpu, &pending);
	if (error < 0)
		return error;
	if (create.type != VIRTIO_GPU_RESP_OK_NODATA)
		return errno_of(create.type);
	if (attach.type != VIRTIO_GPU_RESP_OK_NODATA)
		error = errno_of(attach.type);
	else if (blob->memory == GPU_BLOB_HOST && map.type != VIRTIO_GPU_RESP_OK_MAP_INFO)
		error = visible_region_at(gpu, blob) ? map_elsewhere(gpu, blob) : -ENODEV;
	if (error == 0 && blob->memory == GPU_BLOB_HOST &&
		!(blob->base.map = visible_region_at(gpu, blob))) {
		gpu_queue_fail(gpu->queue, "the device says it mapped what it did not map");
		return -EPIPE;
	}
	if (error < 0) {
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, id, NULL, no_pages);
		gpu_queue_publish(gpu->queue);
	}
	return error;
}

static int take_pages(struct gpu_vhost_user *gpu, struct vhost_blob *blob)
{
	uint64_t n = blob->base.size / PAGE_BYTES;
	int error;
	if (blob->memory == GPU_BLOB_GUEST) {
		error = gpu_queue_take_pages(gpu->queue, n, &blob->pages);
	} else {
		error = extents_take(&gpu->region, n, EXTENTS_NEXT, &blob->pages.start);
		blob->pages.length = error < 0 ? 0 : n;
	}
	return error == -ENOSPC ? -ENOMEM : error;
}

static void blob_free(struct gpu_vhost_user *gpu, struct vhost_blob *blob)
{
	if (blob->memory == GPU_BLOB_GUEST)
		gpu_queue_give_pages(gpu->queue, blob->pages);
	else if (blob->pages.length > 0)
		extents_give(&gpu->region, blob->pages.start, blob->pages.length);
	free(blob);
}

static int gpu_vhost_user_blob_create(struct gpu_context *context, enum gpu_blob_memory memory,
	uint64_t blob_id, size_t size, struct gpu_blob **out)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	if (memory == GPU_BLOB_HOST && frontend_region_size(gpu_queue_frontend(gpu->queue)) == 0)
		return -EINVAL;
	/* A memory entry has 32 bits; so has wl_shm. */
	if (size == 0 || size > INT32_MAX)
		return -ENOMEM;
	struct vhost_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return -ENOMEM;
	blob->memory = memory;
	blob->base.context = context;
	blob->base.size = align_up(size, PAGE_BYTES);
	if (++gpu->last_resource_id == 0)
		gpu->last_resource_id++;
	blob->base.resource_id = gpu->last_resource_id;
	int error = take_pages(gpu, blob);
	if (error == 0)
		error = realize(context, blob, blob_id);
	if (error < 0) {
		blob_free(gpu, blob);
		return error;
	}
	if (memory == GPU_BLOB_GUEST)
		blob->base.map = gpu_queue_pages_at(gpu->queue, blob->pages);
	*out = &blob->base;
	return 0;
}

static void gpu_vhost_user_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct vhost_blob *blob = container_of(base, struct vhost_blob, base);
	struct gpu_vhost_user *gpu = base->context->gpu;
	struct extent frees = no_pages;
	/* The device may write to guest pages until it has let go of them; the region's are its own
	 * affair. */
	if (blob->memory == GPU_BLOB_GUEST && !gpu_queue_failure(gpu->queue)) {
		frees = blob->pages;
		blob->pages.length = 0;
	}
	if (blob->memory == GPU_BLOB_HOST)
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, base->resource_id,
			NULL, no_pages);
	resource_command(gpu, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, base->context->id,
		base->resource_id, NULL, no_pages);
	resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, base->resource_id, NULL, frees);
	gpu_queue_publish(gpu->queue);
	blob_free(gpu, blob);
}

/* Contexts. */

static int gpu_vhost_user_context_create(
	struct gpu *base, const struct gpu_listener *listener, void *data, struct gpu_context **out)
{
	struct gpu_vhost_user *gpu = of_base(base);
	if (gpu->n_contexts >= MAX_CONTEXTS)
		return -EBUSY;
	struct gpu_context *context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	if (++gpu->last_context_id == 0)
		gpu->last_context_id++;
	context->gpu = gpu;
	context->listener = listener;
	context->data = data;
	context->id = gpu->last_context_id;
	static const char name[] = "wayferry-guest";
	struct virtio_gpu_ctx_create command = {
		.hdr = header(VIRTIO_GPU_CMD_CTX_CREATE, context->id),
		.nlen = sizeof(name) - 1,
		.context_init = CROSS_DOMAIN_CAPSET_ID,
	};
	memcpy(command.debug_name, name, sizeof(name));
	int error = ask(gpu, &command, sizeof(command), VIRTIO_GPU_RESP_OK_NODATA, NULL, 0);
	if (error < 0) {
		free(context);
		return error;
	}
	wl_list_insert(&gpu->contexts, &context->link);
	wl_list_init(&context->ready_link);
	gpu->n_contexts++;
	*out = context;
	return 0;
}

static void gpu_vhost_user_context_destroy(struct gpu_context *context)
{
	struct gpu_vhost_user *gpu = context->gpu;
	const struct virtio_gpu_ctx_destroy command = {
		.hdr = header(VIRTIO_GPU_CMD_CTX_DESTROY, context->id),
	};
	gpu_queue_forget(gpu->queue, context);
	wl_list_remove(&context->link);
	wl_list_remove(&context->ready_link);
	gpu->n_contexts--;
	gpu_queue_command(gpu->queue, &command, sizeof(command), NULL, no_pages);
	gpu_queue_publish(gpu->queue);
	free(context);
}

static int gpu_vhost_user_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence fence, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	unsigned pending = 0;
	struct gpu_answer answer = {.pending = &pending};
	struct gpu_submission submission = {
		.command.hdr = header(VIRTIO_GPU_CMD_SUBMIT_3D, context->id),
		.bytes = commands,
		.size = size,
		.owner = context,
		.tag = fence,
		.answer = fence == GPU_FENCE_WAIT ? &answer : NULL,
		.silent = fence == GPU_FENCE_NONE,
		.lazy = lazy,
	};
	if (fence != GPU_FENCE_NONE) {
		struct virtio_gpu_ctrl_hdr *hdr = &submission.command.hdr;
		hdr->flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX;
		hdr->fence_id = ++gpu->last_fence_id;
		hdr->ring_idx = fence == GPU_FENCE_EVENT ? CROSS_DOMAIN_CHANNEL_RING
							 : CROSS_DOMAIN_QUERY_RING;
	}
	int error = gpu_queue_submit(gpu->queue, &submission);
	if (error == -EAGAIN)
		context->starved = true;
	if (error < 0 || fence != GPU_FENCE_WAIT)
		return error;
	error = gpu_queue_wait(gpu->queue, &pending);
	if (error == 0 && answer.type != VIRTIO_GPU_RESP_OK_NODATA) {
		context_fail(context, "the host refused its commands");
		error = -EPIPE;
	}
	return error;
}

/* The device. */

static int gpu_vhost_user_capset(struct gpu *base, uint32_t id, void *buffer, size_t size)
{
	struct gpu_vhost_user *gpu = of_base(base);
	if (id != CROSS_DOMAIN_CAPSET_ID)
		return -ENOENT;
	size_t n = min_u64(size, gpu->capset_bytes);
	memcpy(buffer, gpu->capset, n);
	return (int)n;
}

static void gpu_vhost_user_destroy(struct gpu *base)
{
	struct gpu_vhost_user *gpu = of_base(base);
	gpu_queue_destroy(gpu->queue);
	turn_finish(&gpu->base.turn);
	extents_finish(&gpu->region);
	free(gpu);
}

static const char *gpu_vhost_user_describe(const struct gpu *base)
{
	return gpu_queue_describe(of_base(base)->queue);
}

static const struct gpu_ops ops = {
	.destroy = gpu_vhost_user_destroy,
	.capset = gpu_vhost_user_capset,
	.context_create = gpu_vhost_user_context_create,
	.context_destroy = gpu_vhost_user_context_destroy,
	.blob_create = gpu_vhost_user_blob_create,
	.blob_destroy = gpu_vhost_user_blob_destroy,
	.submit = gpu_vhost_user_submit,
	.describe = gpu_vhost_user_describe,
};

static int fetch_capset(struct gpu_vhost_user *gpu, uint32_t size)
{
	const struct virtio_gpu_get_capset command = {
		.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET, 0),
		.capset_id = CROSS_DOMAIN_CAPSET_ID,
	};
	uint8_t answer[VIRTQUEUE_DRIVER_RESPONSE_BYTES];
	size_t bytes = min_u64(size, CAPSET_MAX_BYTES),
	       header_bytes = sizeof(struct virtio_gpu_ctrl_hdr);
	int error = ask(gpu, &command, sizeof(command), VIRTIO_GPU_RESP_OK_CAPSET, answer,
		header_bytes + bytes);
	if (error < 0)
		return error;
	memcpy(gpu->capset, answer + header_bytes, bytes);
	gpu->capset_bytes = bytes;
	return 0;
}

/* Looks for capset 5 among those that the device has. 0, -ENOENT or -errno. */
static int find_capset(struct gpu_vhost_user *gpu)
{
	struct virtio_gpu_config config;
	int error = frontend_config(gpu_queue_frontend(gpu->queue), &config, sizeof(config));
	for (uint32_t i = 0; error == 0 && i < min_u64(config.num_capsets, MAX_CAPSETS); i++) {
		const struct virtio_gpu_get_capset_info command = {
			.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET_INFO, 0),
			.capset_index = i,
		};
		struct virtio_gpu_resp_capset_info info;
		error = ask(gpu, &command, sizeof(command), VIRTIO_GPU_RESP_OK_CAPSET_INFO, &info,
			sizeof(info));
		if (error == 0 && info.capset_id == CROSS_DOMAIN_CAPSET_ID)
			return fetch_capset(gpu, info.capset_max_size);
	}
	return error < 0 ? error : -ENOENT;
}

struct gpu *gpu_vhost_user_open(struct wl_event_loop *loop, const char *path)
{
	struct gpu_vhost_user *gpu = calloc(1, sizeof(*gpu));
	if (!gpu)
		return NULL;
	gpu->base.ops = &ops;
	gpu->base.lazy = true;
	gpu->base.same_clock = true;
	turn_init(&gpu->base.turn, loop);
	wl_list_init(&gpu->contexts);
	wl_list_init(&gpu->ready);
	gpu->queue = gpu_queue_open(&gpu->base.turn, path, &queue_listener, gpu);
	if (!gpu->queue) {
		free(gpu);
		return NULL;
	}
	int error = find_capset(gpu);
	/* wl_shm, which this memory is for, reaches as far as an int. */
	uint64_t region = min_u64(frontend_region_size(gpu_queue_frontend(gpu->queue)), INT32_MAX);
	if (error == 0)
		error = extents_init(&gpu->region, 0, region / PAGE_BYTES);
	if (error < 0) {
		log_err("%s: no cross-domain contexts: %s", gpu_queue_describe(gpu->queue),
			error == -ENOENT ? "the device has no capset 5" : strerror(-error));
		gpu_vhost_user_destroy(&gpu->base);
		return NULL;
	}
	return &gpu->base;
}
