/*
 * Blobs of the vhost-user backend: pages of our own "RAM", segments of the host-visible region, and
 * files that were given to the device.
 */
#include "guest-proxy/gpu/vhost_user/vhost_blob.h"

#include <stdlib.h>

#include "guest-proxy/gpu/vhost_user/frontend.h"
#include "guest-proxy/gpu/vhost_user/frontend_region.h"
#include "guest-proxy/gpu/vhost_user/vhost_notices.h"
#include "protocol/formats/cross_domain.h"

static const struct extent no_pages;

static void ask_blob(struct gpu_vhost_user *gpu, const void *bytes, size_t size,
	struct gpu_answer *answer, struct extent frees)
{
	const struct gpu_command command = {
		.bytes = bytes,
		.size = size,
		.answer = answer,
		.frees = frees,
	};
	/* It fails only when the device is lost, which every context is told. */
	gpu_queue_command(gpu->queue, &command);
}

/* CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE, RESOURCE_UNMAP_BLOB and RESOURCE_UNREF have one layout.
 */
static void resource_command(struct gpu_vhost_user *gpu, uint32_t type, uint32_t context_id,
	uint32_t resource_id, struct gpu_answer *answer, struct extent frees)
{
	const struct virtio_gpu_ctx_resource command = {
		.hdr = header(type, context_id),
		.resource_id = resource_id,
	};
	ask_blob(gpu, &command, sizeof(command), answer, frees);
}

static void command_create(struct vhost_blob *blob, uint32_t context_id, uint64_t blob_id)
{
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} command = {
		.create =
			{
				.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, context_id),
				.resource_id = blob->base.resource_id,
				.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
				.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE |
					VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
				.blob_id = blob_id,
				.size = blob->base.size,
			},
	};
	size_t size = sizeof(command.create);
	if (blob->memory == GPU_BLOB_GUEST) {
		/* As kernels do it: such a blob is of no context until it is attached to one. */
		command.create.hdr.ctx_id = 0;
		command.create.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST;
		command.create.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE;
		command.create.blob_id = 0;
		command.create.nr_entries = 1;
		command.entry = (struct virtio_gpu_mem_entry){
			.addr = guest_ram_address(blob->pages),
			.length = (uint32_t)blob->base.size,
		};
		size += sizeof(command.entry);
	}
	ask_blob(blob->gpu, &command, size, &blob->create, no_pages);
}

static void command_map(struct vhost_blob *blob)
{
	const struct virtio_gpu_resource_map_blob command = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 0),
		.resource_id = blob->base.resource_id,
		.offset = blob->pages.start * PAGE_BYTES,
	};
	ask_blob(blob->gpu, &command, sizeof(command), &blob->map, no_pages);
}

static void give_back(struct gpu_vhost_user *gpu, struct extent *pages)
{
	if (pages->length > 0)
		extents_give(&gpu->region, pages->start, pages->length);
	pages->length = 0;
}

static void blob_free(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	for (unsigned i = 0; i < blob->n_refused; i++)
		give_back(gpu, &blob->refused[i]);
	if (blob->memory == GPU_BLOB_GUEST)
		guest_ram_give(gpu_queue_ram(gpu->queue), blob->pages);
	else
		give_back(gpu, &blob->pages);
	wl_list_remove(&blob->link);
	wl_list_remove(&blob->given_link);
	free(blob);
}

/* Where @blob is, or would be: NULL if the device has mapped nothing there. */
static void *visible_region_at(const struct vhost_blob *blob)
{
	return frontend_region_at(frontend_region(gpu_queue_frontend(blob->gpu->queue)),
		blob->pages.start * PAGE_BYTES, blob->base.size);
}

/*
 * The host has refused to map @blob where it was to be. -EINPROGRESS: another place of the region
 * is tried, as the host may still use what was there before; or why not.
 */
static int map_elsewhere(struct vhost_blob *blob)
{
	int error = errno_of(blob->map.type);
	if (blob->n_refused == 0 && !visible_region_at(blob))
		return -ENODEV; /* this frontend's region is not mapped at all */
	if (blob->n_refused + 1 >= MAP_ATTEMPTS)
		return error;
	uint64_t n = blob->pages.length;
	blob->refused[blob->n_refused++] = blob->pages;
	blob->pages.length = 0;
	error = extents_take(&blob->gpu->region, n, EXTENTS_NEXT, &blob->pages.start);
	if (error < 0)
		return -ENOMEM;
	blob->pages.length = n;
	blob->n_pending++;
	command_map(blob);
	gpu_queue_publish(blob->gpu->queue);
	return -EINPROGRESS;
}

