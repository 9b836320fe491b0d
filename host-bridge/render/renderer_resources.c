/* Resources that a 3D context's worker is told of: guest memory, textures, blobs of others. */
#include "host-bridge/render/renderer_impl.h"

#include <drm_fourcc.h>
#include <errno.h>

#include "host-bridge/render/renderer_blob.h"
#include "host-bridge/virtio/guest_memory.h"
#include "host-bridge/virtio/udmabuf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "context"

/* --- guest memory --- */

/* The worker's index of a region of guest memory, which is sent to it first if it is new. */
static int region_index(struct renderer_context *context, const struct guest_memory_region *region)
{
	for (uint32_t i = 0; i < context->n_regions; i++)
		if (context->regions[i] == region->number)
			return (int)i;
	if (context->n_regions == RENDERER_MAX_REGIONS)
		return -ENOSPC;
	uint32_t index = context->n_regions++;
	context->regions[index] = region->number;
	const struct renderer_request request = {
		.type = RENDERER_REGION,
		.region = {.region = index, .fd_offset = region->fd_offset, .size = region->size},
	};
	renderer_link_send(context->link, &request, NULL, 0, region->fd, NULL);
	return (int)index;
}

struct segment_list {
	struct renderer_context *context;
	uint32_t n;
	struct renderer_segment segments[RENDERER_LIST_SEGMENTS];
};

static void send_segments(struct segment_list *list)
{
	const struct renderer_request request = {.type = RENDERER_BACKING, .list = {.n = list->n}};
	if (list->n > 0)
		renderer_link_send(list->context->link, &request, list->segments,
			list->n * sizeof(list->segments[0]), -1, NULL);
	list->n = 0;
}

/* Adds a contiguous range of guest memory, which may span several regions. */
static int add_run(struct segment_list *list, const struct resource_pages *run)
{
	uint64_t address = run->guest_address, left = run->length;

	while (left > 0) {
		struct guest_memory_region region;
		uint64_t offset, length;
		if (!guest_memory_region_at(
			    list->context->base.host->memory, address, &region, &offset, &length))
			return -EFAULT;
		int index = region_index(list->context, &region);
		if (index < 0)
			return index;
		length = min_u64(length, left);
		list->segments[list->n++] = (struct renderer_segment){
			.region = (uint32_t)index, .length = (uint32_t)length, .offset = offset};
		if (list->n == ARRAY_LENGTH(list->segments))
			send_segments(list);
		address += length;
		left -= length;
	}
	return 0;
}

/* Sends the resource's guest memory, then @request, which uses it. */
static int send_backing(struct renderer_context *context, const struct resource *resource,
	const struct renderer_request *request)
{
	struct segment_list list = {.context = context};
	int err = resource->n_pages == 0 ? -EINVAL : 0;

	for (uint32_t i = 0; i < resource->n_pages && err == 0; i++)
		err = add_run(&list, &resource->pages[i]);
	if (err == 0) {
		send_segments(&list);
		renderer_tell(context, request);
	} else {
		/* Clears the segments sent so far: they must not become part of the next list. */
		renderer_tell(context, &(struct renderer_request){.type = RENDERER_BACKING});
	}
	return err;
}

void renderer_backing(struct context *base, struct resource *resource)
{
	struct renderer_context *context = renderer_of_base(base);

	if (context->lost || id_map_find(&context->known, resource->id) != resource)
		return;
	if (resource->n_pages == 0) {
		renderer_tell_about(context, RENDERER_DETACH_BACKING, resource->id);
		return;
	}
	const struct renderer_request request = {
		.type = RENDERER_ATTACH_BACKING, .resource_id = resource->id};
	int err = send_backing(context, resource, &request);
	if (err < 0)
		log_limited(LOG_LEVEL_WARN, "%s: the memory of resource %u cannot be passed on: %s",
			base->name, resource->id, strerror(-err));
}

/* --- resources that come to the context --- */

/*
 * Whether a texture must be usable by others: what the guest's driver makes for windows and for
 * other processes. Such a texture has 32 bits a pixel and a single image.
 */
