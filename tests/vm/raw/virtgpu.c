/* Bare ioctls of a virtio-gpu render node, and cross-domain commands made by hand. */
#include "virtgpu.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The driver's ioctls (include/uapi/drm/virtgpu_drm.h of Linux 6.6), which Debian's libdrm has half
 * of. Kernels take shorter structs than theirs.
 */
#define EVENT_FENCE 0x90000000u
#define EXECBUF_RING_IDX 4u
#define BLOB_USE_MAPPABLE 1u
#define BLOB_USE_SHAREABLE 2u
#define MEM_GUEST 1u
#define MEM_HOST3D 2u

struct virtgpu_map_args {
	uint64_t offset;
	uint32_t handle, pad;
};

struct virtgpu_execbuffer_args {
	uint32_t flags, size;
	uint64_t command, bo_handles;
	uint32_t num_bo_handles;
	int32_t fence_fd;
	uint32_t ring_idx, pad;
};

struct virtgpu_getparam_args {
	uint64_t param, value;
};

struct virtgpu_wait_args {
	uint32_t handle, flags;
};

struct virtgpu_create_blob_args {
	uint32_t blob_mem, blob_flags, bo_handle, res_handle;
	uint64_t size;
	uint32_t pad, cmd_size;
	uint64_t cmd, blob_id;
};

struct virtgpu_context_param {
	uint64_t param, value;
};

struct virtgpu_context_init_args {
	uint32_t num_params, pad;
	uint64_t params;
};

#define IOCTL_MAP DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct virtgpu_map_args)
#define IOCTL_EXECBUFFER DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct virtgpu_execbuffer_args)
#define IOCTL_GETPARAM DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct virtgpu_getparam_args)
#define IOCTL_WAIT DRM_IOWR(DRM_COMMAND_BASE + 0x08, struct virtgpu_wait_args)
#define IOCTL_CREATE_BLOB DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct virtgpu_create_blob_args)
#define IOCTL_CONTEXT_INIT DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct virtgpu_context_init_args)

enum { PARAM_CAPSET_ID = 1, PARAM_NUM_RINGS = 2, PARAM_POLL_RINGS_MASK = 3 };

void raw_die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (last error: %s)\n", strerror(errno));
	exit(1);
}

int raw_call(int fd, unsigned long request, void *argument)
{
	int result;
	do {
		result = ioctl(fd, request, argument);
	} while (result < 0 && (errno == EINTR || errno == EAGAIN));
	return result < 0 ? -errno : 0;
}

int raw_open(void)
{
	const char *node = getenv("RAW_NODE");
	int fd = open(node ? node : "/dev/dri/renderD128", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		raw_die("no render node");
	return fd;
}

int raw_param(int fd, uint64_t param)
{
	int value = 0;
	struct virtgpu_getparam_args getparam = {.param = param, .value = (uintptr_t)&value};
	return raw_call(fd, IOCTL_GETPARAM, &getparam) < 0 ? 0 : value;
}

int raw_blob_create(int fd, uint32_t memory, uint64_t blob_id, size_t size, struct raw_blob *out)
{
	struct virtgpu_create_blob_args create = {
		.blob_mem = memory,
		.blob_flags = BLOB_USE_MAPPABLE | (memory == MEM_HOST3D ? BLOB_USE_SHAREABLE : 0),
		.size = size,
		.blob_id = blob_id,
	};
	int error = raw_call(fd, IOCTL_CREATE_BLOB, &create);
	if (error < 0)
		return error;
	*out = (struct raw_blob){
		.handle = create.bo_handle, .resource = create.res_handle, .size = size};
	error = raw_blob_map(fd, out);
	if (error < 0)
		raw_blob_close(fd, out);
	return error;
}

int raw_blob_map(int fd, struct raw_blob *blob)
{
	struct virtgpu_map_args args = {.handle = blob->handle};
	int error = raw_call(fd, IOCTL_MAP, &args);
	if (error < 0)
		return error;
	void *map =
		mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)args.offset);
	if (map == MAP_FAILED)
		return -errno;
	blob->map = map;
	return 0;
}

