/*
 * 3D contexts: commands of the guest become requests to the context's worker.
 *
 * Nothing waits here. What only changes things is sent and believed done; the worker does it in
 * order, and what cannot be done shows in the answers to the work that needs it. Submissions,
 * transfers and blobs are answered to the guest when the worker answers. A worker that is lost
 * takes its context along: all that is open fails at once, all that comes is refused, and memory
 * that it handed out stays what it is.
 */
#include "host-bridge/renderer_context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host-bridge/commands.h"
#include "host-bridge/guest_memory.h"
#include "host-bridge/renderer_blob.h"
#include "host-bridge/renderer_link.h"
#include "protocol/bytes.h"
#include "protocol/fd.h"

#define LOG_MODULE "context"
#include "protocol/log.h"

#define MAX_OPEN (2 * VIRTQUEUE_MAX_SIZE) /* requests; a driver that plays fair has fewer */

struct renderer_context {
	struct context base;
	enum renderer_kind kind;
	struct renderer_link *link;
	bool lost;
	struct resource_account *account;
	struct id_map known;  /* resources that the worker has a name for */
	struct wl_list works; /* work::link */
	uint32_t n_works;
	uint32_t regions[RENDERER_MAX_REGIONS]; /* numbers of those that the worker has */
	uint32_t n_regions;
	struct log_limit log_limit;
};

/* Something asked of the worker that the guest waits for. */
struct work {
	struct wl_list link;
	struct renderer_call call;
	struct renderer_context *context;
	struct request *request;
	struct resource *resource; /* a blob that is being made, with a reference; or NULL */
	uint64_t blob_bytes;       /* of which this is the size that the guest named */
};

static struct renderer_context *of_base(struct context *base)
{
	return container_of(base, struct renderer_context, base);
}

static void tell(struct renderer_context *context, const struct renderer_request *request)
{
	if (!context->lost)
		renderer_link_send(context->link, request, NULL, 0, -1, NULL);
}

static void tell_about(
	struct renderer_context *context, enum renderer_request_type type, uint32_t resource_id)
{
	tell(context, &(struct renderer_request){.type = type, .resource_id = resource_id});
}

/* --- work --- */

static struct work *work_create(struct renderer_context *context, struct request *request,
	void (*done)(struct renderer_call *call, const struct renderer_answer *answer, int fd))
{
	struct work *work = context->n_works < MAX_OPEN ? calloc(1, sizeof(*work)) : NULL;
	if (!work)
		return NULL;
	work->context = context;
	work->request = request;
	work->call.done = done;
	wl_list_insert(context->works.prev, &work->link);
	context->n_works++;
	return work;
}

static void work_destroy(struct work *work)
{
	wl_list_remove(&work->link);
	work->context->n_works--;
	free(work);
}

static void handle_work_done(
	struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct work *work = container_of(call, struct work, call);

	fd_close(&fd); /* nobody asked for one */
	if (work->request->fenced && work->request->ring >= 0)
		work->context->base.host->counters->fences++;
	request_complete(work->request, command_response(answer ? answer->error : -EIO));
	work_destroy(work);
}

/* Sends @request, and its answer will be the guest's. */
static int ask(
	struct renderer_context *context, struct renderer_request *message, struct request *request)
{
	struct work *work = work_create(context, request, handle_work_done);
	if (!work)
		return -ENOMEM;
	message->fenced = request->fenced;
	message->ring = request->ring >= 0 ? (uint32_t)request->ring : RENDERER_NO_RING;
	renderer_link_send(context->link, message, NULL, 0, -1, &work->call);
	return -EINPROGRESS;
}

static int handle_submit(
	struct context *base, const uint8_t *bytes, size_t size, struct request *request)
{
	struct renderer_context *context = of_base(base);

