/*
 * A virtio-gpu device by way of the kernel's driver: a DRM file for each context.
 *
 * The kernel queues commands in order and gives memory back in order, too, so a blob may be closed
 * as soon as the commands that name it were handed over. No submission names buffer handles: with
 * them it would cost a fence and its interrupt.
 *
 * What waits in the kernel: every command, while its queue is full; and mmap of the host's memory,
 * until the host has mapped it. So that is called when a fence behind the mapping was signalled.
 */
#include "guest-proxy/gpu/gpu.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-proxy/gpu/render_nodes.h"
#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/gpu/virtgpu_features.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

#define CAPSET_MAX_BYTES 256
#define EVENTS_BYTES 256
#define RETRY_MS 250
/* Contexts whose drivers know the host's GPU: venus, and native ones. */
#define MODIFIER_CAPSETS (1 << 4 | 1 << 6)
#define OPENGL_CAPSETS (1 << 1 | 1 << 2)

struct gpu_virtgpu {
	struct gpu base;
	struct wl_event_loop *loop;
	char *path, *description;
	bool host_visible; /* the device has a region for its own memory */
	bool host_mapped;  /* and it was seen to work */
	uint8_t capset[CAPSET_MAX_BYTES];
	struct wl_list contexts;         /* gpu_context::link */
	int watch;                       /* tells when the node is removed; -1: cannot */
	struct wl_event_source *watched; /* of watch */
	struct turn_task tell_task;      /* that it has died */
	struct wl_event_source *retry;   /* a timer: contexts that are starved may try again */
	bool dead;
};

enum fence_kind {
	FENCE_DONE,   /* of GPU_FENCE_DONE */
	FENCE_ANSWER, /* of GPU_FENCE_ANSWER */
	FENCE_BLOB,   /* the host has mapped the memory of a blob */
};

struct kernel_blob;

struct fence {
	int fd;
	enum fence_kind kind;
	struct kernel_blob *blob; /* of FENCE_BLOB; NULL: it was destroyed meanwhile */
	struct wl_list link;      /* gpu_context::fences */
};

struct kernel_blob {
	struct gpu_blob base;
	struct fence *fence; /* NULL: it is complete */
	/* Of imports: the kernel has one handle for all imports of a buffer, and closes it once. */
	uint32_t refs;       /* 0: it was created */
	struct wl_list link; /* gpu_context::imports */
};

struct gpu_context {
	struct gpu_virtgpu *gpu;
	struct wl_list link; /* gpu_virtgpu::contexts */
	const struct gpu_listener *listener;
	void *data;
	int fd;
	struct wl_event_source *events; /* of fd */
	struct wl_list imports;         /* kernel_blob::link */
	struct wl_list fences;          /* fence::link, oldest first: of ring 0 */
	struct wl_event_source *oldest; /* the first of them; NULL: there is none */
	struct turn_task tell_task;     /* that it is lost */
	const char *lost;               /* why; NULL: it lives */
	bool starved;   /* a submission found no fd for its fence: done(0) will be told */
	bool telling;   /* the listener is being called, and may destroy the context */
	bool destroyed; /* meanwhile; whoever tells frees it */
};

static struct gpu_virtgpu *of_base(const struct gpu *base)
{
	return container_of(base, struct gpu_virtgpu, base);
}

static uint64_t address(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* The end of a context. */

static void remove_source(struct wl_event_source **source)
{
	if (*source)
		wl_event_source_remove(*source);
	*source = NULL;
}

static void tell_lost(void *data)
{
	struct gpu_context *context = data;
	context->listener->lost(context->data, context->lost);
}

static void context_fail(struct gpu_context *context, const char *why)
{
	if (context->lost)
		return;
	context->lost = why;
	remove_source(&context->events);
	remove_source(&context->oldest);
	turn_ask(&context->gpu->base.turn, &context->tell_task);
}

/* The end of the device. */

static void tell_died(void *data)
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
	remove_source(&gpu->watched);
	wl_list_for_each(context, &gpu->contexts, link)
		context_fail(context, "the device was removed");
	turn_ask(&gpu->base.turn, &gpu->tell_task); /* behind the contexts */
}