void raw_blob_close(int fd, struct raw_blob *blob)
{
	struct drm_gem_close gem_close = {.handle = blob->handle};
	if (blob->map)
		munmap(blob->map, blob->size);
	raw_call(fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
	*blob = (struct raw_blob){0};
}

int raw_open_context(uint32_t capset)
{
	struct virtgpu_context_param param = {PARAM_CAPSET_ID, capset};
	struct virtgpu_context_init_args init = {.num_params = 1, .params = (uintptr_t)&param};
	int fd = raw_open();
	if (raw_call(fd, IOCTL_CONTEXT_INIT, &init) < 0)
		raw_die("no context of capset %u", capset);
	return fd;
}

int raw_wait(int fd, uint32_t handle)
{
	struct virtgpu_wait_args wait = {.handle = handle};
	return raw_call(fd, IOCTL_WAIT, &wait);
}

int raw_execute_wait(int fd, const void *bytes, size_t size, uint32_t handle)
{
	struct virtgpu_execbuffer_args execbuffer = {
		.size = (uint32_t)size,
		.command = (uintptr_t)bytes,
		.bo_handles = (uintptr_t)&handle,
		.num_bo_handles = 1,
		.fence_fd = -1,
	};
	int error = raw_call(fd, IOCTL_EXECBUFFER, &execbuffer);
	return error < 0 ? error : raw_wait(fd, handle);
}

void raw_context_open(struct raw_context *context, size_t ring_bytes)
{
	struct virtgpu_context_param params[] = {
		{PARAM_CAPSET_ID, 5},
		{PARAM_NUM_RINGS, 2},
		{PARAM_POLL_RINGS_MASK, 1 << 1},
	};
	struct virtgpu_context_init_args init = {.num_params = 3, .params = (uintptr_t)params};
	*context = (struct raw_context){.fd = raw_open()};
	if (raw_call(context->fd, IOCTL_CONTEXT_INIT, &init) < 0)
		raw_die("no cross-domain context");
	if (raw_blob_create(context->fd, MEM_GUEST, 0, ring_bytes, &context->query) < 0 ||
		raw_blob_create(context->fd, MEM_GUEST, 0, ring_bytes, &context->channel) < 0)
		raw_die("no rings");
}

void raw_context_close(struct raw_context *context)
{
	munmap(context->query.map, context->query.size);
	munmap(context->channel.map, context->channel.size);
	close(context->fd);
}

static int execute(struct raw_context *context, const void *bytes, size_t size, uint32_t flags,
	uint32_t ring, uint32_t handle)
{
	struct virtgpu_execbuffer_args execbuffer = {
		.flags = flags,
		.size = (uint32_t)size,
		.command = (uintptr_t)bytes,
		.bo_handles = (uintptr_t)&handle,
		.num_bo_handles = handle != 0,
		.fence_fd = -1,
		.ring_idx = ring,
	};
	return raw_call(context->fd, IOCTL_EXECBUFFER, &execbuffer);
}

int raw_submit(struct raw_context *context, const void *bytes, size_t size)
{
	return execute(context, bytes, size, 0, 0, 0);
}

int raw_submit_wait(struct raw_context *context, const void *bytes, size_t size)
{
	int error = execute(context, bytes, size, EXECBUF_RING_IDX, 0, context->query.handle);
	struct virtgpu_wait_args wait = {.handle = context->query.handle};
	return error < 0 ? error : raw_call(context->fd, IOCTL_WAIT, &wait);
}

int raw_submit_event(struct raw_context *context, const void *bytes, size_t size)
{
	return execute(context, bytes, size, EXECBUF_RING_IDX, 1, context->channel.handle);
}

void raw_poll(struct raw_context *context)
{
	static const uint8_t command[16] = {RAW_POLL, 0xff, sizeof(command)};
	if (context->polling)
		return;
	memset(context->channel.map, 0, 8);
	if (raw_submit_event(context, command, sizeof(command)) < 0)
		raw_die("POLL cannot be submitted");
	context->polling = true;
}

const uint8_t *raw_event(struct raw_context *context, int ms)
{
	struct pollfd readable = {.fd = context->fd, .events = POLLIN};
	struct drm_event event;
	raw_poll(context);
	if (poll(&readable, 1, ms) <= 0)
		return NULL;
	if (read(context->fd, &event, sizeof(event)) != sizeof(event) || event.type != EVENT_FENCE)
		raw_die("the kernel's event is none of a fence");
	context->polling = false;
	return context->channel.map;
}

void raw_init(struct raw_context *context, uint16_t size, uint32_t channel_type)
{
	uint32_t command[16] = {
		RAW_INIT | 0xffu << 8 | (uint32_t)size << 16, 0, context->query.resource};
	if (size == 16) {
		command[3] = channel_type;
	} else {
		command[3] = context->channel.resource;
		command[4] = channel_type;
		command[5] = size == 24 ? 1 : 0x61626364; /* a version, or the start of a uuid */
	}
	if (raw_submit(context, command, size) < 0)
		raw_die("INIT cannot be submitted");
}

bool raw_ask_image(struct raw_context *context, uint32_t width, uint32_t height, uint32_t format,
	uint32_t *answer)
{
	return raw_ask_image_for(context, RAW_LINEAR | RAW_SCANOUT, width, height, format, answer);
}

bool raw_ask_image_for(struct raw_context *context, uint32_t flags, uint32_t width, uint32_t height,
	uint32_t format, uint32_t *answer)
{
	const uint32_t words[6] = {
		RAW_GET_IMAGE_REQUIREMENTS | 24u << 16, 0, width, height, format, flags};
	memset(context->query.map, 0xa5, RAW_IMAGE_WORDS * sizeof(*answer));
	raw_submit_wait(context, words, sizeof(words));
	memcpy(answer, context->query.map, RAW_IMAGE_WORDS * sizeof(*answer));
	return answer[0] != 0xa5a5a5a5;
}

void raw_send(struct raw_context *context, const void *data, uint32_t size,
	const uint32_t *identifiers, const uint32_t *types, uint32_t n_identifiers)
{
	static _Alignas(8) uint8_t bytes[65536];
	struct raw_send *send = (struct raw_send *)bytes;
	*send = (struct raw_send){
		.cmd = RAW_SEND,
		.ring_idx = 0xff,
		.cmd_size = (uint16_t)(sizeof(*send) + size),
		.n_identifiers = n_identifiers,
		.size = size,
	};
	memcpy(bytes + sizeof(*send), data, size);
	for (uint32_t i = 0; i < n_identifiers; i++) {
		send->identifiers[i] = identifiers[i];
		send->types[i] = types[i];
		send->sizes[i] = 0xdeadbeef; /* hosts ignore it */
	}
	if (raw_submit(context, bytes, sizeof(*send) + size) < 0)
		raw_die("SEND cannot be submitted");
}

void raw_write(
	struct raw_context *context, uint32_t pipe, const void *data, uint32_t size, bool hang_up)
{
	static _Alignas(8) uint8_t bytes[65536];
	struct raw_write *write = (struct raw_write *)bytes;
	*write = (struct raw_write){
		.cmd = RAW_WRITE,
		.cmd_size = (uint16_t)(sizeof(*write) + size),
		.identifier = pipe,
		.hang_up = hang_up,
		.size = size,
	};
	memcpy(bytes + sizeof(*write), data, size);
	if (raw_submit(context, bytes, sizeof(*write) + size) < 0)
		raw_die("WRITE cannot be submitted");
}
