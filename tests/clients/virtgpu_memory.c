#include "virtgpu_memory.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h" /* the kernel's layouts */
#include "protocol/formats/cross_domain.h"

#define CAPSET 5
#define RING_BYTES 4096

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(1);
}

int virtgpu_open_node(const char *format, int first)
{
	for (int i = 0; i < 8; i++) {
		char path[64];
		snprintf(path, sizeof(path), format, first + i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	die(format);
}

static void context_init(int fd)
{
	struct virtgpu_context_set_param params[] = {
		{VIRTGPU_CONTEXT_CAPSET_ID, CAPSET},
		{VIRTGPU_CONTEXT_NUM_RINGS, 2},
	};
	struct virtgpu_context_init init = {.n_params = 2, .params = (uintptr_t)params};
	if (ioctl(fd, VIRTGPU_IOCTL_CONTEXT_INIT, &init) < 0)
		die("CONTEXT_INIT");
}

static struct virtgpu_create_blob create_blob(
	int node, uint32_t memory, uint64_t blob_id, uint64_t size)
{
	struct virtgpu_create_blob create = {
		.memory = memory,
		.flags = VIRTGPU_BLOB_MAPPABLE | VIRTGPU_BLOB_SHAREABLE,
		.blob_id = blob_id,
		.size = size,
	};
	if (ioctl(node, VIRTGPU_IOCTL_CREATE_BLOB, &create) < 0)
		die("CREATE_BLOB");
	return create;
}

static uint64_t map_offset(int node, uint32_t handle)
{
	struct virtgpu_map map = {.bo_handle = handle};
	if (ioctl(node, VIRTGPU_IOCTL_MAP, &map) < 0)
		die("MAP");
	return map.offset;
}

static uint8_t *map_memory(int node, uint64_t offset, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, node, (off_t)offset);
	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

/* Commands of a cross-domain context; returns when the host has run them. */
static void execute(const struct virtgpu_context *context, const void *commands, uint32_t size)
{
	struct virtgpu_execute execute = {
		.flags = VIRTGPU_EXECUTE_RING_IDX,
		.size = size,
		.commands = (uintptr_t)commands,
		.bo_handles = (uintptr_t)&context->ring,
		.n_bo_handles = 1,
	};
	struct virtgpu_wait wait = {.bo_handle = context->ring};
	if (ioctl(context->node, VIRTGPU_IOCTL_EXECUTE, &execute) < 0 ||
		ioctl(context->node, VIRTGPU_IOCTL_WAIT, &wait) < 0)
		die("EXECUTE");
}

struct virtgpu_context virtgpu_context_create(int node, bool ring, bool wayland)
{
	struct virtgpu_context context = {.node = node};
	context_init(node);
	if (!ring)
		return context;
	struct virtgpu_create_blob create = create_blob(node, VIRTGPU_MEMORY_GUEST, 0, RING_BYTES);
	context.ring = create.bo_handle;
	context.ring_map = map_memory(node, map_offset(node, context.ring), RING_BYTES);
	const struct cross_domain_init init = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(init)},
		.query_ring = create.resource_id,
		.channel_ring = create.resource_id,
		.channel_type = wayland ? CROSS_DOMAIN_CHANNEL_WAYLAND : 0,
	};
	execute(&context, &init, sizeof(init));
	return context;
}

void virtgpu_work_begin(
	const struct virtgpu_context *context, const struct memory *memory, int *fence)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	struct virtgpu_execute execute = {
		.flags = VIRTGPU_EXECUTE_RING_IDX | (fence ? VIRTGPU_EXECUTE_FENCE_FD_OUT : 0),
		.ring_idx = CROSS_DOMAIN_CHANNEL_RING,
		.size = sizeof(poll),
		.commands = (uintptr_t)&poll,
		.bo_handles = memory ? (uintptr_t)&memory->handle : 0,
		.n_bo_handles = memory ? 1 : 0,
	};
	if (ioctl(context->node, VIRTGPU_IOCTL_EXECUTE, &execute) < 0)
		die("POLL");
	if (fence)
		*fence = execute.fence_fd;
}

/* wl_display.sync(new id 2) */
void virtgpu_work_end(const struct virtgpu_context *context)
{
	static const uint32_t sync[] = {1, 12 << 16, 2};
	struct {
		struct cross_domain_send_receive send;
		uint32_t bytes[3];
	} command = {
		.send = {.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND, .cmd_size = sizeof(command)},
			.opaque_data_size = sizeof(sync)},
	};
	memcpy(command.bytes, sync, sizeof(sync));
	execute(context, &command, sizeof(command));
}

/* The id of memory of the host that has room for @size bytes. */
static uint64_t host_blob_id(const struct virtgpu_context *context, size_t size)
{
	struct cross_domain_image_requirements answer;
	const struct cross_domain_get_image_requirements request = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(request)},
		.width = (uint32_t)size,
		.height = 1,
		.drm_format = DRM_FORMAT_R8,
		.flags = 16, /* linear */
	};
	execute(context, &request, sizeof(request));
	memcpy(&answer, context->ring_map, sizeof(answer));
	return answer.blob_id;
}

static void export_memory(struct memory *memory)
{
	struct drm_prime_handle prime = {
		.handle = memory->handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
	if (ioctl(memory->node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0)
		die("PRIME_HANDLE_TO_FD");
	memory->dmabuf = prime.fd;
}

struct memory virtgpu_allocate(const struct virtgpu_context *context, bool host, int32_t width,
	int32_t height, uint32_t offset, uint32_t padding)
{
	struct memory memory = {.node = context->node, .stride = (uint32_t)width * 4 + padding};
	memory.size = (offset + (size_t)memory.stride * (size_t)height + 4095) & ~4095ul;
	uint64_t blob_id = host ? host_blob_id(context, memory.size) : 0;
	memory.handle = create_blob(memory.node,
		host ? VIRTGPU_MEMORY_HOST3D : VIRTGPU_MEMORY_GUEST, blob_id, memory.size)
				.bo_handle;
	memory.map = map_memory(memory.node, map_offset(memory.node, memory.handle), memory.size);
	export_memory(&memory);
	return memory;
}

struct memory virtgpu_allocate_dumb(int primary, int32_t width, int32_t height)
{
	struct drm_mode_create_dumb create = {
		.width = (uint32_t)width, .height = (uint32_t)height, .bpp = 32};
	if (ioctl(primary, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		die("CREATE_DUMB");
	struct memory memory = {.node = primary,
		.handle = create.handle,
		.size = create.size,
		.stride = create.pitch};
	struct drm_mode_map_dumb map = {.handle = memory.handle};
	if (ioctl(primary, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0)
		die("MAP_DUMB");
	memory.map = map_memory(primary, map.offset, memory.size);
	export_memory(&memory);
	return memory;
}

void virtgpu_release(struct memory *memory)
{
	struct drm_gem_close gem_close = {.handle = memory->handle};
	munmap(memory->map, memory->size);
	close(memory->dmabuf);
	ioctl(memory->node, DRM_IOCTL_GEM_CLOSE, &gem_close);
}