	if (context->lost)
		return -EIO;
	if (context->n_works >= MAX_OPEN)
		return -ENOMEM;
	while (size > 0) {
		size_t n = min_u64(size, RENDERER_LIST_BYTES);
		const struct renderer_request commands = {
			.type = RENDERER_COMMANDS, .list = {.n = (uint32_t)n}};
		renderer_link_send(context->link, &commands, bytes, n, -1, NULL);
		bytes += n;
		size -= n;
	}
	return ask(context, &(struct renderer_request){.type = RENDERER_SUBMIT}, request);
}

static int handle_transfer(struct context *base, struct resource *resource,
	const struct virtio_gpu_transfer_host_3d *transfer, struct request *request)
{
	struct renderer_context *context = of_base(base);
	struct renderer_request message = {
		.type = RENDERER_TRANSFER,
		.resource_id = resource->id,
		.transfer = {.to_host = transfer->hdr.type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
			.x = transfer->box.x,
			.y = transfer->box.y,
			.z = transfer->box.z,
			.w = transfer->box.w,
			.h = transfer->box.h,
			.d = transfer->box.d,
			.level = transfer->level,
			.stride = transfer->stride,
			.layer_stride = transfer->layer_stride,
			.offset = transfer->offset},
	};

	if (context->lost)
		return -EIO;
	if (!id_map_find(&context->known, resource->id))
		return -EINVAL;
	return ask(context, &message, request);
}

/* Submissions and transfers come back when they are done: nothing is left to be held. */
static bool handle_fence(struct context *base, uint32_t ring, struct request *request)
{
	return false;
}

static bool handle_busy(const struct context *base)
{
	const struct renderer_context *context =
		container_of(base, const struct renderer_context, base);
	return !context->lost && renderer_link_congested(context->link);
}

/* --- guest memory --- */

/* The worker's number for a region, which it is given if it has it not yet. */
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

struct piece_list {
	struct renderer_context *context;
	uint32_t n;
	struct renderer_piece pieces[RENDERER_LIST_PIECES];
};

static void send_pieces(struct piece_list *list)
{
	const struct renderer_request request = {.type = RENDERER_BACKING, .list = {.n = list->n}};
	if (list->n > 0)
		renderer_link_send(list->context->link, &request, list->pieces,
			list->n * sizeof(list->pieces[0]), -1, NULL);
	list->n = 0;
}

/* One run of guest memory; several pieces where regions adjoin. */
static int add_run(struct piece_list *list, const struct resource_pages *run)
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
		list->pieces[list->n++] = (struct renderer_piece){
			.region = (uint32_t)index, .length = (uint32_t)length, .offset = offset};
		if (list->n == ARRAY_LENGTH(list->pieces))
			send_pieces(list);
		address += length;
		left -= length;
	}
	return 0;
}

/* Sends the resource's guest memory, for @request to be used by. */
static int send_backing(struct renderer_context *context, const struct resource *resource,
	const struct renderer_request *request)
{
	struct piece_list list = {.context = context};
	int err = resource->n_pages == 0 ? -EINVAL : 0;

	for (uint32_t i = 0; i < resource->n_pages && err == 0; i++)
		err = add_run(&list, &resource->pages[i]);
	if (err == 0) {
		send_pieces(&list);
		tell(context, request);
	} else {
		/* What was sent already must not be taken for the next one's. */
		tell(context, &(struct renderer_request){.type = RENDERER_BACKING});
	}
	return err;
}

static void handle_backing(struct context *base, struct resource *resource)
{
	struct renderer_context *context = of_base(base);

	if (context->lost || id_map_find(&context->known, resource->id) != resource)
		return;
	if (resource->n_pages == 0) {
		tell_about(context, RENDERER_DETACH_BACKING, resource->id);
		return;
	}
	const struct renderer_request request = {
		.type = RENDERER_ATTACH_BACKING, .resource_id = resource->id};
	int err = send_backing(context, resource, &request);
	if (err < 0)
		log_limited(&context->log_limit, LOG_LEVEL_WARN,
			"%s: the memory of resource %u cannot be passed on: %s", base->name,
			resource->id, strerror(-err));
}