/* What became of @blob, all of whose answers are there. */
static int blob_outcome(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	int error = 0;

	if (blob->create.type != VIRTIO_GPU_RESP_OK_NODATA)
		return blob->memory == GPU_BLOB_FILE ? -ENOMEM : errno_of(blob->create.type);
	if (blob->attach.type != VIRTIO_GPU_RESP_OK_NODATA)
		error = errno_of(blob->attach.type);
	else if (blob->memory == GPU_BLOB_GUEST)
		blob->base.map = guest_ram_at(gpu_queue_ram(gpu->queue), blob->pages);
	else if (blob->memory == GPU_BLOB_FILE)
		blob->base.map = NULL;
	else if (blob->map.type != VIRTIO_GPU_RESP_OK_MAP_INFO)
		error = map_elsewhere(blob);
	else if (!(blob->base.map = visible_region_at(blob)))
		gpu_queue_fail(gpu->queue, "the device says it mapped what it did not map");
	if (error < 0 && error != -EINPROGRESS) {
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, blob->base.resource_id,
			NULL, no_pages);
		gpu_queue_publish(gpu->queue);
	}
	return error;
}

/* To be told in the turn of the device. */
static void blob_ends(struct vhost_blob *blob, int error)
{
	blob->error = error;
	wl_list_insert(blob->base.context->blobs.prev, &blob->link);
	vhost_notices_ready(blob->base.context);
}

static void handle_blob_answer(struct gpu_answer *answer)
{
	struct vhost_blob *blob = answer->data;
	if (--blob->n_pending > 0)
		return;
	if (blob->dropped) {
		blob_free(blob);
		return;
	}
	int error = blob_outcome(blob);
	if (error == -EINPROGRESS)
		return;
	for (unsigned i = 0; i < blob->n_refused; i++)
		give_back(blob->gpu, &blob->refused[i]);
	blob_ends(blob, error);
}

static int take_pages(struct vhost_blob *blob)
{
	uint64_t n = blob->base.size / PAGE_BYTES;
	int error;
	if (blob->memory == GPU_BLOB_GUEST) {
		error = guest_ram_take(
			&gpu_queue_ram(blob->gpu->queue)->blob_pages, n, &blob->pages);
	} else {
		error = extents_take(&blob->gpu->region, n, EXTENTS_NEXT, &blob->pages.start);
		blob->pages.length = error < 0 ? 0 : n;
	}
	return error == -ENOSPC ? -ENOMEM : error;
}

static struct vhost_blob *blob_alloc(
	struct gpu_context *context, enum gpu_blob_memory memory, size_t size)
{
	struct gpu_vhost_user *gpu = context->gpu;
	struct vhost_blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return NULL;
	wl_list_init(&blob->link);
	wl_list_init(&blob->given_link);
	blob->gpu = gpu;
	blob->memory = memory;
	blob->base.context = context;
	blob->base.size = size;
	if (++gpu->last_resource_id == 0)
		gpu->last_resource_id++;
	blob->base.resource_id = gpu->last_resource_id;
	return blob;
}

static void create_and_attach(struct vhost_blob *blob, uint64_t blob_id)
{
	const uint32_t context_id = blob->base.context->id;

	blob->create.answered = blob->attach.answered = blob->map.answered = handle_blob_answer;
	blob->create.data = blob->attach.data = blob->map.data = blob;
	blob->n_pending = 2;
	command_create(blob, context_id, blob_id);
	resource_command(blob->gpu, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, context_id,
		blob->base.resource_id, &blob->attach, no_pages);
}

int vhost_blob_create(struct gpu_context *context, enum gpu_blob_memory memory, uint64_t blob_id,
	size_t size, struct gpu_blob **out)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	if (memory == GPU_BLOB_HOST && frontend_region(gpu_queue_frontend(gpu->queue))->size == 0)
		return -EINVAL;
	/* A memory entry has 32 bits; so has wl_shm. */
	if (size == 0 || size > INT32_MAX)
		return -ENOMEM;
	struct vhost_blob *blob = blob_alloc(context, memory, align_up(size, PAGE_BYTES));
	if (!blob)
		return -ENOMEM;
	int error = take_pages(blob);
	if (error < 0) {
		blob_free(blob);
		return error;
	}
	create_and_attach(blob, blob_id);
	if (memory == GPU_BLOB_HOST) {
		blob->n_pending++;
		command_map(blob);
	}
	gpu_queue_publish(gpu->queue);
	*out = &blob->base;
	return -EINPROGRESS;
}

