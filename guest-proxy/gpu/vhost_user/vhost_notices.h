/* Telling contexts what happened, in the turn of the device and never inside their own calls. */
#ifndef GUEST_PROXY_GPU_VHOST_USER_VHOST_NOTICES_H
#define GUEST_PROXY_GPU_VHOST_USER_VHOST_NOTICES_H

#include "guest-proxy/gpu/vhost_user/vhost_device.h"

/* What a device is told by its queue; data: struct gpu_vhost_user. */
extern const struct gpu_queue_listener vhost_notices_listener;

/* @context has something to be told. */
void vhost_notices_ready(struct gpu_context *context);

#endif
