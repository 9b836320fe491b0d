/*
 * Images of a cross-domain context whose memory an image maker makes. What a guest asks about is
 * made once, to see how it is laid out, and given back; each blob of it is made anew. A blob that
 * cannot be made is ordinary memory of the same layout, so a GPU that goes away costs no window.
 * Only where the layout is not rows, as guests can ask for, there is no other memory.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#include "host-bridge/policy/base/policy_connection.h"
#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

/* An image, or a question about one, that the maker is working on for a context. */
struct image_work {
	struct wl_list link; /* cross_domain_context::images */
	struct image_call call;
	struct cross_domain_context *context;
	/* A question: */
	struct cross_domain_get_image_requirements question;
	struct pipe_waiter *waiter; /* holds its submission */
	uint64_t charged;           /* to QUOTA_BLOB_BYTES: it is made to see its layout */
	/* A blob: */
	struct resource *resource; /* a reference; NULL: it is a question */
	struct request *request;
	struct cross_domain_image_requirements layout;
	bool is_bytes;
};

static struct image_maker *maker_of(const struct cross_domain_context *context)
{
	return context->kind->maker;
}

/* What the maker is asked for. A guest that takes any layout gets one that the compositor knows. */
static struct image_request wanted_of(const struct cross_domain_context *context,
	const struct cross_domain_get_image_requirements *question)
{
	struct image_request wanted = blob_ids_wanted(question);

	static_assert(ARRAY_LENGTH(wanted.modifiers) == POLICY_LAYOUTS, "");
	if (question->flags & CROSS_DOMAIN_IMAGE_ANY_LAYOUT &&
		!(question->flags & CROSS_DOMAIN_IMAGE_LINEAR) && !image_is_bytes(&wanted) &&
		context->compositor)
		wanted.n_modifiers = compositor_layouts(
			context->compositor, question->drm_format, wanted.modifiers);
	return wanted;
}

static struct image_work *work_create(struct cross_domain_context *context,
	void (*done)(struct image_call *call, int error, const struct image *image, int fd))
{
	struct image_work *work = calloc(1, sizeof(*work));
	if (!work)
		return NULL;
	work->context = context;
	work->call.done = done;
	work->call.asker = context;
	wl_list_insert(context->images.prev, &work->link);
	return work;
}

static void work_destroy(struct image_work *work)
{
	quota_release(work->context->base.host->quota, QUOTA_BLOB_BYTES, work->charged);
	wl_list_remove(&work->link);
	free(work);
}

/* --- questions --- */

static void handle_answer(struct image_call *call, int error, const struct image *image, int fd)
{
	struct image_work *work = container_of(call, struct image_work, call);
	struct cross_domain_context *context = work->context;
	struct cross_domain_image_requirements answer;

	fd_close(&fd);
	/* It may have asked for the same twice. */
	if (error == 0 && blob_ids_has_image(&context->blob_ids, &work->question))
		error = -EEXIST;
	if (error == 0)
		error = blob_ids_add_made(
			&context->blob_ids, &work->question, image, &context->last_id, &answer);
	if (error < 0)
		error = blob_ids_image(
			&context->blob_ids, &work->question, &context->last_id, &answer);
	if (error == 0 && context->query_ring)
		resource_copy_in(context->query_ring, 0, &answer, sizeof(answer));
	struct pipe_waiter *waiter = work->waiter;
	work_destroy(work);
	waiter->done(waiter);
}

/* Has the image made, charged to the machine. False: that cannot be done. */
static bool begin_question(struct image_work *work, uint64_t bytes)
{
	struct cross_domain_context *context = work->context;
	const struct image_request wanted = wanted_of(context, &work->question);

	if (!quota_charge(context->base.host->quota, QUOTA_BLOB_BYTES, bytes))
		return false;
	work->charged = bytes;
	return maker_of(context)->make(maker_of(context), &wanted, &work->call) == 0;
}

bool cross_domain_ask_maker(struct cross_domain_context *context,
	const struct cross_domain_get_image_requirements *request)
{
	if (!maker_of(context) || blob_ids_has_image(&context->blob_ids, request))
		return false;
	const uint64_t bytes = blob_ids_plain_bytes(&context->blob_ids, request);
	struct pipe_waiter *waiter = bytes > 0 ? cross_domain_hold_submission(context) : NULL;
	struct image_work *work = waiter ? work_create(context, handle_answer) : NULL;
	if (work) {
		work->question = *request;
		work->waiter = waiter;
	}
	if (work && begin_question(work, bytes))
		return true;
	if (work)
		work_destroy(work);
	if (waiter)
		waiter->done(waiter); /* the submission's own hold is still there */
	return false;
}

