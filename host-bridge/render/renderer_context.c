/*
 * 3D contexts: commands of the guest become requests to the context's worker.
 *
 * Nothing waits here. Requests that only change state are sent and taken as done: the worker
 * carries them out in order, and a failure shows in the answers to later requests that depend on
 * them. Submissions, transfers and blobs are answered to the guest when the worker answers. When a
 * worker is lost, so is its context: open requests fail at once, later ones are refused, and memory
 * that it has exported stays valid.
 */
#include "host-bridge/render/renderer_context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host-bridge/resources/quota.h"
#include "host-bridge/contexts/requests.h"
#include "host-bridge/render/renderer_blob.h"
#include "host-bridge/render/renderer_impl.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "context"

#define CONTEXT_FDS 20 /* its socket, and what waits for room in it */

/* --- work --- */

static void handle_work_done(
	struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct renderer_work *work = container_of(call, struct renderer_work, call);

	fd_close(&fd); /* this answer has none */
	if (work->request->fenced && work->request->ring >= 0)
		work->context->base.host->counters->fences++;
	request_complete(work->request, command_response(answer ? answer->error : -EIO));
	renderer_work_destroy(work);
}

/* Sends @message; its answer completes @request. */
static int ask(
	struct renderer_context *context, struct renderer_request *message, struct request *request)
{
	struct renderer_work *work = renderer_work_create(context, request, handle_work_done);
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
	struct renderer_context *context = renderer_of_base(base);

	if (context->lost)
		return -EIO;
	if (context->n_works >= RENDERER_MAX_WORKS)
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
	struct renderer_context *context = renderer_of_base(base);
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

/* Submissions and transfers are completed when they are done: no fence is left to be held. */
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

/* --- blobs --- */

/* The blob could not be made: the guest's resource id is freed, too. */
static void fail_blob(struct renderer_work *work, int err)
{
	struct resource *resource = work->resource;

	resource_set_pending(resource, false);
	if (resource->id != 0) {
		id_map_remove(&work->context->known, resource->id);
		resource_forget(resource);
	}
	resource_unref(resource);
	request_complete(work->request, command_response(err));
	renderer_work_destroy(work);
}

static void handle_blob_done(
	struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct renderer_work *work = container_of(call, struct renderer_work, call);
	struct renderer_context *context = work->context;
	struct resource *resource = work->resource;

	int err = answer ? answer->error : -EIO;
	if (answer && err == 0) {
		err = renderer_blob_check(fd, answer, work->blob_bytes);
		if (err < 0) {
			log_limited(LOG_LEVEL_WARN, "%s: blob %u is no memory that can be used: %s",
				context->base.name, resource->id, strerror(-err));
			renderer_tell_about(context, RENDERER_UNREF, resource->id);
		}
	}
	context_wake(&context->base); /* commands that wait for the blob go on */
	if (err < 0) {
		fd_close(&fd);
		fail_blob(work, err);
		return;
	}
	resource_settle(
		resource, fd, answer->blob.fd_offset, answer->blob.fd_type, answer->blob.map_info);
	resource_unref(resource);
	request_complete(work->request, VIRTIO_GPU_RESP_OK_NODATA);
	renderer_work_destroy(work);
}

static int handle_make_blob(struct context *base, struct resource *resource, uint64_t blob_id,
	uint64_t size, uint32_t flags, struct request *request)
{
	struct renderer_context *context = renderer_of_base(base);
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
	int err = resource_charge_fds(resource);
	if (err == 0)
		err = resource_charge(resource, context->account);
	if (err < 0)
		return err;
	struct renderer_work *work = renderer_work_create(context, request, handle_blob_done);
	if (!work)
		return -ENOMEM;
	err = id_map_insert(&context->known, resource->id, resource);
	if (err < 0) {
		renderer_work_destroy(work);
		return err;
	}
	resource->home = renderer_link_worker(context->link);
	work->resource = resource_ref(resource);
	work->blob_bytes = size;
	renderer_link_send(context->link, &message, NULL, 0, -1, &work->call);
	return 0;
}

/* --- life --- */

static void handle_lost(void *data, const char *why)
{
	struct renderer_context *context = data;

	const uint64_t worker = renderer_link_worker(context->link);
	uint32_t position = 0;

	context->lost = true;
	for (struct resource *resource; (resource = id_map_next(&context->known, &position));)
		resource->abandoned |= resource->home == worker;
	context->base.host->counters->contexts_lost++;
	log_limited(LOG_LEVEL_WARN, "%s is lost: %s", context->base.name, why);
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
	/* The wake itself was the point: commands that waited are executed again. */
}

static void release(struct vm_quota *quota)
{
	quota_release(quota, QUOTA_3D_CONTEXTS, 1);
	quota_release(quota, QUOTA_FDS, CONTEXT_FDS);
}

static void handle_destroy(struct context *base)
{
	struct renderer_context *context = renderer_of_base(base);
	struct renderer_work *work, *next;

	renderer_link_destroy(context->link);
	wl_list_for_each_safe(work, next, &context->works, link)
	{
		if (work->resource)
			work->call.done(&work->call, NULL, -1);
		else
			renderer_work_destroy(work); /* its request is completed by the device */
	}
	id_map_finish(&context->known);
	resource_account_unref(context->account);
	release(base->host->quota);
	free(context);
}

static const struct context_ops context_ops = {
	.destroy = handle_destroy,
	.attach = renderer_attach,
	.detach = renderer_detach,
	.submit = handle_submit,
	.fence = handle_fence,
	.make_blob = handle_make_blob,
	.forget = renderer_forget,
	.backing = renderer_backing,
	.transfer = handle_transfer,
	.busy = handle_busy,
	.service = handle_service,
};

/* False: *@exceeded is the limit that does not allow one more context. */
static bool charge(struct vm_quota *quota, enum quota_limit *exceeded)
{
	*exceeded = QUOTA_3D_CONTEXTS;
	if (!quota_charge(quota, QUOTA_3D_CONTEXTS, 1))
		return false;
	*exceeded = QUOTA_FDS;
	if (quota_charge(quota, QUOTA_FDS, CONTEXT_FDS))
		return true;
	quota_release(quota, QUOTA_3D_CONTEXTS, 1);
	return false;
}

static struct context *create(struct context_kind *base, uint32_t id, const char *name)
{
	const struct renderer_context_kind *kind =
		container_of(base, struct renderer_context_kind, base);
	char text[QUOTA_TEXT_MAX];

