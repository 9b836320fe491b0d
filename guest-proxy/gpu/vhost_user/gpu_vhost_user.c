/*
 * A virtio-gpu driver in user space, towards wayferry-host: contexts, blobs and submissions over a
 * gpu_queue.
 *
 * Answers are noted at their context when they are found, and told in the turn of the device:
 * callers are never called back from inside their own calls.
 */
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"

#include <errno.h>
#include <stdlib.h>

#include "guest-proxy/gpu/vhost_user/frontend.h"
#include "guest-proxy/gpu/vhost_user/gpu_queue.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/* Every context's POLL holds a slot of the queue; some slots must be left for everything else. */
#define MAX_CONTEXTS 900
#define MAX_CAPSETS 64
#define CAPSET_MAX_BYTES (VIRTQUEUE_DRIVER_RESPONSE_BYTES - sizeof(struct virtio_gpu_ctrl_hdr))
/* The host may still use a segment of the region that we gave back, and refuse to map something
 * else there: how many places are tried. */
#define MAP_ATTEMPTS 8
static_assert(VIRTQUEUE_USED_F_WANT_LAZY == CROSS_DOMAIN_USED_F_WANT_POLL, "");

/* Tags of what a context asked for: enum gpu_fence, or */
#define TAG_CONTEXT 100u

struct gpu_vhost_user {
	struct gpu base;
	struct gpu_queue *queue;
	struct extents region; /* pages */
	uint8_t capset[CAPSET_MAX_BYTES];
	size_t capset_bytes;
	struct wl_list contexts; /* gpu_context::link */
	struct wl_list ready;    /* gpu_context::ready_link: those that have something to be told */
	struct wl_list dropped;  /* vhost_blob::link: destroyed before they were answered */
	struct wl_list given;    /* vhost_blob::given_link: not acknowledged, in order */
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
	unsigned n_events, n_done, n_answered; /* to be told */
	struct wl_list blobs;                  /* vhost_blob::link: whose end is to be told */
	bool starved; /* was refused a submission: done(0) when there is room */
	bool lost_told;
	const char *lost;          /* why; NULL: it lives */
	struct wl_list link;       /* gpu_vhost_user::contexts */
	struct wl_list ready_link; /* gpu_vhost_user::ready, or empty */
};

struct vhost_blob {
	struct gpu_blob base;
	struct gpu_vhost_user *gpu;
	enum gpu_blob_memory memory;
	struct extent pages; /* of guest RAM, or of the region */
	struct gpu_answer create, attach, map;
	unsigned n_pending; /* of these answers, and of that to a file */
	int error;          /* when it was answered */
	bool unnamed;       /* the device knows the file, if at all, but no resource yet */
	bool dropped;       /* destroyed; freed with the last answer */
	/* Where the host refused to map it; given back when another place was found. */
	struct extent refused[MAP_ATTEMPTS];
	unsigned n_refused;
	struct wl_list link;       /* gpu_context::blobs, gpu_vhost_user::dropped, or empty */
	struct wl_list given_link; /* gpu_vhost_user::given, or empty */
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
		context_fail(context,
			tag == TAG_CONTEXT ? "the host takes no more connections"
					   : "the host refused its commands");
		return;
	}
	if (tag == GPU_FENCE_EVENT)
		context->n_events++;
	else if (tag == GPU_FENCE_DONE)
		context->n_done++;
	else if (tag == GPU_FENCE_ANSWER)
		context->n_answered++;
	else
		return;
	make_ready(context);
}

static void tell_blob(struct gpu_context *context)
{
	struct vhost_blob *blob = wl_container_of(context->blobs.next, blob, link);
	wl_list_remove(&blob->link);
	wl_list_init(&blob->link);
	context->listener->blob(context->data, &blob->base, blob->error);
}

