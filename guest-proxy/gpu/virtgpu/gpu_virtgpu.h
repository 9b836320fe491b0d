/* A virtio-gpu device by way of the kernel's driver. */
#ifndef GUEST_PROXY_GPU_VIRTGPU_GPU_VIRTGPU_H
#define GUEST_PROXY_GPU_VIRTGPU_GPU_VIRTGPU_H

#include "guest-proxy/gpu/gpu.h"

/* Opens a render node (NULL: the first one whose device has capset 5). NULL with a log line. */
struct gpu *gpu_virtgpu_open(struct wl_event_loop *loop, const char *path);

#endif