/* --- resources that come to the context --- */

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

	if (context->kind != RENDERER_KIND_VIRGL)
		return -EOPNOTSUPP;
	/* Its pixels lie in another worker, out of reach of this one. */
	if (resource->home != 0)
		return -EXDEV;
	resource->home = renderer_link_worker(context->link);
	tell(context, &request);
	return 0;
}

static int bring_guest_blob(struct renderer_context *context, struct resource *resource)
{
	const struct renderer_request request = {.type = RENDERER_GUEST_BLOB,
		.resource_id = resource->id,
		.guest_blob = {.size = resource->size}};
	if (context->kind != RENDERER_KIND_VIRGL)
		return -EOPNOTSUPP; /* Vulkan cannot use the guest's scattered pages */
	return send_backing(context, resource, &request);
}

static int bring_host_blob(struct renderer_context *context, struct resource *resource)
{
	const struct renderer_request request = {.type = RENDERER_IMPORT,
		.resource_id = resource->id,
		.import = {.fd_type = resource->fd_type, .size = resource->size}};

	/* A slot of the window is a piece of a file, which no driver imports. */
	if (!resource->fd_owned || resource->fd_type == 0)
		return -EOPNOTSUPP;
	/* It would be taken from the file's start. */
	if (resource->fd_offset != 0)
		return -EOPNOTSUPP;
	renderer_link_send(context->link, &request, NULL, 0, resource->fd, NULL);
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

static int handle_attach(struct context *base, struct resource *resource)
{
	struct renderer_context *context = of_base(base);

	if (context->lost)
		return 0; /* it is of no use any more, and of no harm */
	if (!id_map_find(&context->known, resource->id)) {
		int err = id_map_insert(&context->known, resource->id, resource);
		if (err == 0) {
			err = bring(context, resource);
			if (err < 0)
				id_map_remove(&context->known, resource->id);
		}
		if (err < 0) {
			log_limited(&context->log_limit, LOG_LEVEL_WARN,
				"%s: resource %u cannot be attached: %s", base->name, resource->id,
				strerror(-err));
			return err;
		}
		if (resource->kind == RESOURCE_3D && resource->n_pages > 0)
			handle_backing(base, resource);
	}
	tell_about(context, RENDERER_ATTACH, resource->id);
	return 0;
}

static void handle_detach(struct context *base, struct resource *resource)
{
	struct renderer_context *context = of_base(base);
	if (id_map_find(&context->known, resource->id) == resource)
		tell_about(context, RENDERER_DETACH, resource->id);
}

static void handle_forget(struct context *base, struct resource *resource)
{
	struct renderer_context *context = of_base(base);
	if (id_map_find(&context->known, resource->id) != resource)
		return;
	id_map_remove(&context->known, resource->id);
	tell_about(context, RENDERER_UNREF, resource->id);
}

/* --- blobs --- */

/* The blob is not to be had: the guest's id goes, too. */
static void fail_blob(struct work *work, int err)
{
	struct resource *resource = work->resource;

	resource->pending = false;
	if (resource->id != 0) {
		id_map_remove(&work->context->known, resource->id);
		resource_forget(resource);
	}
	resource_unref(resource);
	request_complete(work->request, command_response(err));
	work_destroy(work);
}

static void handle_blob_done(
	struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct work *work = container_of(call, struct work, call);
	struct renderer_context *context = work->context;
	struct resource *resource = work->resource;

	int err = answer ? answer->error : -EIO;
	if (answer && err == 0) {
		err = renderer_blob_check(fd, answer, work->blob_bytes);
		if (err < 0) {
			log_limited(&context->log_limit, LOG_LEVEL_WARN,
				"%s: blob %u is no memory that can be used: %s", context->base.name,
				resource->id, strerror(-err));
			tell_about(context, RENDERER_UNREF, resource->id);
		}
	}
	context_wake(&context->base); /* what waited for it can go on */
	if (err < 0) {
		fd_close(&fd);
		fail_blob(work, err);
		return;
	}
	resource_settle(
		resource, fd, answer->blob.fd_offset, answer->blob.fd_type, answer->blob.map_info);
	resource_unref(resource);
	request_complete(work->request, VIRTIO_GPU_RESP_OK_NODATA);
	work_destroy(work);
}

static int handle_make_blob(struct context *base, struct resource *resource, uint64_t blob_id,
	uint64_t size, uint32_t flags, struct request *request)
{
	struct renderer_context *context = of_base(base);
	const struct renderer_request message = {
		.type = RENDERER_CREATE_BLOB,
		.resource_id = resource->id,
		.create_blob = {.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
			.blob_flags = flags,
			.blob_id = blob_id,
			.size = size},
	};

	if (context->lost)
		return -EIO;
	int err = resource_charge(resource, context->account);
	if (err < 0)
		return err;
	struct work *work = work_create(context, request, handle_blob_done);
	if (!work)
		return -ENOMEM;
	err = id_map_insert(&context->known, resource->id, resource);
	if (err < 0) {
		work_destroy(work);
		return err;
	}
	work->resource = resource_ref(resource);
	work->blob_bytes = size;
	renderer_link_send(context->link, &message, NULL, 0, -1, &work->call);
	return 0;
}

/* --- life --- */

static void handle_lost(void *data, const char *why)
{
	struct renderer_context *context = data;

	context->lost = true;
	context->base.host->counters->contexts_lost++;
	log_limited(&context->log_limit, LOG_LEVEL_WARN, "%s is lost: %s", context->base.name, why);
	context_wake(&context->base);
}

static void handle_drained(void *data)
{
	struct renderer_context *context = data;
	context_wake(&context->base);
}

static const struct renderer_link_listener link_listener = {
	.lost = handle_lost,
	.drained = handle_drained,
};

static void handle_service(struct context *base)
{
	/* It woke for those that wait for it. */
}

static void handle_destroy(struct context *base)
{
	struct renderer_context *context = of_base(base);
	struct work *work, *next;

	renderer_link_destroy(context->link);
	wl_list_for_each_safe(work, next, &context->works, link)
	{
		if (work->resource)
			fail_blob(work, -EIO);
		else
			work_destroy(work); /* its request is completed by the device */
	}
	id_map_finish(&context->known);
	resource_account_unref(context->account);
	free(context);
}

static const struct context_ops context_ops = {
	.destroy = handle_destroy,
	.attach = handle_attach,
	.detach = handle_detach,
	.submit = handle_submit,
	.fence = handle_fence,
	.make_blob = handle_make_blob,
	.forget = handle_forget,
	.backing = handle_backing,
	.transfer = handle_transfer,
	.busy = handle_busy,
	.service = handle_service,
};

struct context *renderer_context_create(
	const struct context_host *host, uint32_t id, uint32_t capset_id, const char *name)
{
	struct renderer_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	wl_list_init(&context->works);
	context->base.ops = &context_ops;
	context->base.host = host;
	context->base.id = id;
	context->kind = renderer_capset(host->renderer, capset_id)->kind;
	snprintf(context->base.name, sizeof(context->base.name), "%s context %u%s%s%s",
		renderer_kind_name(context->kind), id, name[0] ? " (" : "", name,
		name[0] ? ")" : "");
	/* No context takes all that there is. */
	context->account = resource_account_create(host->max_blob_bytes / 4 * 3);
	if (context->account)
		context->link = renderer_link_create(
			host->loop, host->renderer, context->kind, &link_listener, context);
	if (!context->link) {
		resource_account_unref(context->account);
		free(context);
		return NULL;
	}
	struct renderer_request request = {
		.type = RENDERER_CTX_CREATE, .ctx_create = {.capset_id = capset_id}};
	snprintf(request.ctx_create.name, sizeof(request.ctx_create.name), "%s", name);
	tell(context, &request);
	return &context->base;
}
