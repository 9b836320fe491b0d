/* How a device and its contexts end, and what happens while there are too few fds. */
#include "guest-proxy/gpu/virtgpu/virtgpu_device.h"

#include <errno.h>
#include <string.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/event_source.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

#define RETRY_MS 250

void virtgpu_context_tell_lost(void *data)
{
	struct gpu_context *context = data;
	context->listener->lost(context->data, context->lost);
}

void virtgpu_context_fail(struct gpu_context *context, const char *why)
{
	if (context->lost)
		return;
	context->lost = why;
	event_source_remove(&context->events);
	event_source_remove(&context->oldest);
	turn_ask(&context->gpu->base.turn, &context->tell_task);
}

void virtgpu_tell_died(void *data)
{
	struct gpu_virtgpu *gpu = data;
	if (gpu->base.died)
		gpu->base.died(gpu->base.died_data); /* may destroy the gpu */
}

/* The device was removed. Another one, even at the same path, has none of our contexts. */
static void die(struct gpu_virtgpu *gpu)
{
	struct gpu_context *context;
	if (gpu->dead)
		return;
	gpu->dead = true;
	log_err("%s: the device was removed", gpu->path);
	event_source_remove(&gpu->watched);
	wl_list_for_each(context, &gpu->contexts, link)
		virtgpu_context_fail(context, "the device was removed");
	turn_ask(&gpu->base.turn, &gpu->tell_task); /* behind the contexts */
}

static int handle_watch(int fd, uint32_t mask, void *data)
{
	struct gpu_virtgpu *gpu = data;
	if (virtgpu_watch_removed(fd, gpu->path))
		die(gpu);
	return 0;
}

void virtgpu_watch_node(struct gpu_virtgpu *gpu)
{
	gpu->watch = virtgpu_watch(gpu->path);
	if (gpu->watch >= 0)
		gpu->watched = wl_event_loop_add_fd(
			gpu->loop, gpu->watch, WL_EVENT_READABLE, handle_watch, gpu);
	if (!gpu->watched)
		log_warn("%s: when it is removed will be seen late: %s", gpu->path,
			gpu->watch < 0 ? strerror(-gpu->watch) : "no memory");
}

int virtgpu_check_removed(struct gpu_virtgpu *gpu, int error)
{
	if (error == -ENODEV)
		die(gpu);
	return error;
}

static int handle_retry(void *data)
{
	struct gpu_virtgpu *gpu = data;
	struct gpu_context *context, *starved;
	do {
		starved = NULL;
		wl_list_for_each(context, &gpu->contexts, link)
		{
			if (context->starved)
				starved = context;
		}
		if (!starved)
			break;
		starved->starved = false;
		if (!starved->lost)
			starved->listener->done(starved->data, 0); /* may destroy it */
	} while (true);
	return 0;
}

int virtgpu_wait_for_fds(struct gpu_context *context)
{
	struct gpu_virtgpu *gpu = context->gpu;
	log_limited(LOG_LEVEL_WARN, "%s: out of file descriptors; trying again", gpu->path);
	if (!gpu->retry)
		gpu->retry = wl_event_loop_add_timer(gpu->loop, handle_retry, gpu);
	if (!gpu->retry)
		return -ENOMEM;
	context->starved = true;
	wl_event_source_timer_update(gpu->retry, RETRY_MS);
	return -EAGAIN;
}
