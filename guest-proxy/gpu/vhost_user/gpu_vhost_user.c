/*
 * A virtio-gpu driver in user space, towards wayferry-host: contexts, blobs and submissions over a
 * gpu_queue.
 */
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"

#include <stdlib.h>

#include "guest-proxy/gpu/vhost_user/frontend.h"
#include "guest-proxy/gpu/vhost_user/frontend_region.h"
#include "guest-proxy/gpu/vhost_user/vhost_blob.h"
#include "guest-proxy/gpu/vhost_user/vhost_notices.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/* Every context's POLL holds a slot of the queue; some slots must be left for everything else. */
#define MAX_CONTEXTS 900
#define MAX_CAPSETS 64
static_assert(VIRTQUEUE_USED_F_WANT_LAZY == CROSS_DOMAIN_USED_F_WANT_POLL, "");

static struct gpu_vhost_user *of_base(const struct gpu *base)
{
	return container_of(base, struct gpu_vhost_user, base);
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
	wl_list_init(&context->starved_link);
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
	wl_list_remove(&context->starved_link);
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
	if (error == -EAGAIN && wl_list_empty(&context->starved_link))
		wl_list_insert(&gpu->starved, &context->starved_link);
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
	vhost_blobs_finish(gpu);
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
	.blob_create = vhost_blob_create,
	.blob_give = vhost_blob_give,
	.blob_destroy = vhost_blob_destroy,
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
	wl_list_init(&gpu->starved);
	wl_list_init(&gpu->dropped);
	wl_list_init(&gpu->given);
	gpu->queue = gpu_queue_open(&gpu->base.turn, path, &vhost_notices_listener, gpu);
	if (!gpu->queue) {
		turn_finish(&gpu->base.turn);
		free(gpu);
		return NULL;
	}
	frontend_set_file_listener(gpu_queue_frontend(gpu->queue), vhost_blob_file_answered, gpu);
	int error = find_capset(gpu);
	/* wl_shm, which this memory is for, reaches as far as an int. */
	uint64_t region = min_u64(frontend_region(gpu_queue_frontend(gpu->queue))->size, INT32_MAX);
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
