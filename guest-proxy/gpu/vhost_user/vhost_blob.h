/* Blobs of the vhost-user backend. */
#ifndef GUEST_PROXY_GPU_VHOST_USER_VHOST_BLOB_H
#define GUEST_PROXY_GPU_VHOST_USER_VHOST_BLOB_H

#include "guest-proxy/gpu/vhost_user/vhost_device.h"

/* As in struct gpu_ops. */
int vhost_blob_create(struct gpu_context *context, enum gpu_blob_memory memory, uint64_t blob_id,
	size_t size, struct gpu_blob **out);
int vhost_blob_give(struct gpu_context *context, int fd, size_t size, struct gpu_blob **out);
void vhost_blob_destroy(struct gpu_blob *base);

/* The device's answer to the first file that was given; @data: struct gpu_vhost_user. */
void vhost_blob_file_answered(void *data, bool taken);

/* Before the queue goes: frees the blobs that were destroyed but not answered. */
void vhost_blobs_finish(struct gpu_vhost_user *gpu);

#endif