/* Makes at most one call, as it may destroy the context; the rest waits for the next round. */
static void tell_context(struct gpu_context *context)
{
	const struct gpu_listener *listener = context->listener;
	bool blobs = !wl_list_empty(&context->blobs), answered = context->n_answered > 0,
	     done = context->n_done > 0 || context->starved, event = context->n_events > 0;

	if (context->lost) {
		bool told = context->lost_told;
		context->lost_told = true;
		if (!told)
			listener->lost(context->data, context->lost);
		return;
	}
	if (blobs + answered + done + event > 1 || context->n_answered > 1 ||
		context->n_events > 1 || context->blobs.next != context->blobs.prev)
		make_ready(context);
	if (blobs) {
		tell_blob(context);
	} else if (answered) {
		context->n_answered--;
		listener->answered(context->data);
	} else if (done) {
		unsigned n = context->n_done;
		context->n_done = 0;
		context->starved = false;
		listener->done(context->data, n);
	} else if (event) {
		context->n_events--;
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

static const struct extent no_pages;

static void ask_blob(struct gpu_vhost_user *gpu, const void *bytes, size_t size,
	struct gpu_answer *answer, struct extent frees)
{
	const struct gpu_command command = {
		.bytes = bytes,
		.size = size,
		.answer = answer,
		.frees = frees,
	};
	/* It fails only when the device is lost, which every context is told. */
	gpu_queue_command(gpu->queue, &command);
}

/* CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE, RESOURCE_UNMAP_BLOB and RESOURCE_UNREF have one layout.
 */
static void resource_command(struct gpu_vhost_user *gpu, uint32_t type, uint32_t context_id,
	uint32_t resource_id, struct gpu_answer *answer, struct extent frees)
{
	const struct virtio_gpu_ctx_resource command = {
		.hdr = header(type, context_id),
		.resource_id = resource_id,
	};
	ask_blob(gpu, &command, sizeof(command), answer, frees);
}

/* Blobs. */

static void command_create(struct vhost_blob *blob, uint32_t context_id, uint64_t blob_id)
{
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} command = {
		.create =
			{
				.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, context_id),
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
			.addr = gpu_queue_pages_address(blob->gpu->queue, blob->pages),
			.length = (uint32_t)blob->base.size,
		};
		size += sizeof(command.entry);
	}
	ask_blob(blob->gpu, &command, size, &blob->create, no_pages);
}

static void command_map(struct vhost_blob *blob)
{
	const struct virtio_gpu_resource_map_blob command = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0),
		.resource_id = blob->base.resource_id,
		.offset = blob->pages.start * PAGE_BYTES,
	};
	ask_blob(blob->gpu, &command, sizeof(command), &blob->map, no_pages);
}

static void give_back(struct gpu_vhost_user *gpu, struct extent *pages)
{
	if (pages->length > 0)
		extents_give(&gpu->region, pages->start, pages->length);
	pages->length = 0;
}

static void blob_free(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	for (unsigned i = 0; i < blob->n_refused; i++)
		give_back(gpu, &blob->refused[i]);
	if (blob->memory == GPU_BLOB_GUEST)
		gpu_queue_give_pages(gpu->queue, blob->pages);
	else
		give_back(gpu, &blob->pages);
	wl_list_remove(&blob->link);
	wl_list_remove(&blob->given_link);
	free(blob);
}

/* Where @blob is, or would be: NULL if the device has mapped nothing there. */
static void *visible_region_at(const struct vhost_blob *blob)
{
	return frontend_region_at(gpu_queue_frontend(blob->gpu->queue),
		blob->pages.start * PAGE_BYTES, blob->base.size);
}

/*
 * The host has refused to map @blob where it was to be. -EINPROGRESS: another place of the region
 * is tried, as the host may still use what was there before; or why not.
 */
