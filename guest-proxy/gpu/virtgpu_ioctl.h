/*
 * The kernel's side of a virtio-gpu device, as programs see it: the layouts of its ioctls and the
 * few system calls that use them. Nothing else makes these calls, so that tests can put a kernel of
 * their own in this file's place.
 *
 * The layouts are here because libdrm's header lacks half of them before 2.4.115. Kernels take
 * shorter structs than theirs (the rest is 0) and give no more than was asked for.
 */
#ifndef GUEST_PROXY_GPU_VIRTGPU_IOCTL_H
#define GUEST_PROXY_GPU_VIRTGPU_IOCTL_H

#include <assert.h>
#include <drm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum virtgpu_param {
	VIRTGPU_3D_FEATURES = 1,
	VIRTGPU_CAPSET_QUERY_FIX = 2,
	VIRTGPU_RESOURCE_BLOB = 3,
	VIRTGPU_HOST_VISIBLE = 4,
	VIRTGPU_CONTEXT_INIT = 6,
	VIRTGPU_SUPPORTED_CAPSETS = 7, /* a bit for each id */
};

struct virtgpu_getparam {
	uint64_t param; /* enum virtgpu_param */
	uint64_t value; /* the address of an int */
};

struct virtgpu_get_caps {
	uint32_t id, version;
	uint64_t address;
	uint32_t size; /* at most this much is written; the kernel does not say how much */
	uint32_t pad;
};

enum virtgpu_context_param {
	VIRTGPU_CONTEXT_CAPSET_ID = 1,
	VIRTGPU_CONTEXT_NUM_RINGS = 2,
	VIRTGPU_CONTEXT_POLL_RINGS_MASK = 3,
};

struct virtgpu_context_set_param {
	uint64_t param; /* enum virtgpu_context_param */
	uint64_t value;
};

struct virtgpu_context_init {
	uint32_t n_params;
	uint32_t pad;
	uint64_t params; /* the address of struct virtgpu_context_set_param[] */
};

#define VIRTGPU_MEMORY_GUEST 1
#define VIRTGPU_MEMORY_HOST3D 2
#define VIRTGPU_BLOB_MAPPABLE 1
#define VIRTGPU_BLOB_SHAREABLE 2

struct virtgpu_create_blob {
	uint32_t memory;
	uint32_t flags;
	uint32_t bo_handle;   /* out */
	uint32_t resource_id; /* out */
	uint64_t size;
	uint32_t pad;
	uint32_t command_size;
	uint64_t command;
	uint64_t blob_id;
};
static_assert(sizeof(struct virtgpu_create_blob) == 48, "");

struct virtgpu_map {
	uint64_t offset; /* out: for mmap */
	uint32_t bo_handle;
	uint32_t pad;
};

struct virtgpu_resource_info {
	uint32_t bo_handle;
	uint32_t resource_id; /* out */
	uint32_t size;        /* out */
	uint32_t memory;      /* out: VIRTGPU_MEMORY_*; 0: no blob */
};

#define VIRTGPU_EXECUTE_FENCE_FD_OUT 2
#define VIRTGPU_EXECUTE_RING_IDX 4

struct virtgpu_execute {
	uint32_t flags;
	uint32_t size;
	uint64_t commands;
	uint64_t bo_handles; /* the address of uint32_t[] */
	uint32_t n_bo_handles;
	int32_t fence_fd; /* out: with FENCE_FD_OUT; the caller's */
	uint32_t ring_idx;
	uint32_t pad;
};
static_assert(sizeof(struct virtgpu_execute) == 40, "");

struct virtgpu_wait {
	uint32_t bo_handle;
	uint32_t flags;
};

/* Of DRM, whatever the driver; since Linux 6.6. */
struct virtgpu_syncobj_eventfd {
	uint32_t handle;
	uint32_t flags; /* 0: when @point is signalled, which need not have a fence yet */
	uint64_t point;
	int32_t fd;
	uint32_t pad;
};
static_assert(sizeof(struct virtgpu_syncobj_eventfd) == 24, "");

#define VIRTGPU_IOCTL_SYNCOBJ_EVENTFD DRM_IOWR(0xcf, struct virtgpu_syncobj_eventfd)

#define VIRTGPU_IOCTL_MAP DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct virtgpu_map)
#define VIRTGPU_IOCTL_EXECUTE DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct virtgpu_execute)
#define VIRTGPU_IOCTL_GETPARAM DRM_IOWR(DRM_COMMAND_BASE + 0x03, struct virtgpu_getparam)
#define VIRTGPU_IOCTL_RESOURCE_INFO DRM_IOWR(DRM_COMMAND_BASE + 0x05, struct virtgpu_resource_info)
#define VIRTGPU_IOCTL_WAIT DRM_IOWR(DRM_COMMAND_BASE + 0x08, struct virtgpu_wait)
#define VIRTGPU_IOCTL_GET_CAPS DRM_IOWR(DRM_COMMAND_BASE + 0x09, struct virtgpu_get_caps)
#define VIRTGPU_IOCTL_CREATE_BLOB DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct virtgpu_create_blob)
#define VIRTGPU_IOCTL_CONTEXT_INIT DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct virtgpu_context_init)

/* The type of the drm_event for a fence of a polled ring; it has no body. */
#define VIRTGPU_EVENT_FENCE UINT32_C(0x90000000)

/* A non-blocking fd of the render node at @path, or -errno. Readable when there are events. */
int virtgpu_open(const char *path);

/* The number of the device behind @fd. 0 or -errno. */
int virtgpu_device(int fd, dev_t *device);

/* An fd that becomes readable when files beside @path, or @path itself, were removed; or -errno. */
int virtgpu_watch(const char *path);

/* Reads what @watch has noticed: whether the file at @path was removed, even if there is one again.
 */
bool virtgpu_watch_removed(int watch, const char *path);

/* One try. 0 or -errno. */
int virtgpu_ioctl(int fd, unsigned long request, void *argument);

/* @size bytes at @offset of VIRTGPU_IOCTL_MAP, to read and write, or NULL with errno; munmap it. */
void *virtgpu_mmap(int fd, uint64_t offset, size_t size);

#endif