static int handle_watch(int fd, uint32_t mask, void *data)
{
	struct gpu_virtgpu *gpu = data;
	if (virtgpu_watch_removed(fd, gpu->path))
		die(gpu);
	return 0;
}

/* The kernel does not tell those who have the file of a removed device open. */
static void watch_node(struct gpu_virtgpu *gpu)
{
	gpu->watch = virtgpu_watch(gpu->path);
	if (gpu->watch >= 0)
		gpu->watched = wl_event_loop_add_fd(
			gpu->loop, gpu->watch, WL_EVENT_READABLE, handle_watch, gpu);
	if (!gpu->watched)
		log_warn("%s: when it is removed will be seen late: %s", gpu->path,
			gpu->watch < 0 ? strerror(-gpu->watch) : "no memory");
}

/* -ENODEV is what the kernel says of a device that was removed. Returns @error. */
static int check_removed(struct gpu_virtgpu *gpu, int error)
{
	if (error == -ENODEV)
		die(gpu);
	return error;
}

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
		context_fail(context, "the device went away");
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

static void fence_destroy(struct fence *fence)
{
	wl_list_remove(&fence->link);
	fd_close(&fence->fd);
	free(fence);
}

static struct fence *oldest_fence(struct gpu_context *context)
{
	struct fence *fence;
	return wl_list_empty(&context->fences) ? NULL
					       : wl_container_of(context->fences.next, fence, link);
}

static int handle_fence(int fd, uint32_t mask, void *data);

static void watch_oldest(struct gpu_context *context)
{
	struct fence *fence = oldest_fence(context);
	if (!fence || context->oldest || context->lost)
		return;
	context->oldest = wl_event_loop_add_fd(
		context->gpu->loop, fence->fd, WL_EVENT_READABLE, handle_fence, context);
	if (!context->oldest)
		context_fail(context, "no memory to wait for the device");
}

static bool fence_signalled(const struct fence *fence)
{
	struct pollfd events = {.fd = fence->fd, .events = POLLIN};
	return poll(&events, 1, 0) > 0;
}

static void finish_blob(struct gpu_context *context, struct kernel_blob *blob);

/* Tells what the first fence, which was signalled, stands for. May destroy the context. */
static void tell_fence(struct gpu_context *context, unsigned *n_done)
{
	struct fence *fence = oldest_fence(context);
	enum fence_kind kind = fence->kind;
	struct kernel_blob *blob = fence->blob;

	fence_destroy(fence);
	*n_done += kind == FENCE_DONE;
	if (kind == FENCE_ANSWER)
		context->listener->answered(context->data);
	else if (kind == FENCE_BLOB && blob)
		finish_blob(context, blob);
}