static bool is_shared(const struct resource *resource)
{
	enum { TEXTURE_2D = 2, SCANOUT = 1 << 18, SHARED = 1 << 20 };
	enum { B8G8R8A8 = 1, B8G8R8X8 = 2, R8G8B8A8 = 67, R8G8B8X8 = 134 };
	const struct resource_3d *shape = &resource->shape;

	return shape->target == TEXTURE_2D && shape->bind & (SCANOUT | SHARED) &&
		shape->depth == 1 && shape->array_size == 1 && shape->last_level == 0 &&
		shape->nr_samples <= 1 &&
		(shape->format == B8G8R8A8 || shape->format == B8G8R8X8 ||
			shape->format == R8G8B8A8 || shape->format == R8G8B8X8);
}

static void handle_shared_done(
	struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct renderer_work *work = container_of(call, struct renderer_work, call);
	struct renderer_context *context = work->context;
	struct resource *resource = work->resource;

	int err = answer ? answer->error : -EIO;
	if (answer && err == 0)
		err = renderer_blob_check(fd, answer, resource->size);
	/* The stride of a tiled layout means nothing here. */
	if (err == 0 && answer->blob.modifier == DRM_FORMAT_MOD_LINEAR &&
		(uint64_t)answer->blob.stride * resource->height > resource->size)
		err = -EINVAL;
	if (err < 0) {
		fd_close(&fd);
		log_limited(LOG_LEVEL_WARN, "%s: texture %u cannot be shown or shared: %s",
			context->base.name, resource->id, strerror(-err));
		resource_set_pending(resource, false);
	} else {
		resource_settle(resource, fd, answer->blob.fd_offset, answer->blob.fd_type, 0);
		resource->stride = answer->blob.stride;
		resource->modifier = answer->blob.modifier;
	}
	context_wake(&context->base);
	resource_unref(resource);
	renderer_work_destroy(work);
}

/* Imports a shared texture that another context has made. */
static int bring_shared(struct renderer_context *context, struct resource *resource)
{
	const struct renderer_request request = {.type = RENDERER_IMPORT,
		.resource_id = resource->id,
		.import = {.fd_type = resource->fd_type,
			.size = resource->size,
			.format = resource->shape.format,
			.bind = resource->shape.bind,
			.width = resource->width,
			.height = resource->height,
			.stride = resource->stride,
			.modifier = resource->modifier}};
	renderer_link_send(context->link, &request, NULL, 0, resource->fd, NULL);
	return 0;
}

static int bring_3d(struct renderer_context *context, struct resource *resource)
{
	struct renderer_request request = {
		.type = RENDERER_CREATE_3D,
		.resource_id = resource->id,
		.create_3d = {.target = resource->shape.target,
			.format = resource->shape.format,
			.bind = resource->shape.bind,
			.width = resource->shape.width,
			.height = resource->shape.height,
			.depth = resource->shape.depth,
			.array_size = resource->shape.array_size,
			.last_level = resource->shape.last_level,
			.nr_samples = resource->shape.nr_samples,
			.flags = resource->shape.flags},
	};

	if (resource_has_file(resource))
		return bring_shared(context, resource);
	if (context->kind != RENDERER_KIND_VIRGL)
		return -EOPNOTSUPP;
	/* Its pixels are in the memory of another worker, which has not exported them. */
	if (resource->home != 0)
		return -EXDEV;
	if (!is_shared(resource)) {
		resource->home = renderer_link_worker(context->link);
		renderer_tell(context, &request);
		return 0;
	}
	int err = resource_charge_fds(resource);
	if (err < 0)
		return err;
	struct renderer_work *work = renderer_work_create(context, NULL, handle_shared_done);
	if (!work)
		return -ENOMEM;
	resource->home = renderer_link_worker(context->link);
	resource_set_pending(resource, true);
	work->resource = resource_ref(resource);
	request.create_3d.shared_bytes = resource->size;
	renderer_link_send(context->link, &request, NULL, 0, -1, &work->call);
	return 0;
}