int vhost_blob_give(struct gpu_context *context, int fd, size_t size, struct gpu_blob **out)
{
	struct gpu_vhost_user *gpu = context->gpu;
	if (context->lost)
		return -EPIPE;
	struct vhost_blob *blob = blob_alloc(context, GPU_BLOB_FILE, size);
	if (!blob)
		return -ENOMEM;
	int error = frontend_give_file(
		gpu_queue_frontend(gpu->queue), blob->base.resource_id, size, fd);
	if (error < 0) {
		blob_free(blob);
		return -ENOMEM;
	}
	blob->unnamed = true;
	blob->n_pending = 1;
	wl_list_insert(gpu->given.prev, &blob->given_link);
	*out = &blob->base;
	return -EINPROGRESS;
}

/* The blob of a file that the device has taken was destroyed meanwhile: so is the file, there. */
static void discard_file(struct vhost_blob *blob)
{
	struct gpu_vhost_user *gpu = blob->gpu;
	if (!wl_list_empty(&gpu->contexts)) { /* else it gives way to others there */
		struct gpu_context *any = wl_container_of(gpu->contexts.next, any, link);
		blob->create.answered = handle_blob_answer;
		blob->create.data = blob;
		blob->n_pending++;
		command_create(blob, any->id, CROSS_DOMAIN_BLOB_FILE | blob->base.resource_id);
		resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, blob->base.resource_id,
			NULL, no_pages);
		gpu_queue_publish(gpu->queue);
	}
	if (blob->n_pending == 0)
		blob_free(blob);
}

/* The device's answer to the first file that was given. */
void vhost_blob_file_answered(void *data, bool taken)
{
	struct gpu_vhost_user *gpu = data;
	struct vhost_blob *blob = wl_container_of(gpu->given.next, blob, given_link);

	if (wl_list_empty(&gpu->given)) /* its blob went with everything else */
		return;
	wl_list_remove(&blob->given_link);
	wl_list_init(&blob->given_link);
	blob->n_pending--;
	if (blob->dropped && taken) {
		discard_file(blob);
	} else if (blob->dropped) {
		blob_free(blob);
	} else if (!taken) {
		blob_ends(blob, -ENOMEM);
	} else {
		blob->unnamed = false;
		create_and_attach(blob, CROSS_DOMAIN_BLOB_FILE | blob->base.resource_id);
		gpu_queue_publish(gpu->queue);
	}
}

void vhost_blob_destroy(struct gpu_blob *base)
{
	if (!base)
		return;
	struct vhost_blob *blob = container_of(base, struct vhost_blob, base);
	struct gpu_vhost_user *gpu = blob->gpu;
	struct extent frees = no_pages;
	bool alive = !gpu_queue_failure(gpu->queue);
	if (alive && blob->error == 0 && !blob->unnamed) {
		/* The device may write to guest pages until it has let go of them. What becomes of
		 * the region's is the host's business. */
		if (blob->memory == GPU_BLOB_GUEST) {
			frees = blob->pages;
			blob->pages.length = 0;
		} else if (blob->memory == GPU_BLOB_HOST) {
			resource_command(gpu, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0,
				base->resource_id, NULL, no_pages);
		}
		resource_command(gpu, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, base->context->id,
			base->resource_id, NULL, no_pages);
		resource_command(
			gpu, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, base->resource_id, NULL, frees);
		gpu_queue_publish(gpu->queue);
	}
	if (blob->n_pending == 0 || !alive) {
		blob_free(blob);
		return;
	}
	blob->dropped = true;
	blob->base.context = NULL;
	wl_list_insert(&gpu->dropped, &blob->link);
}

void vhost_blobs_finish(struct gpu_vhost_user *gpu)
{
	struct vhost_blob *blob, *next;
	wl_list_for_each_safe(blob, next, &gpu->dropped, link) blob_free(blob);
}