/* --- blobs --- */

/* The blob gets no memory: the guest's resource id is free again. */
static void refuse(struct image_work *work)
{
	struct resource *resource = work->resource;

	resource_release_fds(resource);
	resource_set_pending(resource, false);
	if (resource->id != 0)
		resource_forget(resource);
	context_wake(&work->context->base);
	request_complete(work->request, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	resource_unref(resource);
	work_destroy(work);
}

/* The blob has its memory: @fd, which is taken, or (-1) ordinary memory once it is mapped. */
static void complete(struct image_work *work, const struct image *image, int fd)
{
	struct resource *resource = work->resource;

	resource->is_image = !work->is_bytes;
	resource->modifier = work->layout.modifier;
	if (image) {
		resource_settle(resource, fd, image->fd_offset, image->fd_type, image->map_info);
	} else {
		resource_release_fds(resource);
		resource_set_pending(resource, false);
	}
	context_wake(&work->context->base); /* commands that wait for the blob go on */
	request_complete(work->request, VIRTIO_GPU_RESP_OK_NODATA);
	resource_unref(resource);
	work_destroy(work);
}

/* The maker has none. */
static void do_without(struct image_work *work)
{
	if (work->layout.modifier == DRM_FORMAT_MOD_LINEAR)
		complete(work, NULL, -1);
	else
		refuse(work);
}

/* Whether the image is what the guest was told before. Plain bytes have no strides and offsets. */
static bool is_as_told(const struct image_work *work, const struct image *image)
{
	return image->size >= work->resource->size && image->modifier == work->layout.modifier &&
		(work->is_bytes ||
			(memcmp(image->strides, work->layout.strides, sizeof(image->strides)) ==
					0 &&
				memcmp(image->offsets, work->layout.offsets,
					sizeof(image->offsets)) == 0));
}

static void handle_made(struct image_call *call, int error, const struct image *image, int fd)
{
	struct image_work *work = container_of(call, struct image_work, call);

	/* A GPU's memory may come in larger pieces than the guest's. */
	if (error == 0 && is_as_told(work, image) &&
		resource_charge_more(work->resource, image->size - work->resource->size) == 0) {
		complete(work, image, fd);
		return;
	}
	fd_close(&fd);
	do_without(work);
}

bool cross_domain_makes_blob(const struct context *base, uint64_t blob_id)
{
	const struct cross_domain_context *context =
		container_of(base, const struct cross_domain_context, base);
	struct image_request request;

	return blob_ids_made(&context->blob_ids, blob_id, 0, &request, NULL);
}

int cross_domain_make_blob(struct context *base, struct resource *resource, uint64_t blob_id,
	uint64_t size, uint32_t flags, struct request *request)
{
	struct cross_domain_context *context = cross_domain_from(base);
	struct context_blob ordinary;
	struct image_request wanted;

	int err = blob_ids_create(&context->blob_ids, blob_id, size, &ordinary);
	if (err < 0)
		return err;
	struct image_work *work = work_create(context, handle_made);
	if (!work)
		return -ENOMEM;
	blob_ids_made(&context->blob_ids, blob_id, resource->size, &wanted, &work->layout);
	work->is_bytes = image_is_bytes(&wanted);
	work->resource = resource_ref(resource);
	work->request = request;
	err = resource_charge_fds(resource);
	if (err == 0)
		err = maker_of(context)->make(maker_of(context), &wanted, &work->call);
	if (err < 0)
		do_without(work);
	return 0;
}

/* --- the end --- */

void cross_domain_finish_images(struct cross_domain_context *context)
{
	struct image_work *work, *next;

	wl_list_for_each_safe(work, next, &context->images, link)
	{
		maker_of(context)->cancel(maker_of(context), &work->call);
		if (work->resource) {
			do_without(work);
			continue;
		}
		struct pipe_waiter *waiter = work->waiter;
		work_destroy(work);
		waiter->done(waiter);
	}
}
