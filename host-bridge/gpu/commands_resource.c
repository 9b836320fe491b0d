/* Commands about resources: 2D ones, and blobs. */
#include "host-bridge/gpu/commands_resource.h"

#include <errno.h>
#include <stdlib.h>

#include "host-bridge/console/pixel_layout.h"
#include "host-bridge/resources/page_list.h"
#include "host-bridge/virtio/guest_memory.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define MAX_2D_PX 16384

/* --- guest pages --- */

/* Pages that become the memory of a resource; an entry of device_state::backings while they are
 * read. */
struct backing {
	struct wl_list link;
	struct page_list list;
	struct virtqueue_chain *chain; /* our own, where the command is kept */
	struct request *request;       /* of the command that is kept */
	struct resource *resource;
	bool is_new; /* the command has created it: if it fails the resource goes */
};

static bool is_classic(const struct resource *resource)
{
	return resource->kind == RESOURCE_2D || resource->kind == RESOURCE_3D;
}

/* The guest pages of a resource have come or gone. */
static void tell_backing(struct device_state *state, struct resource *resource)
{
	uint32_t position = 0;
	if (resource->attached == 0)
		return;
	for (struct context *context; (context = id_map_next(&state->contexts, &position));)
		if (context->ops->backing && id_map_find(&context->attached, resource->id))
			context->ops->backing(context, resource);
}

/* All has been read (@err 0), or something was wrong. Returns the result of the command. */
static int backing_end(struct device_state *state, struct backing *backing, int err)
{
	if (err == 0)
		err = page_list_give(&backing->list, backing->resource);
	page_list_finish(&backing->list);
	if (err == 0 && is_classic(backing->resource))
		tell_backing(state, backing->resource);
	else if (err < 0 && backing->is_new)
		resource_forget(backing->resource);
	return err;
}

/* Reads until the turn is over. 0: that was all of it; 1: there is more; or -errno. */
static int backing_read(struct device_state *state, struct backing *backing)
{
	int result;
	do
		result = page_list_read(&backing->list, state->resources.memory);
	while (result > 0 && !turn_is_over(&state->host));
	return result;
}

static void backing_free(struct backing *backing)
{
	wl_list_remove(&backing->link);
	page_list_finish(&backing->list);
	free(backing->chain);
	free(backing);
}

/* The rest is read in later turns: the command is kept. */
static int backing_keep(struct command *command, const struct backing *from)
{
	struct device_state *state = command->state;
	struct backing *backing = malloc(sizeof(*backing));
	struct virtqueue_chain *chain = virtqueue_chain_copy(command->chain);
	struct request *request = NULL;

	if (backing && chain)
		request = request_create(&state->requests, command->chain, &command->in.hdr, NULL);
	if (!request) {
		free(chain);
		free(backing);
		return -ENOMEM;
	}
	*backing = *from;
	backing->chain = chain;
	backing->list.chain = chain;
	backing->request = request;
	wl_list_insert(state->backings.prev, &backing->link);
	resource_set_pending(backing->resource, true);
	return 0;
}

/* Gives @resource the pages whose @n_entries entries follow the command's struct. */
static uint32_t give_pages(
	struct command *command, struct resource *resource, uint32_t n_entries, bool is_new)
{
	struct device_state *state = command->state;
	struct backing backing = {.resource = resource, .is_new = is_new};

	int result = page_list_init(
		&backing.list, command->queue, command->chain, command->fixed_bytes, n_entries);
	/* Long ones are read after what else there is to do, one after the other. */
	if (result == 0 && n_entries > PAGE_LIST_SHORT)
		result = 1;
	else if (result == 0)
		result = page_list_read(&backing.list, state->resources.memory);
	if (result > 0) {
		result = backing_keep(command, &backing);
		if (result == 0)
			return COMMAND_KEPT;
	}
	return command_response(backing_end(state, &backing, result));
}