/* Has the worker import @fd (borrowed). */
static void bring_file(
	struct renderer_context *context, const struct resource *resource, uint32_t fd_type, int fd)
{
	const struct renderer_request request = {.type = RENDERER_IMPORT,
		.resource_id = resource->id,
		.import = {.fd_type = fd_type, .size = resource->size}};
	renderer_link_send(context->link, &request, NULL, 0, fd, NULL);
}

static int bring_guest_blob(struct renderer_context *context, struct resource *resource)
{
	const struct renderer_request request = {.type = RENDERER_GUEST_BLOB,
		.resource_id = resource->id,
		.guest_blob = {.size = resource->size}};

	if (context->kind == RENDERER_KIND_VIRGL || context->kind == RENDERER_KIND_GFXSTREAM)
		return send_backing(context, resource, &request);
	/* Vulkan imports no scattered pages, but a dma-buf made of them. */
	int fd = resource_export(resource);
	if (fd < 0)
		return fd;
	bring_file(context, resource, RENDERER_FD_DMABUF, fd);
	fd_close(&fd);
	return 0;
}

/* A slot of the host-visible region is part of a file, which no driver imports; a dma-buf of it
 * works. */
static int bring_slot(struct renderer_context *context, struct resource *resource)
{
	const struct udmabuf_segment segment = {
		.fd = resource->fd, .offset = resource->fd_offset, .size = resource->size};

	if (!resource->mapped || resource->table->udmabuf < 0)
		return -EOPNOTSUPP;
	int fd = udmabuf_create(resource->table->udmabuf, &segment, 1);
	if (fd < 0)
		return fd;
	bring_file(context, resource, RENDERER_FD_DMABUF, fd);
	fd_close(&fd);
	return 0;
}

static int bring_host_blob(struct renderer_context *context, struct resource *resource)
{
	if (!resource->fd_owned)
		return bring_slot(context, resource);
	/* Imports have no offset. */
	if (resource->fd_offset != 0)
		return -EOPNOTSUPP;
	bring_file(context, resource, resource->fd_type ? resource->fd_type : RENDERER_FD_SHM,
		resource->fd);
	return 0;
}

static int bring(struct renderer_context *context, struct resource *resource)
{
	switch (resource->kind) {
	case RESOURCE_3D:
		return bring_3d(context, resource);
	case RESOURCE_BLOB_GUEST:
		return bring_guest_blob(context, resource);
	case RESOURCE_BLOB_HOST:
		return bring_host_blob(context, resource);
	default:
		return -EOPNOTSUPP;
	}
}

int renderer_attach(struct context *base, struct resource *resource)
{
	struct renderer_context *context = renderer_of_base(base);

	if (context->lost)
		return 0; /* without effect */
	if (!id_map_find(&context->known, resource->id)) {
		int err = id_map_insert(&context->known, resource->id, resource);
		if (err == 0) {
			err = bring(context, resource);
			if (err < 0)
				id_map_remove(&context->known, resource->id);
		}
		if (err < 0) {
			log_limited(LOG_LEVEL_WARN, "%s: resource %u cannot be attached: %s",
				base->name, resource->id, strerror(-err));
			return err;
		}
		if (resource->kind == RESOURCE_3D && resource->n_pages > 0)
			renderer_backing(base, resource);
	}
	renderer_tell_about(context, RENDERER_ATTACH, resource->id);
	return 0;
}

void renderer_detach(struct context *base, struct resource *resource)
{
	struct renderer_context *context = renderer_of_base(base);
	if (id_map_find(&context->known, resource->id) == resource)
		renderer_tell_about(context, RENDERER_DETACH, resource->id);
}

void renderer_forget(struct context *base, struct resource *resource)
{
	struct renderer_context *context = renderer_of_base(base);
	if (id_map_find(&context->known, resource->id) != resource)
		return;
	id_map_remove(&context->known, resource->id);
	renderer_tell_about(context, RENDERER_UNREF, resource->id);
}