static int handle_fence(int fd, uint32_t mask, void *data)
{
	struct gpu_context *context = data;
	struct fence *fence;
	unsigned n_done = 0;

	remove_source(&context->oldest);
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

/* Blobs. */

/* Of any kind, and also if it is not complete. */
static void blob_free(struct kernel_blob *blob)
{
	struct drm_gem_close gem_close = {.handle = blob->base.bo_handle};
	if (blob->base.map)
		munmap(blob->base.map, blob->base.size);
	if (blob->base.bo_handle)
		virtgpu_call(blob->base.context->fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
	if (blob->fence)
		blob->fence->blob = NULL;
	wl_list_remove(&blob->link);
	free(blob);
}

/* A blob of @context; its context owns nothing of it. */
static struct kernel_blob *blob_alloc(struct gpu_context *context, size_t size)
{
	struct kernel_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return NULL;
	blob->base.context = context;
	blob->base.size = size;
	wl_list_init(&blob->link);
	return blob;
}

/* Maps @blob. 0 or -errno. */
static int map(struct gpu_blob *blob)
{
	struct virtgpu_map map = {.bo_handle = blob->bo_handle};
	int error = virtgpu_call(blob->context->fd, VIRTGPU_IOCTL_MAP, &map);
	if (error < 0)
		return error;
	blob->map = virtgpu_mmap(blob->context->fd, map.offset, blob->size);
	return blob->map ? 0 : -errno;
}

static int create(struct gpu_blob *blob, enum gpu_blob_memory memory, uint64_t blob_id)
{
	struct virtgpu_create_blob create = {
		.memory = VIRTGPU_MEMORY_GUEST,
		.flags = VIRTGPU_BLOB_MAPPABLE,
		.size = blob->size,
	};
	if (memory == GPU_BLOB_HOST) {
		create.memory = VIRTGPU_MEMORY_HOST3D;
		create.flags |= VIRTGPU_BLOB_SHAREABLE;
		create.blob_id = blob_id;
	}
	int error = virtgpu_call(blob->context->fd, VIRTGPU_IOCTL_CREATE_BLOB, &create);
	if (error < 0)
		return error;
	blob->bo_handle = create.bo_handle;
	blob->resource_id = create.resource_id;
	return 0;
}

/* Hands @size bytes of commands to the kernel. @fence: gets one for them, or NULL. 0 or -errno. */
static int execute(struct gpu_context *context, const void *commands, size_t size, uint32_t ring,
	uint32_t flags, struct fence *fence)
{
	struct virtgpu_execute execute = {
		.flags = flags | (fence ? VIRTGPU_EXECUTE_FENCE_FD_OUT : 0),
		.size = (uint32_t)size,
		.commands = address(commands),
		.fence_fd = -1,
		.ring_idx = ring,
	};
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_EXECUTE, &execute);
	if (error < 0)
		return check_removed(context->gpu, error);
	if (fence) {
		fence->fd = execute.fence_fd;
		wl_list_insert(context->fences.prev, &fence->link);
		watch_oldest(context);
	}
	return 0;
}

/* Has finish_blob called when the host has mapped @blob: an empty submission with a fence. */
static int wait_for_host(struct kernel_blob *blob)
{
	static const uint8_t nothing[8];
	struct gpu_context *context = blob->base.context;
	struct fence *fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	fence->kind = FENCE_BLOB;
	fence->blob = blob;
	int error = execute(
		context, nothing, 0, CROSS_DOMAIN_QUERY_RING, VIRTGPU_EXECUTE_RING_IDX, fence);
	if (error < 0) {
		free(fence);
		return error == -EMFILE || error == -ENFILE ? -ENOMEM : error;
	}
	blob->fence = fence;
	return 0;
}

/* The host has answered about the memory of @blob. May destroy the context. */
static void finish_blob(struct gpu_context *context, struct kernel_blob *blob)
{
	struct gpu_virtgpu *gpu = context->gpu;
	blob->fence = NULL;
	int error = map(&blob->base);
	/* CREATE_BLOB says nothing of the host's refusals: only mapping fails. A host that gave
	 * such memory before is short of it now. */
	if (error < 0 && gpu->host_mapped)
		error = -ENOMEM;
	gpu->host_mapped |= error == 0;
	context->listener->blob(context->data, &blob->base, error);
}

static int gpu_virtgpu_blob_create(struct gpu_context *context, enum gpu_blob_memory memory,
	uint64_t blob_id, size_t size, struct gpu_blob **out)
{
	if (context->lost)
		return -EPIPE;
	if (memory == GPU_BLOB_HOST && !context->gpu->host_visible)
		return -ENODEV;
	if (size == 0 || size > INT32_MAX) /* wl_shm, which it is for, has 31 bits */
		return -ENOMEM;
	struct kernel_blob *blob = blob_alloc(context, align_up(size, PAGE_BYTES));
	if (!blob)
		return -ENOMEM;
	int error = create(&blob->base, memory, blob_id);
	if (error == 0)
		error = memory == GPU_BLOB_HOST ? wait_for_host(blob) : map(&blob->base);
	if (error < 0) {
		blob_free(blob);
		return error;
	}
	*out = &blob->base;
	return memory == GPU_BLOB_HOST ? -EINPROGRESS : 0;
}

static void gem_close(struct gpu_context *context, uint32_t bo_handle)
{
	struct drm_gem_close argument = {.handle = bo_handle};
	virtgpu_call(context->fd, DRM_IOCTL_GEM_CLOSE, &argument);
}

/* Takes @bo_handle, which is not among the imports yet; on error it is closed. */
static int import_create(struct gpu_context *context, uint32_t bo_handle, struct kernel_blob **out)
{
	struct virtgpu_resource_info info = {.bo_handle = bo_handle};
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_RESOURCE_INFO, &info);
	struct kernel_blob *import = error == 0 ? blob_alloc(context, info.size) : NULL;
	if (!import) {
		gem_close(context, bo_handle);
		return error < 0 ? error : -ENOMEM;
	}
	import->base.resource_id = info.resource_id;
	import->base.bo_handle = bo_handle;
	wl_list_insert(&context->imports, &import->link);
	*out = import;
	return 0;
}

