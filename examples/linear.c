/* Linear memory of a virtio-gpu device. */
#include "examples/linear.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm.h>

/* From the kernel's virtgpu_drm.h, which is newer than many a libdrm's. */

struct virtgpu_map {
	uint64_t offset;
	uint32_t handle, pad;
};

struct virtgpu_execute {
	uint32_t flags, size;
	uint64_t commands, handles;
	uint32_t n_handles;
	int32_t fence_fd;
	uint32_t ring, pad;
};

struct virtgpu_getparam {
	uint64_t param, value;
};

struct virtgpu_wait {
	uint32_t handle, flags;
};

struct virtgpu_create_blob {
	uint32_t memory, flags, handle, resource;
	uint64_t size;
	uint32_t pad, command_size;
	uint64_t command, blob_id;
};

struct virtgpu_param {
	uint64_t param, value;
};

struct virtgpu_context_init {
	uint32_t n_params, pad;
	uint64_t params;
};

#define VIRTGPU_MAP DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct virtgpu_map)
#define VIRTGPU_EXECUTE DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct virtgpu_execute)
#define VIRTGPU_GETPARAM DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct virtgpu_getparam)
#define VIRTGPU_WAIT DRM_IOWR(DRM_COMMAND_BASE + 0x08, struct virtgpu_wait)
#define VIRTGPU_CREATE_BLOB DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct virtgpu_create_blob)
#define VIRTGPU_CONTEXT_INIT DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct virtgpu_context_init)

#define PARAM_HOST_VISIBLE 4
#define CONTEXT_CAPSET_ID 1
#define CONTEXT_NUM_RINGS 2
#define MEMORY_GUEST 1
#define MEMORY_HOST 2
#define BLOB_MAPPABLE_SHAREABLE 3
#define EXECUTE_RING 4

/* From docs/cross-domain.md. */

#define CROSS_DOMAIN_CAPSET 5
#define PAGE 4096
#define USE_LINEAR 16

struct init { /* command 1 */
	uint8_t command, ring;
	uint16_t size;
	uint32_t pad, query_ring, channel_ring, channel_type;
};

struct ask_image { /* command 2 */
	uint8_t command, ring;
	uint16_t size;
	uint32_t pad, width, height, fourcc, use;
};

struct image {
	uint32_t strides[4], offsets[4];
	uint64_t modifier, size;
	uint32_t blob_id, map_info;
};

struct linear_device {
	int fd;
	bool host_visible;
	uint32_t ring; /* a blob of one page, where answers are */
	uint8_t *ring_map;
};

static void *map_blob(const struct linear_device *device, uint32_t handle, size_t bytes)
{
	struct virtgpu_map map = {.handle = handle};
	if (ioctl(device->fd, VIRTGPU_MAP, &map) < 0)
		return NULL;
	void *address = mmap(
		NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, (off_t)map.offset);
	return address == MAP_FAILED ? NULL : address;
}