	enum quota_limit exceeded;
	if (!charge(base->host->quota, &exceeded)) {
		log_limited(LOG_LEVEL_WARN, "%s context %u is refused: %s",
			renderer_kind_name(kind->capset->kind), id,
			quota_explain(base->host->quota, exceeded, text));
		return NULL;
	}
	struct renderer_context *context = calloc(1, sizeof(*context));
	if (!context) {
		release(base->host->quota);
		return NULL;
	}
	wl_list_init(&context->works);
	context->base.ops = &context_ops;
	context->base.host = base->host;
	context->base.id = id;
	context->kind = kind->capset->kind;
	snprintf(context->base.name, sizeof(context->base.name), "%s context %u%s%s%s",
		renderer_kind_name(context->kind), id, name[0] ? " (" : "", name,
		name[0] ? ")" : "");
	/* One context gets at most three quarters of the machine's memory for blobs. */
	context->account = resource_account_create(base->host->max_blob_bytes / 4 * 3);
	if (context->account)
		context->link = renderer_link_create(
			base->host->loop, kind->renderer, context->kind, &link_listener, context);
	if (!context->link) {
		release(base->host->quota);
		resource_account_unref(context->account);
		free(context);
		return NULL;
	}
	struct renderer_request request = {
		.type = RENDERER_CTX_CREATE, .ctx_create = {.capset_id = base->capset_id}};
	snprintf(request.ctx_create.name, sizeof(request.ctx_create.name), "%s", name);
	renderer_tell(context, &request);
	return &context->base;
}

/* --- the kind --- */

static void fill_capset(const struct context_kind *base, uint8_t *out)
{
	const struct renderer_capset *capset =
		container_of(base, const struct renderer_context_kind, base)->capset;
	memcpy(out, capset->data, capset->size);
}

void renderer_context_kind_init(struct renderer_context_kind *kind, struct renderer *renderer,
	const struct renderer_capset *capset)
{
	static_assert(RENDERER_MAX_CAPSET_BYTES <= CONTEXT_MAX_CAPSET_BYTES, "");
	*kind = (struct renderer_context_kind){
		.base = {.capset_id = capset->id,
			.capset_version = capset->max_version,
			.capset_bytes = capset->size,
			.renders = true,
			.fill_capset = fill_capset,
			.create = create},
		.renderer = renderer,
		.capset = capset,
	};
}