static int map_elsewhere(struct vhost_blob *blob)
{
	int error = errno_of(blob->map.type);
	if (blob->n_refused == 0 && !visible_region_at(blob))
		return -ENODEV; /* this frontend's region is not mapped at all */
	if (blob->n_refused + 1 >= MAP_ATTEMPTS)
		return error;
	uint64_t n = blob->pages.length;
	blob->refused[blob->n_refused++] = blob->pages;
	blob->pages.length = 0;
	error = extents_take(&blob->gpu->region, n, EXTENTS_NEXT, &blob->pages.start);
	if (error < 0)
		return -ENOMEM;
	blob->pages.length = n;
	blob->n_pending++;
	command_map(blob);
	gpu_queue_publish(blob->gpu->queue);
	return -EINPROGRESS;
}

/* What became of @blob, all of whose answers are there. */
static int blob_outcome(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	int error = 0;

	if (blob->create.type != VIRTIO_GPU_RESP_OK_NODATA)
		return blob->memory == GPU_BLOB_FILE ? -ENOMEM : errno_of(blob->create.type);
	if (blob->attach.type != VIRTIO_GPU_RESP_OK_NODATA)
		error = errno_of(blob->attach.type);
	else if (blob->memory == GPU_BLOB_GUEST)
		blob->base.map = gpu_queue_pages_at(gpu->queue, blob->pages);
	else if (blob->memory == GPU_BLOB_FILE)
		blob->base.map = NULL;
	else if (blob->map.type != VIRTIO_GPU_RESP_OK_MAP_INFO)
		error = map_elsewhere(blob);
	else if (!(blob->base.map = visible_region_at(blob)))
		gpu_queue_fail(gpu->queue, "the device says it mapped what it did not map");
	if (error < 0 && error != -EINPROGRESS) {
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, blob->base.resource_id,
			NULL, no_pages);
		gpu_queue_publish(gpu->queue);
	}
	return error;
}

/* To be told in the turn of the device. */
static void blob_ends(struct vhost_blob *blob, int error)
{
	blob->error = error;
	wl_list_insert(blob->base.context->blobs.prev, &blob->link);
	make_ready(blob->base.context);
}

static void handle_blob_answer(struct gpu_answer *answer)
{
	struct vhost_blob *blob = answer->data;
	if (--blob->n_pending > 0)
		return;
	if (blob->dropped) {
		blob_free(blob);
		return;
	}
	int error = blob_outcome(blob);
	if (error == -EINPROGRESS)
		return;
	for (unsigned i = 0; i < blob->n_refused; i++)
		give_back(blob->gpu, &blob->refused[i]);
	blob_ends(blob, error);
}

static int take_pages(struct vhost_blob *blob)
{
	uint64_t n = blob->base.size / PAGE_BYTES;
	int error;
	if (blob->memory == GPU_BLOB_GUEST) {
		error = gpu_queue_take_pages(blob->gpu->queue, n, &blob->pages);
	} else {
		error = extents_take(&blob->gpu->region, n, EXTENTS_NEXT, &blob->pages.start);
		blob->pages.length = error < 0 ? 0 : n;
	}
	return error == -ENOSPC ? -ENOMEM : error;
}

static struct vhost_blob *blob_alloc(
	struct gpu_context *context, enum gpu_blob_memory memory, size_t size)
{
	struct gpu_vhost_user *gpu = context->gpu;
	struct vhost_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return NULL;
	wl_list_init(&blob->link);
	wl_list_init(&blob->given_link);
	blob->gpu = gpu;
	blob->memory = memory;
	blob->base.context = context;
	blob->base.size = size;
	if (++gpu->last_resource_id == 0)
		gpu->last_resource_id++;
	blob->base.resource_id = gpu->last_resource_id;
	return blob;
}

