/* The device by way of its vhost-user socket: our own driver in user space. */
#ifndef GUEST_PROXY_GPU_VHOST_USER_GPU_VHOST_USER_H
#define GUEST_PROXY_GPU_VHOST_USER_GPU_VHOST_USER_H

#include "guest-proxy/gpu/gpu.h"

/*
 * Connects to wayferry-host's vhost-user socket and drives the device. Waits (a second or two at
 * most) for the handshake. NULL with a log line that says what to do. One connection serves all
 * contexts.
 */
struct gpu *gpu_vhost_user_open(struct wl_event_loop *loop, const char *path);

#endif
