/* Contexts: a file of the device each, with a ring of commands and one of events. */
#include "guest-proxy/gpu/virtgpu/virtgpu_context.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu_features.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define EVENTS_BYTES 256

/* Events: fences of the polled ring. */

/* The type of the event at *@at, which moves behind it. 0: there is none, or not all of it. */
static uint32_t next_event(const uint8_t *bytes, size_t size, size_t *at)
{
	struct drm_event event;
	if (size - *at < sizeof(event))
		return 0;
	memcpy(&event, bytes + *at, sizeof(event));
	if (event.length < sizeof(event) || event.length > size - *at)
		return 0;
	*at += event.length;
	return event.type;
}

static int handle_events(int fd, uint32_t mask, void *data)
{
	struct gpu_context *context = data;
	uint8_t bytes[EVENTS_BYTES];
	size_t at = 0;
	uint32_t type;

	ssize_t n = read(fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
		!(mask & (WL_EVENT_ERROR | WL_EVENT_HANGUP)))
		return 0;
	if (n <= 0) {
		virtgpu_context_fail(context, "the device went away");
		return 0;
	}
	context->telling = true;
	while (!context->destroyed && !context->lost &&
		(type = next_event(bytes, (size_t)n, &at)) != 0) {
		if (type == VIRTGPU_EVENT_FENCE)
			context->listener->event(context->data);
	}
	context->telling = false;
	if (context->destroyed)
		free(context);
	return 0;
}

/* Fences of ring 0, signalled in order. */

static void fence_destroy(struct virtgpu_fence *fence)
{
	wl_list_remove(&fence->link);
	fd_close(&fence->fd);
	free(fence);
}

static struct virtgpu_fence *oldest_fence(struct gpu_context *context)
{
	struct virtgpu_fence *fence;
	return wl_list_empty(&context->fences) ? NULL
					       : wl_container_of(context->fences.next, fence, link);
}

static int handle_fence(int fd, uint32_t mask, void *data);

static void watch_oldest(struct gpu_context *context)
{
	struct virtgpu_fence *fence = oldest_fence(context);
	if (!fence || context->oldest || context->lost)
		return;
	context->oldest = wl_event_loop_add_fd(
		context->gpu->loop, fence->fd, WL_EVENT_READABLE, handle_fence, context);
	if (!context->oldest)
		virtgpu_context_fail(context, "no memory to wait for the device");
}

static bool fence_signalled(const struct virtgpu_fence *fence)
{
	struct pollfd events = {.fd = fence->fd, .events = POLLIN};
	return poll(&events, 1, 0) > 0;
}

/* Tells what the first fence, which was signalled, stands for. May destroy the context. */
static void tell_fence(struct gpu_context *context, unsigned *n_done)
{
	struct virtgpu_fence *fence = oldest_fence(context);
	enum virtgpu_fence_kind kind = fence->kind;
	struct kernel_blob *blob = fence->blob;
	void (*mapped)(struct gpu_context *, struct kernel_blob *) = fence->mapped;

	fence_destroy(fence);
	*n_done += kind == VIRTGPU_FENCE_DONE;
	if (kind == VIRTGPU_FENCE_ANSWER)
		context->listener->answered(context->data);
	else if (kind == VIRTGPU_FENCE_BLOB && blob)
		mapped(context, blob);
}

static int handle_fence(int fd, uint32_t mask, void *data)
{
	struct gpu_context *context = data;
	struct virtgpu_fence *fence;
	unsigned n_done = 0;

	event_source_remove(&context->oldest);
	context->telling = true;
	while (!context->destroyed && !context->lost && (fence = oldest_fence(context)) &&
		fence_signalled(fence))
		tell_fence(context, &n_done);
	if (n_done > 0 && !context->destroyed && !context->lost)
		context->listener->done(context->data, n_done);
	context->telling = false;
	if (context->destroyed)
		free(context);
	else
		watch_oldest(context);
	return 0;
}

