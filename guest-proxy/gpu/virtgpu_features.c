/* What a virtio-gpu device and its driver must offer, and how to get it where it is missing. */
#include "guest-proxy/gpu/virtgpu_features.h"

#include <errno.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "gpu"
#include "protocol/base/log.h"

#define DRIVER "virtio_gpu"

const struct virtgpu_feature virtgpu_features[VIRTGPU_N_FEATURES] = {
	{VIRTGPU_3D_FEATURES, 1, "3D_FEATURES", "the device offers no contexts",
		"give the machine wayferry-host's device, or one with cross-domain contexts"},
	{VIRTGPU_CAPSET_QUERY_FIX, 1, "CAPSET_QUERY_FIX", "this kernel's driver is too old",
		"use Linux 5.16 or later"},
	{VIRTGPU_RESOURCE_BLOB, 1, "RESOURCE_BLOB", "the device has no blobs",
		"switch them on in the monitor"},
	{VIRTGPU_CONTEXT_INIT, 1, "CONTEXT_INIT", "the device has one kind of context only",
		"switch context types on in the monitor, and use Linux 5.16 or later in the guest"},
	{VIRTGPU_SUPPORTED_CAPSETS, 1 << CROSS_DOMAIN_CAPSET_ID, "SUPPORTED_CAPSETS",
		"the device has no cross-domain contexts (capset 5)",
		"switch them on in the monitor"},
};

int virtgpu_call(int fd, unsigned long request, void *argument)
{
	int result;
	do {
		result = virtgpu_ioctl(fd, request, argument);
	} while (result == -EINTR || result == -EAGAIN);
	return result;
}

int virtgpu_get_param(int fd, enum virtgpu_param param)
{
	int value = 0;
	struct virtgpu_getparam getparam = {.param = param, .value = (uintptr_t)&value};
	return virtgpu_call(fd, VIRTGPU_IOCTL_GETPARAM, &getparam) < 0 ? 0 : value;
}

void virtgpu_driver_name(int fd, char *name, size_t size)
{
	struct drm_version version = {.name = name, .name_len = size - 1};

	memset(name, 0, size);
	if (virtgpu_call(fd, DRM_IOCTL_VERSION, &version) < 0)
		name[0] = 0;
}

bool virtgpu_is_driver(const char *name)
{
	return strcmp(name, DRIVER) == 0;
}

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

bool virtgpu_is_usable(const char *path, int fd, enum log_level level)
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