static void create_and_attach(struct vhost_blob *blob, uint64_t blob_id)
{
	const uint32_t context_id = blob->base.context->id;

	blob->create.answered = blob->attach.answered = blob->map.answered = handle_blob_answer;
	blob->create.data = blob->attach.data = blob->map.data = blob;
	blob->n_pending = 2;
	command_create(blob, context_id, blob_id);
	resource_command(blob->gpu, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, context_id,
		blob->base.resource_id, &blob->attach, no_pages);
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
	struct vhost_blob *blob = blob_alloc(context, memory, align_up(size, PAGE_BYTES));
	if (!blob)
		return -ENOMEM;
	int error = take_pages(blob);
	if (error < 0) {
		blob_free(blob);
		return error;
	}
	create_and_attach(blob, blob_id);
	if (memory == GPU_BLOB_HOST) {
		blob->n_pending++;
		command_map(blob);
	}
	gpu_queue_publish(gpu->queue);
	*out = &blob->base;
	return -EINPROGRESS;
}

static int gpu_vhost_user_blob_give(
	struct gpu_context *context, int fd, size_t size, struct gpu_blob **out)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	struct vhost_blob *blob = blob_alloc(context, GPU_BLOB_FILE, size);
	if (!blob)
		return -ENOMEM;
	int error = frontend_give_file(
		gpu_queue_frontend(gpu->queue), blob->base.resource_id, size, fd);
	if (error < 0) {
		blob_free(blob);
		return -ENOMEM;
	}
	blob->unnamed = true;
	blob->n_pending = 1;
	wl_list_insert(gpu->given.prev, &blob->given_link);
	*out = &blob->base;
	return -EINPROGRESS;
}

/* The blob of a file that the device has taken was destroyed meanwhile: so is the file, there. */
static void discard_file(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	if (!wl_list_empty(&gpu->contexts)) { /* else it gives way to others there */
		struct gpu_context *any = wl_container_of(gpu->contexts.next, any, link);
		blob->create.answered = handle_blob_answer;
		blob->create.data = blob;
		blob->n_pending++;
		command_create(blob, any->id, CROSS_DOMAIN_BLOB_FILE | blob->base.resource_id);
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, blob->base.resource_id,
			NULL, no_pages);
		gpu_queue_publish(gpu->queue);
	}
	if (blob->n_pending == 0)
		blob_free(blob);
}

/* The device's answer to the first file that was given. */
static void handle_file_answer(void *data, bool taken)
{
	struct gpu_vhost_user *gpu = data;
	struct vhost_blob *blob = wl_container_of(gpu->given.next, blob, given_link);

	if (wl_list_empty(&gpu->given)) /* its blob went with everything else */
		return;
	wl_list_remove(&blob->given_link);
	wl_list_init(&blob->given_link);
	blob->n_pending--;
	if (blob->dropped && taken) {
		discard_file(blob);
	} else if (blob->dropped) {
		blob_free(blob);
	} else if (!taken) {
		blob_ends(blob, -ENOMEM);
	} else {
		blob->unnamed = false;
		create_and_attach(blob, CROSS_DOMAIN_BLOB_FILE | blob->base.resource_id);
		gpu_queue_publish(gpu->queue);
	}
}