static int gpu_virtgpu_blob_import(struct gpu_context *context, int fd, struct gpu_blob **out)
{
	struct drm_prime_handle prime = {.fd = fd};
	struct kernel_blob *import, *found = NULL;
	if (context->lost)
		return -EPIPE;
	int error = virtgpu_call(context->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	if (error < 0)
		return error;
	wl_list_for_each(import, &context->imports, link)
	{
		if (import->base.bo_handle == prime.handle)
			found = import;
	}
	if (!found)
		error = import_create(context, prime.handle, &found);
	if (error < 0)
		return error;
	found->refs++;
	*out = &found->base;
	return 0;
}

static void gpu_virtgpu_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct kernel_blob *blob = container_of(base, struct kernel_blob, base);
	if (blob->refs == 0 || --blob->refs == 0)
		blob_free(blob);
}

/* Contexts. */

static void gpu_virtgpu_context_destroy(struct gpu_context *context)
{
	struct fence *fence, *next;
	turn_task_finish(&context->tell_task);
	remove_source(&context->events);
	remove_source(&context->oldest);
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
		.params = address(params),
	};
	return virtgpu_call(fd, VIRTGPU_IOCTL_CONTEXT_INIT, &init);
}

static int gpu_virtgpu_context_create(
	struct gpu *base, const struct gpu_listener *listener, void *data, struct gpu_context **out)
{
	struct gpu_virtgpu *gpu = of_base(base);
	if (gpu->dead)
		return -ENODEV;
	struct gpu_context *context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->gpu = gpu;
	context->listener = listener;
	context->data = data;
	turn_task_init(&context->tell_task, TURN_DEVICE, tell_lost, context);
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
		gpu_virtgpu_context_destroy(context);
		return check_removed(gpu, error);
	}
	*out = context;
	return 0;
}

/* Every submission with a fence needs an fd for a while. Without one, it is tried again later. */
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

static int wait_for_fds(struct gpu_context *context)
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

static int gpu_virtgpu_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence kind, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	bool has_fd = kind == GPU_FENCE_DONE || kind == GPU_FENCE_ANSWER;
	struct fence *fence = NULL;
	if (context->lost)
		return -EPIPE;
	if (size > INT32_MAX)
		return -EINVAL;
	if (has_fd && !(fence = calloc(1, sizeof(*fence))))
		return -ENOMEM;
	if (fence)
		fence->kind = kind == GPU_FENCE_DONE ? FENCE_DONE : FENCE_ANSWER;
	int error = execute(context, commands, size,
		kind == GPU_FENCE_EVENT ? CROSS_DOMAIN_CHANNEL_RING : CROSS_DOMAIN_QUERY_RING,
		kind == GPU_FENCE_NONE ? 0 : VIRTGPU_EXECUTE_RING_IDX, fence);
	if (error < 0)
		free(fence);
	return has_fd && (error == -EMFILE || error == -ENFILE) ? wait_for_fds(context) : error;
}

/* The device. */

/* The kernel does not say how long a capset is: what is beyond its end is zeroes. */
static int gpu_virtgpu_capset(struct gpu *base, uint32_t id, void *buffer, size_t size)
{
	struct gpu_virtgpu *gpu = of_base(base);
	if (id != CROSS_DOMAIN_CAPSET_ID)
		return -ENOENT;
	size_t n = min_u64(size, sizeof(gpu->capset));
	memcpy(buffer, gpu->capset, n);
	return (int)n;
}

static void gpu_virtgpu_destroy(struct gpu *base)
{
	struct gpu_virtgpu *gpu = of_base(base);
	turn_task_finish(&gpu->tell_task);
	turn_finish(&gpu->base.turn);
	remove_source(&gpu->watched);
	remove_source(&gpu->retry);
	fd_close(&gpu->watch);
	syncobj_device_destroy(gpu->base.syncobjs);
	free(gpu->description);
	free(gpu->path);
	free(gpu);
}

