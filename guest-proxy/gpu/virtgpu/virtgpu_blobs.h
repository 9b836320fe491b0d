/* Memory of a context: of the guest, of the host, and what applications share. As gpu_ops has it.
 */
#ifndef GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_BLOBS_H
#define GUEST_PROXY_GPU_VIRTGPU_VIRTGPU_BLOBS_H

#include "guest-proxy/gpu/gpu.h"

int virtgpu_blob_create(struct gpu_context *context, enum gpu_blob_memory memory, uint64_t blob_id,
	size_t size, struct gpu_blob **out);
int virtgpu_blob_import(struct gpu_context *context, int fd, struct gpu_blob **out);
void virtgpu_blob_destroy(struct gpu_blob *base);

#endif