static void close_blob(const struct linear_device *device, uint32_t handle)
{
	struct drm_gem_close gem_close = {.handle = handle};
	ioctl(device->fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
}

/* A command, and the wait until the host has run it. */
static bool run(struct linear_device *device, const void *command, uint32_t size)
{
	struct virtgpu_execute execute = {
		.flags = EXECUTE_RING,
		.size = size,
		.commands = (uintptr_t)command,
		.handles = (uintptr_t)&device->ring,
		.n_handles = 1,
	};
	struct virtgpu_wait wait = {.handle = device->ring};
	return ioctl(device->fd, VIRTGPU_EXECUTE, &execute) == 0 &&
		ioctl(device->fd, VIRTGPU_WAIT, &wait) == 0;
}

/* A context that can ask for images, and is no client of a compositor. */
static bool begin_context(struct linear_device *device)
{
	struct virtgpu_param params[] = {
		{CONTEXT_CAPSET_ID, CROSS_DOMAIN_CAPSET}, {CONTEXT_NUM_RINGS, 2}};
	struct virtgpu_context_init context = {.n_params = 2, .params = (uintptr_t)params};
	struct virtgpu_create_blob ring = {
		.memory = MEMORY_GUEST, .flags = BLOB_MAPPABLE_SHAREABLE, .size = PAGE};
	if (ioctl(device->fd, VIRTGPU_CONTEXT_INIT, &context) < 0 ||
		ioctl(device->fd, VIRTGPU_CREATE_BLOB, &ring) < 0)
		return false;
	device->ring = ring.handle;
	device->ring_map = map_blob(device, ring.handle, PAGE);
	struct init init = {.command = 1,
		.size = sizeof(init),
		.query_ring = ring.resource,
		.channel_ring = ring.resource};
	return device->ring_map && run(device, &init, sizeof(init));
}

static int open_node(dev_t number)
{
	DIR *directory = opendir("/dev/dri");
	int found = -1;

	for (struct dirent *entry; directory && found < 0 && (entry = readdir(directory));) {
		char path[300];
		struct stat status;
		snprintf(path, sizeof(path), "/dev/dri/%s", entry->d_name);
		if (stat(path, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == number)
			found = open(path, O_RDWR | O_CLOEXEC);
	}
	if (directory)
		closedir(directory);
	return found;
}

static bool is_virtio_gpu(int fd)
{
	char name[16] = "";
	struct drm_version version = {.name = name, .name_len = sizeof(name) - 1};
	return ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 && strcmp(name, "virtio_gpu") == 0;
}

struct linear_device *linear_open(dev_t number)
{
	struct linear_device *device = calloc(1, sizeof(*device));
	int value = 0;
	struct virtgpu_getparam param = {PARAM_HOST_VISIBLE, (uintptr_t)&value};

	if (!device)
		return NULL;
	device->fd = open_node(number);
	if (device->fd < 0 || !is_virtio_gpu(device->fd) || !begin_context(device)) {
		linear_close(device);
		return NULL;
	}
	device->host_visible = ioctl(device->fd, VIRTGPU_GETPARAM, &param) == 0 && value;
	return device;
}

void linear_close(struct linear_device *device)
{
	if (!device)
		return;
	if (device->ring_map)
		munmap(device->ring_map, PAGE);
	if (device->fd >= 0)
		close(device->fd);
	free(device);
}

const char *linear_owner(const struct linear_device *device)
{
	return device->host_visible ? "the host's" : "the guest's";
}

bool linear_allocate(struct linear_device *device, uint32_t width, uint32_t height, uint32_t fourcc,
	struct linear *out)
{
	struct ask_image ask = {.command = 2,
		.size = sizeof(ask),
		.width = width,
		.height = height,
		.fourcc = fourcc,
		.use = USE_LINEAR};
	struct image image;
	if (!run(device, &ask, sizeof(ask)))
		return false;
	memcpy(&image, device->ring_map, sizeof(image));
	if (image.strides[0] < width * 4 || image.size < (uint64_t)image.strides[0] * height)
		return false;
	struct virtgpu_create_blob create = {
		.memory = device->host_visible ? MEMORY_HOST : MEMORY_GUEST,
		.flags = BLOB_MAPPABLE_SHAREABLE,
		.size = image.size,
		.blob_id = device->host_visible ? image.blob_id : 0,
	};
	if (ioctl(device->fd, VIRTGPU_CREATE_BLOB, &create) < 0)
		return false;
	*out = (struct linear){
		.bytes = image.size, .stride = image.strides[0], .handle = create.handle};
	struct drm_prime_handle prime = {
		.handle = create.handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
	out->map = map_blob(device, create.handle, out->bytes);
	if (out->map && ioctl(device->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) == 0) {
		out->dmabuf = prime.fd;
		return true;
	}
	if (out->map)
		munmap(out->map, out->bytes);
	close_blob(device, create.handle);
	return false;
}

void linear_free(struct linear_device *device, struct linear *memory)
{
	munmap(memory->map, memory->bytes);
	close(memory->dmabuf);
	close_blob(device, memory->handle);
}