static const char *gpu_virtgpu_describe(const struct gpu *base)
{
	return of_base(base)->description;
}

static const struct gpu_ops ops = {
	.destroy = gpu_virtgpu_destroy,
	.capset = gpu_virtgpu_capset,
	.context_create = gpu_virtgpu_context_create,
	.context_destroy = gpu_virtgpu_context_destroy,
	.blob_create = gpu_virtgpu_blob_create,
	.blob_import = gpu_virtgpu_blob_import,
	.blob_destroy = gpu_virtgpu_blob_destroy,
	.submit = gpu_virtgpu_submit,
	.describe = gpu_virtgpu_describe,
};

static bool textures_are_private(const struct gpu_virtgpu *gpu)
{
	struct cross_domain_capset_ext capset;

	memcpy(&capset, gpu->capset, sizeof(capset));
	return gpu->base.opengl && capset.magic == CROSS_DOMAIN_WAYFERRY_MAGIC &&
		capset.features & CROSS_DOMAIN_EXT_PRIVATE_TEXTURES;
}

/* Takes @fd, which has no shortcomings. NULL: no memory, or errno of the capset. */
static struct gpu *gpu_create(struct wl_event_loop *loop, const char *path, int fd)
{
	struct gpu_virtgpu *gpu = calloc(1, sizeof(*gpu));
	int error = gpu ? 0 : -ENOMEM;
	if (gpu) {
		struct virtgpu_get_caps get_caps = {
			.id = CROSS_DOMAIN_CAPSET_ID,
			.address = address(gpu->capset),
			.size = sizeof(gpu->capset),
		};
		gpu->base.ops = &ops;
		gpu->loop = loop;
		turn_init(&gpu->base.turn, loop);
		turn_task_init(&gpu->tell_task, TURN_DEVICE, tell_died, gpu);
		gpu->watch = -1;
		wl_list_init(&gpu->contexts);
		gpu->path = strdup(path);
		if (!gpu->path || asprintf(&gpu->description, "virtgpu %s", path) < 0) {
			gpu->description = NULL;
			error = -ENOMEM;
		} else {
			error = virtgpu_call(fd, VIRTGPU_IOCTL_GET_CAPS, &get_caps);
		}
		gpu->host_visible = virtgpu_get_param(fd, VIRTGPU_HOST_VISIBLE) != 0;
		int capsets = virtgpu_get_param(fd, VIRTGPU_SUPPORTED_CAPSETS);
		gpu->base.modifiers = capsets & MODIFIER_CAPSETS;
		gpu->base.opengl = capsets & OPENGL_CAPSETS;
		if (virtgpu_device(fd, &gpu->base.device) == 0 && !textures_are_private(gpu))
			gpu->base.node = gpu->path;
		gpu->base.syncobjs = syncobj_device_create(&fd);
	}
	fd_close(&fd);
	if (error == 0) {
		watch_node(gpu);
		return &gpu->base;
	}
	log_err("%s: no cross-domain contexts: %s", path, strerror(-error));
	if (gpu)
		gpu_virtgpu_destroy(&gpu->base);
	return NULL;
}

struct search { /* for a device that will do */
	struct wl_event_loop *loop;
	struct gpu *found;
	bool any; /* there are render nodes */
};

static bool visit_node(void *data, const char *path, int fd)
{
	struct search *search = data;
	search->any = true;
	if (!virtgpu_is_usable(path, fd, LOG_LEVEL_WARN))
		return false;
	search->found = gpu_create(search->loop, path, fd);
	return true;
}

struct gpu *gpu_virtgpu_open(struct wl_event_loop *loop, const char *path)
{
	if (path) {
		int fd = virtgpu_open(path);
		return virtgpu_is_usable(path, fd, LOG_LEVEL_ERROR) ? gpu_create(loop, path, fd)
								    : NULL;
	}
	struct search search = {.loop = loop};
	render_nodes_visit(visit_node, &search);
	if (search.found)
		return search.found;
	log_err("no render node with cross-domain contexts: %s",
		search.any
			? "see above"
			: "there is none in /dev/dri; has the machine a virtio-gpu device, and is "
			  "its driver loaded (modprobe virtio_gpu)?");
	return NULL;
}
