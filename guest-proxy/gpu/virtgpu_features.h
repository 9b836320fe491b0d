/* What a virtio-gpu device and its driver must offer, and how to get it where it is missing. */
#ifndef GUEST_PROXY_GPU_VIRTGPU_FEATURES_H
#define GUEST_PROXY_GPU_VIRTGPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/base/log.h"

struct virtgpu_feature {
	enum virtgpu_param param;
	int mask;           /* of its value: the bits that count */
	const char *name;   /* the kernel's */
	const char *lack;   /* "the device offers no contexts" */
	const char *remedy; /* what to do where it is missing */
};

#define VIRTGPU_N_FEATURES 5
extern const struct virtgpu_feature virtgpu_features[VIRTGPU_N_FEATURES];

/* 0 also for what the kernel does not know. @fd: of a render node. */
int virtgpu_get_param(int fd, enum virtgpu_param param);

/* The name of the driver behind @fd, cut to fit; "" when it has none. */
void virtgpu_driver_name(int fd, char *name, size_t size);

/* Whether it is the one we speak to. */
bool virtgpu_is_driver(const char *name);

/*
 * Whether the device behind @fd (of @path, or -errno of opening it) has all of these. If not @fd is
 * closed, and what it lacks is logged at @level.
 */
bool virtgpu_is_usable(const char *path, int fd, enum log_level level);

/* virtgpu_ioctl, again while a signal or a busy kernel ends it. 0 or -errno. */
int virtgpu_call(int fd, unsigned long request, void *argument);

#endif
