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
#include "guest-proxy/gpu/virtgpu/gpu_virtgpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/gpu/render_nodes.h"
#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/gpu/virtgpu/virtgpu_blobs.h"
#include "guest-proxy/gpu/virtgpu/virtgpu_context.h"
#include "guest-proxy/gpu/virtgpu_features.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

/* Contexts whose drivers know the host's GPU: venus, and native ones. */
#define MODIFIER_CAPSETS (1 << 4 | 1 << 6)
#define OPENGL_CAPSETS (1 << 1 | 1 << 2)

/* The kernel does not say how long a capset is: what is beyond its end is zeroes. */
static int gpu_virtgpu_capset(struct gpu *base, uint32_t id, void *buffer, size_t size)
{
	struct gpu_virtgpu *gpu = virtgpu_of_base(base);
	if (id != CROSS_DOMAIN_CAPSET_ID)
		return -ENOENT;
	size_t n = min_u64(size, sizeof(gpu->capset));
	memcpy(buffer, gpu->capset, n);
	return (int)n;
}

static void gpu_virtgpu_destroy(struct gpu *base)
{
	struct gpu_virtgpu *gpu = virtgpu_of_base(base);
	turn_task_finish(&gpu->tell_task);
	turn_finish(&gpu->base.turn);
	event_source_remove(&gpu->watched);
	event_source_remove(&gpu->retry);
	fd_close(&gpu->watch);
	syncobj_device_destroy(gpu->base.syncobjs);
	free(gpu->description);
	free(gpu->path);
	free(gpu);
}

static const char *gpu_virtgpu_describe(const struct gpu *base)
{
	return virtgpu_of_base(base)->description;
}

static const struct gpu_ops ops = {
	.destroy = gpu_virtgpu_destroy,
	.capset = gpu_virtgpu_capset,
	.context_create = virtgpu_context_create,
	.context_destroy = virtgpu_context_destroy,
	.blob_create = virtgpu_blob_create,
	.blob_import = virtgpu_blob_import,
	.blob_destroy = virtgpu_blob_destroy,
	.submit = virtgpu_submit,
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
			.address = virtgpu_address(gpu->capset),
			.size = sizeof(gpu->capset),
		};
		gpu->base.ops = &ops;
		gpu->loop = loop;
		turn_init(&gpu->base.turn, loop);
		turn_task_init(&gpu->tell_task, TURN_DEVICE, virtgpu_tell_died, gpu);
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
		virtgpu_watch_node(gpu);
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
