/*
 * A virtio-gpu device by way of the kernel's driver: a DRM file for each context.
 *
 * The kernel queues commands in order and gives memory back in order, too, so a blob may be closed
 * as soon as the commands that name it were handed over. Buffer handles go along only where a wait
 * needs them: with them every submission would cost a fence and its interrupt.
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
#include "guest-proxy/gpu/virtgpu_features.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

#define CAPSET_MAX_BYTES 256
#define EVENTS_BYTES 256
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
	bool dead;
};

struct fence {
	int fd;
	struct wl_list link; /* gpu_context::fences */
};

/* The kernel has one handle for all imports of a buffer, and one GEM_CLOSE ends it. */
struct import {
	struct gpu_blob base;
	struct wl_list link; /* gpu_context::imports */
	uint32_t refs;
};

struct gpu_context {
	struct gpu_virtgpu *gpu;
	struct wl_list link; /* gpu_virtgpu::contexts */
	const struct gpu_listener *listener;
	void *data;
	int fd;
	struct wl_event_source *events; /* of fd */
	struct wl_list imports;         /* import::link */
	struct wl_list fences;          /* fence::link, oldest first: of GPU_FENCE_DONE */
	struct wl_event_source *oldest; /* the first of them; NULL: there is none */
	struct turn_task tell_task;     /* that it is lost */
	const char *lost;               /* why; NULL: it lives */
	bool telling;                   /* of events; who hears of one may destroy the context */
	bool destroyed;                 /* while telling, which frees it then */
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

/* Its driver has let go of it: another device, even at the same path, is none of ours. */
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

/* A kernel tells nothing to those who have the file of a removed device open. */
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

/* What the kernel says of a device that was removed. Returns @error. */
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

static int handle_fence(int fd, uint32_t mask, void *data)
{
	struct gpu_context *context = data;
	struct fence *fence;
	unsigned n = 0;

	remove_source(&context->oldest);
	while ((fence = oldest_fence(context)) && fence_signalled(fence)) {
		fence_destroy(fence);
		n++;
	}
	watch_oldest(context);
	if (n > 0 && !context->lost)
		context->listener->done(context->data, n); /* may destroy the context */
	return 0;
}

/* Blobs. */

/* What blob_create leaves undone is undone here. */
static void blob_free(struct gpu_blob *blob)
{
	struct drm_gem_close gem_close = {.handle = blob->bo_handle};
	if (blob->map)
		munmap(blob->map, blob->size);
	if (blob->bo_handle)
		virtgpu_call(blob->context->fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
	free(blob);
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

static int gpu_virtgpu_blob_create(struct gpu_context *context, enum gpu_blob_memory memory,
	uint64_t blob_id, size_t size, struct gpu_blob **out)
{
	struct gpu_virtgpu *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	if (memory == GPU_BLOB_HOST && !gpu->host_visible)
		return -ENODEV;
	if (size == 0 || size > INT32_MAX) /* wl_shm, which it is for, has 31 bits */
		return -ENOMEM;
	struct gpu_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return -ENOMEM;
	blob->context = context;
	blob->size = align_up(size, PAGE_BYTES);
	int error = create(blob, memory, blob_id);
	if (error == 0) {
		error = map(blob);
		/* The host's refusals are no concern of CREATE_BLOB: the kernel hears of them when
		 * it maps. One that gave such memory before is short of it now. */
		if (error < 0 && memory == GPU_BLOB_HOST && gpu->host_mapped)
			error = -ENOMEM;
	}
	if (error < 0) {
		blob_free(blob);
		return error;
	}
	gpu->host_mapped |= memory == GPU_BLOB_HOST;
	*out = blob;
	return 0;
}

static void gem_close(struct gpu_context *context, uint32_t bo_handle)
{
	struct drm_gem_close argument = {.handle = bo_handle};
	virtgpu_call(context->fd, DRM_IOCTL_GEM_CLOSE, &argument);
}

/* Takes @bo_handle, which is not among the imports yet; -errno: it is closed. */
static int import_create(struct gpu_context *context, uint32_t bo_handle, struct import **out)
{
	struct virtgpu_resource_info info = {.bo_handle = bo_handle};
	struct import *import = calloc(1, sizeof(*import));
	int error =
		import ? virtgpu_call(context->fd, VIRTGPU_IOCTL_RESOURCE_INFO, &info) : -ENOMEM;
	if (error < 0) {
		gem_close(context, bo_handle);
		free(import);
		return error;
	}
	import->base = (struct gpu_blob){
		.context = context,
		.resource_id = info.resource_id,
		.bo_handle = bo_handle,
		.size = info.size,
	};
	wl_list_insert(&context->imports, &import->link);
	*out = import;
	return 0;
}

static int gpu_virtgpu_blob_import(struct gpu_context *context, int fd, struct gpu_blob **out)
{
	struct drm_prime_handle prime = {.fd = fd};
	struct import *import, *found = NULL;
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

static void gpu_virtgpu_blob_destroy(struct gpu_blob *blob)
{
	if (!blob)
		return;
	if (blob->map) {
		blob_free(blob);
		return;
	}
	struct import *import = container_of(blob, struct import, base);
	if (--import->refs > 0)
		return;
	gem_close(blob->context, blob->bo_handle);
	wl_list_remove(&import->link);
	free(import);
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

/* Waits until the host has run what @bo_handle was given to. The kernel's patience is 15 s. */
static int wait_for(struct gpu_context *context, uint32_t bo_handle)
{
	struct virtgpu_wait wait = {.bo_handle = bo_handle};
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_WAIT, &wait);
	if (error == -EBUSY)
		context_fail(context, "the host does not answer");
	return error;
}

static int gpu_virtgpu_submit(struct gpu_context *context, const void *commands, size_t size,
	enum gpu_fence kind, bool lazy, struct gpu_blob *const *blobs, size_t n_blobs)
{
	struct fence *fence = NULL;
	if (context->lost)
		return -EPIPE;
	if (size > INT32_MAX || (kind == GPU_FENCE_WAIT && n_blobs == 0))
		return -EINVAL;
	if (kind == GPU_FENCE_DONE && !(fence = calloc(1, sizeof(*fence))))
		return -ENOMEM;
	struct virtgpu_execute execute = {
		.size = (uint32_t)size,
		.commands = address(commands),
		.fence_fd = -1,
		.ring_idx = kind == GPU_FENCE_EVENT ? CROSS_DOMAIN_CHANNEL_RING
						    : CROSS_DOMAIN_QUERY_RING,
	};
	if (kind != GPU_FENCE_NONE)
		execute.flags |= VIRTGPU_EXECUTE_RING_IDX;
	if (kind == GPU_FENCE_DONE)
		execute.flags |= VIRTGPU_EXECUTE_FENCE_FD_OUT;
	if (kind == GPU_FENCE_WAIT) {
		execute.bo_handles = address(&blobs[0]->bo_handle);
		execute.n_bo_handles = 1;
	}
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_EXECUTE, &execute);
	if (error < 0) {
		free(fence);
		return check_removed(context->gpu, error);
	}
	if (fence) {
		fence->fd = execute.fence_fd;
		wl_list_insert(context->fences.prev, &fence->link);
		watch_oldest(context);
	}
	return kind == GPU_FENCE_WAIT ? wait_for(context, blobs[0]->bo_handle) : 0;
}

/* The device. */

/* Some of what is returned may be zeros: the kernel does not say how long a capset is. */
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
	fd_close(&gpu->watch);
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

/* What @fd's device lacks (then with what to do about it, if that is not in the name of the lack).
 * NULL: it will do. */
static const char *shortcoming(int fd, const char **remedy)
{
	char driver[32];

	*remedy = NULL;
	virtgpu_driver_name(fd, driver, sizeof(driver));
	if (!virtgpu_is_driver(driver))
		return "not a virtio-gpu device";
	for (size_t i = 0; i < VIRTGPU_N_FEATURES; i++) {
		const struct virtgpu_feature *feature = &virtgpu_features[i];
		if (!(virtgpu_get_param(fd, feature->param) & feature->mask)) {
			*remedy = feature->remedy;
			return feature->lack;
		}
	}
	return NULL;
}

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

/* Whether the device behind @fd (of @path, or -errno) will do. If not @fd is closed, and why is
 * logged at @level. */
static bool is_usable(const char *path, int fd, enum log_level level)
{
	const char *remedy = NULL, *why;

	if (fd >= 0) {
		why = shortcoming(fd, &remedy);
		if (!why)
			return true;
		fd_close(&fd);
	} else {
		why = strerror(-fd);
		if (fd == -EACCES || fd == -EPERM)
			remedy = "add the user to the group of the file (render)";
	}
	log_write(level, LOG_MODULE, "%s: %s%s%s", path, why, remedy ? ": " : "",
		remedy ? remedy : "");
	return false;
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
	if (!is_usable(path, fd, LOG_LEVEL_WARN))
		return false;
	search->found = gpu_create(search->loop, path, fd);
	return true;
}

struct gpu *gpu_virtgpu_open(struct wl_event_loop *loop, const char *path)
{
	if (path) {
		int fd = virtgpu_open(path);
		return is_usable(path, fd, LOG_LEVEL_ERROR) ? gpu_create(loop, path, fd) : NULL;
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