bool command_backings_continue(struct device_state *state)
{
	while (!wl_list_empty(&state->backings)) {
		struct backing *backing = wl_container_of(state->backings.next, backing, link);
		int result = backing_read(state, backing);
		if (result > 0)
			return false;
		resource_set_pending(backing->resource, false);
		result = backing_end(state, backing, result);
		request_complete(backing->request, command_response(result));
		backing_free(backing);
		if (turn_is_over(&state->host))
			break;
	}
	return wl_list_empty(&state->backings);
}

void command_backings_drop(struct device_state *state)
{
	struct backing *backing, *next;
	wl_list_for_each_safe(backing, next, &state->backings, link)
	{
		resource_set_pending(backing->resource, false);
		request_complete(backing->request, VIRTIO_GPU_RESP_ERR_UNSPEC);
		backing_free(backing);
	}
}

/* --- 2D --- */

bool command_rect_fits(const struct resource *resource, const struct virtio_gpu_rect *r)
{
	return (resource->kind != RESOURCE_2D && resource->kind != RESOURCE_3D) ||
		(r->width > 0 && r->height > 0 && range_fits(r->x, r->width, resource->width) &&
			range_fits(r->y, r->height, resource->height));
}

uint32_t command_resource_create_2d(struct command *command)
{
	const struct virtio_gpu_resource_create_2d *in = &command->in.create_2d;
	struct resource *resource;

	if (!pixel_layout_known(in->format) || in->width == 0 || in->height == 0 ||
		in->width > MAX_2D_PX || in->height > MAX_2D_PX)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	int err = resource_create(&command->state->resources, in->resource_id, RESOURCE_2D,
		(uint64_t)in->width * in->height * 4, &resource);
	if (err < 0)
		return command_response(err);
	resource->width = in->width;
	resource->height = in->height;
	resource->format = in->format;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_resource_attach_backing(struct command *command)
{
	const struct virtio_gpu_resource_attach_backing *in = &command->in.attach_backing;
	struct resource *resource = resource_find(&command->state->resources, in->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!is_classic(resource) || resource->n_pages > 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return give_pages(command, resource, in->nr_entries, false);
}

uint32_t command_resource_detach_backing(struct command *command)
{
	struct resource *resource =
		resource_find(&command->state->resources, command->in.detach_backing.resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!is_classic(resource) || resource->n_pages == 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	resource_drop_pages(resource);
	tell_backing(command->state, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_transfer_to_host_2d(struct command *command)
{
	const struct virtio_gpu_transfer_to_host_2d *in = &command->in.transfer_to_host_2d;
	const struct resource *resource =
		resource_find(&command->state->resources, in->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->kind != RESOURCE_2D || resource->n_pages == 0 ||
		!command_rect_fits(resource, &in->r))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* --- all resources --- */

uint32_t command_resource_unref(struct command *command)
{
	struct resource *resource =
		resource_find(&command->state->resources, command->in.unref.resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	device_forget_resource(command->state, resource);
	console_forget(command->state->console, resource);
	resource_forget(resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_resource_assign_uuid(struct command *command)
{
	struct device_state *state = command->state;
	const struct resource *resource =
		resource_find(&state->resources, command->in.assign_uuid.resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	static_assert(sizeof(resource->serial) >= DEVICE_UUID_NODE_BYTES, "");
	command_begin_answer(command, sizeof(command->out.uuid));
	memcpy(command->out.uuid.uuid, state->uuid, sizeof(state->uuid));
	memcpy(command->out.uuid.uuid + sizeof(state->uuid) - DEVICE_UUID_NODE_BYTES,
		&resource->serial, DEVICE_UUID_NODE_BYTES);
	return VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
}

/* --- blobs --- */

static uint32_t create_guest_blob(struct command *command)
{
	const struct virtio_gpu_resource_create_blob *in = &command->in.create_blob;
	struct resource *resource;

	if (in->size == 0 || in->size > guest_memory_bytes(command->state->resources.memory))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	int err = resource_create(&command->state->resources, in->resource_id, RESOURCE_BLOB_GUEST,
		in->size, &resource);
	if (err < 0)
		return command_response(err);
	return give_pages(command, resource, in->nr_entries, true);
}

/* A blob that the context's worker makes. */
static uint32_t make_host_blob(struct command *command, struct context *context)
{
	const struct virtio_gpu_resource_create_blob *in = &command->in.create_blob;
	struct device_state *state = command->state;
	struct resource *resource;

	if (in->size == 0 || in->size > UINT64_MAX - PAGE_BYTES)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	int err = resource_create(&state->resources, in->resource_id, RESOURCE_BLOB_HOST,
		align_up(in->size, PAGE_BYTES), &resource);
	if (err < 0)
		return command_response(err);
	struct request *request =
		request_create(&state->requests, command->chain, &command->in.hdr, context);
	if (!request) {
		resource_forget(resource);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource_set_pending(resource, true);
	err = context->ops->make_blob(
		context, resource, in->blob_id, in->size, in->blob_flags, request);
	if (err == 0)
		return COMMAND_KEPT;
	resource_set_pending(resource, false);
	resource_forget(resource);
	request_complete(request, command_response(err));
	return COMMAND_KEPT;
}

static uint32_t create_host_blob(struct command *command)
{
	const struct virtio_gpu_resource_create_blob *in = &command->in.create_blob;
	struct device_state *state = command->state;
	struct context *context = id_map_find(&state->contexts, in->hdr.ctx_id);
	struct context_blob blob;
	struct resource *resource;

	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (in->nr_entries != 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	/* Checked first, since the context hands a blob out only once. */
	if (in->resource_id == 0 || resource_find(&state->resources, in->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (context->ops->make_blob &&
		(!context->ops->makes_blob || context->ops->makes_blob(context, in->blob_id)))
		return make_host_blob(command, context);
	int err = context->ops->create_blob(context, in->blob_id, in->size, in->blob_flags, &blob);
	if (err < 0)
		return command_response(err);
	if (blob.given)
		return command_response(resource_create_given(
			&state->resources, in->resource_id, blob.size, blob.fd, &resource));
	err = resource_create(
		&state->resources, in->resource_id, RESOURCE_BLOB_HOST, blob.size, &resource);
	if (err < 0) {
		fd_close(&blob.fd);
		free(blob.contents);
		return command_response(err);
	}
	resource->fd = blob.fd;
	resource->fd_owned = blob.fd >= 0;
	resource->fd_offset = blob.fd_offset;
	resource->contents = blob.contents;
	resource->contents_size = blob.contents_size;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_resource_create_blob(struct command *command)
{
	switch (command->in.create_blob.blob_mem) {
	case VIRTIO_GPU_BLOB_MEM_GUEST:
		return create_guest_blob(command);
	case VIRTIO_GPU_BLOB_MEM_HOST3D:
		return create_host_blob(command);
	default:
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
}

static struct virtio_gpu_resp_map_info map_answer(const struct resource *resource)
{
	return (struct virtio_gpu_resp_map_info){
		.map_info = resource->fd_owned ? resource->map_info : VIRTIO_GPU_MAP_CACHE_CACHED};
}

static void handle_mapped(struct resource *resource, void *data, int result)
{
	struct request *request = data;
	struct virtio_gpu_resp_map_info answer = map_answer(resource);

	if (result == 0) {
		request_complete_with(
			request, VIRTIO_GPU_RESP_OK_MAP_INFO, &answer.hdr, sizeof(answer));
		return;
	}
	request_complete(request, command_response(result));
}

uint32_t command_resource_map_blob(struct command *command)
{
	const struct virtio_gpu_resource_map_blob *in = &command->in.map_blob;
	struct device_state *state = command->state;
	struct resource *resource = resource_find(&state->resources, in->resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	struct request *request = request_create(&state->requests, command->chain, &in->hdr, NULL);
	if (!request)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	int err = resource_map(resource, in->offset, handle_mapped, request);
	if (err != -EINPROGRESS)
		handle_mapped(resource, request, err);
	return COMMAND_KEPT;
}

uint32_t command_resource_unmap_blob(struct command *command)
{
	struct resource *resource =
		resource_find(&command->state->resources, command->in.unmap_blob.resource_id);

	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return command_response(resource_unmap(resource));
}