int virtgpu_submit_fenced(struct gpu_context *context, const void *commands, size_t size,
	uint32_t ring, uint32_t flags, struct virtgpu_fence *fence)
{
	struct virtgpu_execute execute = {
		.flags = flags | (fence ? VIRTGPU_EXECUTE_FENCE_FD_OUT : 0),
		.size = (uint32_t)size,
		.commands = virtgpu_address(commands),
		.fence_fd = -1,
		.ring_idx = ring,
	};
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_EXECUTE, &execute);
	if (error < 0)
		return virtgpu_check_removed(context->gpu, error);
	if (fence) {
		fence->fd = execute.fence_fd;
		wl_list_insert(context->fences.prev, &fence->link);
		watch_oldest(context);
	}
	return 0;
}

void virtgpu_context_destroy(struct gpu_context *context)
{
	struct virtgpu_fence *fence, *next;
	turn_task_finish(&context->tell_task);
	event_source_remove(&context->events);
	event_source_remove(&context->oldest);
	wl_list_for_each_safe(fence, next, &context->fences, link) fence_destroy(fence);
	wl_list_remove(&context->link);
	fd_close(&context->fd);
	context->destroyed = true;
	if (!context->telling)
		free(context);
}

static int context_init(int fd)
{
	const struct virtgpu_context_set_param params[] = {
		{VIRTGPU_CONTEXT_CAPSET_ID, CROSS_DOMAIN_CAPSET_ID},
		{VIRTGPU_CONTEXT_NUM_RINGS, 2},
		{VIRTGPU_CONTEXT_POLL_RINGS_MASK, 1u << CROSS_DOMAIN_CHANNEL_RING},
	};
	struct virtgpu_context_init init = {
		.n_params = ARRAY_LENGTH(params),
		.params = virtgpu_address(params),
	};
	return virtgpu_call(fd, VIRTGPU_IOCTL_CONTEXT_INIT, &init);
}

int virtgpu_context_create(
	struct gpu *base, const struct gpu_listener *listener, void *data, struct gpu_context **out)
{
	struct gpu_virtgpu *gpu = virtgpu_of_base(base);
	if (gpu->dead)
		return -ENODEV;
	struct gpu_context *context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->gpu = gpu;
	context->listener = listener;
	context->data = data;
	turn_task_init(&context->tell_task, TURN_DEVICE, virtgpu_context_tell_lost, context);
	wl_list_insert(gpu->contexts.prev, &context->link);
	wl_list_init(&context->fences);
	wl_list_init(&context->imports);
	context->fd = virtgpu_open(gpu->path);
	int error = context->fd < 0 ? context->fd : context_init(context->fd);
	if (error == 0) {
		context->events = wl_event_loop_add_fd(
			gpu->loop, context->fd, WL_EVENT_READABLE, handle_events, context);
		if (!context->events)
			error = -ENOMEM;
	}
	if (error < 0) {
		virtgpu_context_destroy(context);
		return virtgpu_check_removed(gpu, error);
	}
	*out = context;
	return 0;
}

int virtgpu_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence kind, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	bool has_fd = kind == GPU_FENCE_DONE || kind == GPU_FENCE_ANSWER;
	struct virtgpu_fence *fence = NULL;
	if (context->lost)
		return -EPIPE;
	if (size > INT32_MAX)
		return -EINVAL;
	if (has_fd && !(fence = calloc(1, sizeof(*fence))))
		return -ENOMEM;
	if (fence)
		fence->kind = kind == GPU_FENCE_DONE ? VIRTGPU_FENCE_DONE : VIRTGPU_FENCE_ANSWER;
	int error = virtgpu_submit_fenced(context, commands, size,
		kind == GPU_FENCE_EVENT ? CROSS_DOMAIN_CHANNEL_RING : CROSS_DOMAIN_QUERY_RING,
		kind == GPU_FENCE_NONE ? 0 : VIRTGPU_EXECUTE_RING_IDX, fence);
	if (error < 0)
		free(fence);
	return has_fd && (error == -EMFILE || error == -ENFILE) ? virtgpu_wait_for_fds(context)
								: error;
}
