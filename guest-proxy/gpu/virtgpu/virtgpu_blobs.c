/* Blobs of the kernel's. */
#include "guest-proxy/gpu/virtgpu/virtgpu_blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest-proxy/gpu/virtgpu/virtgpu_context.h"
#include "guest-proxy/gpu/virtgpu_features.h"
#include "guest-proxy/gpu/virtgpu_ioctl.h"
#include "protocol/formats/cross_domain.h"

struct kernel_blob {
	struct gpu_blob base;
	struct virtgpu_fence *fence; /* NULL: it is complete */
	/* Of imports: the kernel has one handle for all imports of a buffer, and closes it once. */
	uint32_t refs;       /* 0: it was created */
	struct wl_list link; /* gpu_context::imports */
};

static void gem_close(struct gpu_context *context, uint32_t bo_handle)
{
	struct drm_gem_close argument = {.handle = bo_handle};
	virtgpu_call(context->fd, DRM_IOCTL_GEM_CLOSE, &argument);
}

/* Of any kind, and also if it is not complete. */
static void blob_free(struct kernel_blob *blob)
{
	if (blob->base.map)
		munmap(blob->base.map, blob->base.size);
	if (blob->base.bo_handle)
		gem_close(blob->base.context, blob->base.bo_handle);
	if (blob->fence)
		blob->fence->blob = NULL;
	wl_list_remove(&blob->link);
	free(blob);
}

/* A blob of @context; its context owns nothing of it. */
static struct kernel_blob *blob_alloc(struct gpu_context *context, size_t size)
{
	struct kernel_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return NULL;
	blob->base.context = context;
	blob->base.size = size;
	wl_list_init(&blob->link);
	return blob;
}

/* Maps @blob. 0 or -errno. */
static int map(struct gpu_blob *blob)
{
	struct virtgpu_map map = {.bo_handle = blob->bo_handle};
	int error = virtgpu_call(blob->context->fd, VIRTGPU_IOCTL_MAP, &map);
	if (error < 0)
		return error;
	blob->map = virtgpu_mmap(blob->context->fd, map.offset, blob->size);
	return blob->map ? 0 : -errno;
}

static int create(struct gpu_blob *blob, enum gpu_blob_memory memory, uint64_t blob_id)
{
	struct virtgpu_create_blob create = {
		.memory = VIRTGPU_MEMORY_GUEST,
		.flags = VIRTGPU_BLOB_MAPPABLE,
		.size = blob->size,
	};
	if (memory == GPU_BLOB_HOST) {
		create.memory = VIRTGPU_MEMORY_HOST3D;
		create.flags |= VIRTGPU_BLOB_SHAREABLE;
		create.blob_id = blob_id;
	}
	int error = virtgpu_call(blob->context->fd, VIRTGPU_IOCTL_CREATE_BLOB, &create);
	if (error < 0)
		return error;
	blob->bo_handle = create.bo_handle;
	blob->resource_id = create.resource_id;
	return 0;
}

/* The host has answered about the memory of @blob. May destroy the context. */
static void finish_blob(struct gpu_context *context, struct kernel_blob *blob)
{
	struct gpu_virtgpu *gpu = context->gpu;
	blob->fence = NULL;
	int error = map(&blob->base);
	/* CREATE_BLOB says nothing of the host's refusals: only mapping fails. A host that gave
	 * such memory before is short of it now. */
	if (error < 0 && gpu->host_mapped)
		error = -ENOMEM;
	gpu->host_mapped |= error == 0;
	context->listener->blob(context->data, &blob->base, error);
}

/* Has finish_blob called when the host has mapped @blob: an empty submission with a fence. */
static int wait_for_host(struct kernel_blob *blob)
{
	static const uint8_t nothing[8];
	struct gpu_context *context = blob->base.context;
	struct virtgpu_fence *fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	fence->kind = VIRTGPU_FENCE_BLOB;
	fence->blob = blob;
	fence->mapped = finish_blob;
	int error = virtgpu_submit_fenced(
		context, nothing, 0, CROSS_DOMAIN_QUERY_RING, VIRTGPU_EXECUTE_RING_IDX, fence);
	if (error < 0) {
		free(fence);
		return error == -EMFILE || error == -ENFILE ? -ENOMEM : error;
	}
	blob->fence = fence;
	return 0;
}

int virtgpu_blob_create(struct gpu_context *context, enum gpu_blob_memory memory, uint64_t blob_id,
	size_t size, struct gpu_blob **out)
{
	if (context->lost)
		return -EPIPE;
	if (memory == GPU_BLOB_HOST && !context->gpu->host_visible)
		return -ENODEV;
	if (size == 0 || size > INT32_MAX) /* wl_shm, which it is for, has 31 bits */
		return -ENOMEM;
	struct kernel_blob *blob = blob_alloc(context, align_up(size, PAGE_BYTES));
	if (!blob)
		return -ENOMEM;
	int error = create(&blob->base, memory, blob_id);
	if (error == 0)
		error = memory == GPU_BLOB_HOST ? wait_for_host(blob) : map(&blob->base);
	if (error < 0) {
		blob_free(blob);
		return error;
	}
	*out = &blob->base;
	return memory == GPU_BLOB_HOST ? -EINPROGRESS : 0;
}

/* Takes @bo_handle, which is not among the imports yet; on error it is closed. */
static int import_create(struct gpu_context *context, uint32_t bo_handle, struct kernel_blob **out)
{
	struct virtgpu_resource_info info = {.bo_handle = bo_handle};
	int error = virtgpu_call(context->fd, VIRTGPU_IOCTL_RESOURCE_INFO, &info);
	struct kernel_blob *import = error == 0 ? blob_alloc(context, info.size) : NULL;
	if (!import) {
		gem_close(context, bo_handle);
		return error < 0 ? error : -ENOMEM;
	}
	import->base.resource_id = info.resource_id;
	import->base.bo_handle = bo_handle;
	wl_list_insert(&context->imports, &import->link);
	*out = import;
	return 0;
}

int virtgpu_blob_import(struct gpu_context *context, int fd, struct gpu_blob **out)
{
	struct drm_prime_handle prime = {.fd = fd};
	struct kernel_blob *import, *found = NULL;
	if (context->lost)
		return -EPIPE;
	int error = virtgpu_call(context->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	if (error < 0)
		return error;
	wl_list_for_each(import, &context->imports, link)
	{
		if (import->base.bo_handle == prime.handle)
			found = import;
	}
	if (!found)
		error = import_create(context, prime.handle, &found);
	if (error < 0)
		return error;
	found->refs++;
	*out = &found->base;
	return 0;
}

void virtgpu_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct kernel_blob *blob = container_of(base, struct kernel_blob, base);
	if (blob->refs == 0 || --blob->refs == 0)
		blob_free(blob);
}
