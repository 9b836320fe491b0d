/* Timelines of the kernel (DRM syncobjs). */
#include "guest-proxy/gpu/syncobj.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "guest-proxy/gpu/virtgpu_features.h"
#include "protocol/base/fd.h"

struct syncobj_device {
	int fd;
};

static bool has_timelines(int fd)
{
	struct drm_get_cap cap = {.capability = DRM_CAP_SYNCOBJ_TIMELINE};
	/* No timeline has this name: that is noticed only by a kernel that knows the call. */
	struct virtgpu_syncobj_eventfd nothing = {.fd = -1};
	return virtgpu_call(fd, DRM_IOCTL_GET_CAP, &cap) == 0 && cap.value == 1 &&
		virtgpu_call(fd, VIRTGPU_IOCTL_SYNCOBJ_EVENTFD, &nothing) == -ENOENT;
}

struct syncobj_device *syncobj_device_create(int *fd)
{
	struct syncobj_device *device = has_timelines(*fd) ? calloc(1, sizeof(*device)) : NULL;
	if (!device)
		return NULL;
	device->fd = *fd;
	*fd = -1;
	return device;
}

void syncobj_device_destroy(struct syncobj_device *device)
{
	if (!device)
		return;
	fd_close(&device->fd);
	free(device);
}

int syncobj_import(struct syncobj_device *device, int fd, uint32_t *handle)
{
	struct drm_syncobj_handle import = {.fd = fd};
	int error = virtgpu_call(device->fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import);
	*handle = import.handle;
	return error;
}

void syncobj_release(struct syncobj_device *device, uint32_t handle)
{
	struct drm_syncobj_destroy destroy = {.handle = handle};
	virtgpu_call(device->fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

int syncobj_wait(struct syncobj_device *device, uint32_t handle, uint64_t point)
{
	struct virtgpu_syncobj_eventfd wait = {
		.handle = handle,
		.point = point,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (wait.fd < 0)
		return -errno;
	int error = virtgpu_call(device->fd, VIRTGPU_IOCTL_SYNCOBJ_EVENTFD, &wait);
	if (error < 0)
		fd_close(&wait.fd);
	return error < 0 ? error : wait.fd;
}

bool sync_file_check(int fd)
{
	struct sync_file_info info = {0};
	return virtgpu_call(fd, SYNC_IOC_FILE_INFO, &info) == 0;
}

int syncobj_signal(struct syncobj_device *device, uint32_t handle, uint64_t point)
{
	struct drm_syncobj_timeline_array signal = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
	};
	return virtgpu_call(device->fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &signal);
}