static void gpu_vhost_user_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct vhost_blob *blob = container_of(base, struct vhost_blob, base);
	struct gpu_vhost_user *gpu = blob->gpu;
	struct extent frees = no_pages;
	bool alive = !gpu_queue_failure(gpu->queue);
	if (alive && blob->error == 0 && !blob->unnamed) {
		/* The device may write to guest pages until it has let go of them. What becomes of
		 * the region's is the host's business. */
		if (blob->memory == GPU_BLOB_GUEST) {
			frees = blob->pages;
			blob->pages.length = 0;
		} else if (blob->memory == GPU_BLOB_HOST) {
			resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0,
				base->resource_id, NULL, no_pages);
		}
		resource_command(gpu, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, base->context->id,
			base->resource_id, NULL, no_pages);
		resource_command(
			gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, base->resource_id, NULL, frees);
		gpu_queue_publish(gpu->queue);
	}
	if (blob->n_pending == 0 || !alive) {
		blob_free(blob);
		return;
	}
	blob->dropped = true;
	blob->base.context = NULL;
	wl_list_insert(&gpu->dropped, &blob->link);
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
	struct virtio_gpu_ctx_create create = {
		.hdr = header(VIRTIO_GPU_CMD_CTX_CREATE, context->id),
		.nlen = sizeof(name) - 1,
		.context_init = CROSS_DOMAIN_CAPSET_ID,
	};
	memcpy(create.debug_name, name, sizeof(name));
	const struct gpu_command command = {
		.bytes = &create,
		.size = sizeof(create),
		.owner = context,
		.tag = TAG_CONTEXT,
	};
	int error = gpu_queue_command(gpu->queue, &command);
	if (error < 0) {
		free(context);
		return error;
	}
	gpu_queue_publish(gpu->queue);
	wl_list_insert(&gpu->contexts, &context->link);
	wl_list_init(&context->ready_link);
	wl_list_init(&context->blobs);
	gpu->n_contexts++;
	*out = context;
	return 0;
}

static void gpu_vhost_user_context_destroy(struct gpu_context *context)
{
	struct gpu_vhost_user *gpu = context->gpu;
	const struct virtio_gpu_ctx_destroy destroy = {
		.hdr = header(VIRTIO_GPU_CMD_CTX_DESTROY, context->id),
	};
	const struct gpu_command command = {.bytes = &destroy, .size = sizeof(destroy)};
	gpu_queue_forget(gpu->queue, context);
	wl_list_remove(&context->link);
	wl_list_remove(&context->ready_link);
	gpu->n_contexts--;
	gpu_queue_command(gpu->queue, &command);
	gpu_queue_publish(gpu->queue);
	free(context);
}

static int gpu_vhost_user_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence fence, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	struct gpu_submission submission = {
		.command.hdr = header(VIRTIO_GPU_CMD_SUBMIT_3D, context->id),
		.bytes = commands,
		.size = size,
		.owner = context,
		.tag = fence,
		.held = fence == GPU_FENCE_DONE || fence == GPU_FENCE_EVENT,
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
	struct vhost_blob *blob, *next;
	wl_list_for_each_safe(blob, next, &gpu->dropped, link) blob_free(blob);
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
	.blob_give = gpu_vhost_user_blob_give,
	.blob_destroy = gpu_vhost_user_blob_destroy,
	.submit = gpu_vhost_user_submit,
	.describe = gpu_vhost_user_describe,
};

/* One command at the start, and its answer, which must be of @type and fill @copy. 0 or -errno. */
static int ask(struct gpu_vhost_user *gpu, const void *bytes, size_t size, uint32_t type,
	void *copy, size_t copy_bytes)
{
	struct gpu_answer answer = {.copy = copy, .copy_bytes = copy_bytes};
	const struct gpu_command command = {.bytes = bytes, .size = size, .answer = &answer};
	int error = gpu_queue_command(gpu->queue, &command);
	if (error < 0)
		return error;
	gpu_queue_publish(gpu->queue);
	error = gpu_queue_wait(gpu->queue, &answer);
	if (error < 0)
		return error;
	if (answer.type != type)
		return errno_of(answer.type);
	return answer.written < copy_bytes ? -EPROTO : 0;
}

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
	gpu->base.max_contexts = MAX_CONTEXTS;
	turn_init(&gpu->base.turn, loop);
	wl_list_init(&gpu->contexts);
	wl_list_init(&gpu->ready);
	wl_list_init(&gpu->dropped);
	wl_list_init(&gpu->given);
	gpu->queue = gpu_queue_open(&gpu->base.turn, path, &queue_listener, gpu);
	if (!gpu->queue) {
		turn_finish(&gpu->base.turn);
		free(gpu);
		return NULL;
	}
	frontend_set_file_listener(gpu_queue_frontend(gpu->queue), handle_file_answer, gpu);
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
