/*
 * Buffers of a GPU, by one worker for the whole machine. It has nothing of a guest's but sizes and
 * formats. If it ends it is started again, a few times; then, or when the GPU is gone, there are no
 * such buffers any more, and contexts take memory instead.
 */
#include "host-bridge/render/renderer_images.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/render/renderer_blob.h"
#include "host-bridge/render/renderer_link.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/pixels/pixel_format.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define MAX_MAKING 4096 /* at a time; a guest's requests wait for their answers */
#define MAX_OF_ONE 128  /* of these */
#define MAX_SENT 4      /* of these; the others wait here, so that everybody has a turn */
/*
 * What the worker may be making at a time: until its answer has been looked at nobody is charged
 * for it, and a guest may have lost interest. What takes more is made alone.
 */
#define MAX_SENT_BYTES (UINT64_C(256) << 20)
#define MAX_LOSSES 3 /* then it is not tried again */

struct renderer_images {
	struct image_maker base;
	struct renderer *renderer;
	struct wl_event_loop *loop;
	struct renderer_link *link; /* NULL: none has been started */
	bool lost;                  /* the link's worker */
	uint32_t n_losses;
	struct wl_list askers; /* asker::link: all, those whose turn is next first */
	struct wl_list sent;   /* making::link */
	uint32_t n_making, n_sent;
	uint64_t sent_bytes; /* making::bytes of those that were sent; at most MAX_SENT_BYTES */
	uint64_t made, bytes, tiled, refused;
};

/* A context that has something made. */
struct asker {
	struct wl_list link;
	const void *who;
	struct wl_list waiting; /* making::link, oldest first: not sent yet */
	uint32_t n_making;      /* with those that were */
};

struct making {
	struct wl_list link;
	struct asker *asker;
	struct renderer_call call;
	struct renderer_images *images;
	struct image_request request;
	struct image_call *owner; /* NULL: cancelled */
	uint64_t bytes;           /* about; at most MAX_SENT_BYTES */
	bool sent;
};

static struct renderer_images *images_of(struct image_maker *maker)
{
	return container_of(maker, struct renderer_images, base);
}

static void asker_unref(struct asker *asker)
{
	if (--asker->n_making > 0)
		return;
	wl_list_remove(&asker->link);
	free(asker);
}

/* The one that @who is, which makes one more. NULL: it makes enough, or memory is short. */
static struct asker *asker_ref(struct renderer_images *images, const void *who)
{
	struct asker *asker;

	wl_list_for_each(asker, &images->askers, link)
	{
		if (asker->who != who)
			continue;
		if (asker->n_making == MAX_OF_ONE)
			return NULL;
		asker->n_making++;
		return asker;
	}
	asker = calloc(1, sizeof(*asker));
	if (!asker)
		return NULL;
	asker->who = who;
	asker->n_making = 1;
	wl_list_init(&asker->waiting);
	wl_list_insert(images->askers.prev, &asker->link);
	return asker;
}

static void making_destroy(struct making *making)
{
	making->images->n_making--;
	if (making->sent) {
		making->images->n_sent--;
		making->images->sent_bytes -= making->bytes;
	}
	wl_list_remove(&making->link);
	asker_unref(making->asker);
	free(making);
}

static bool is_rows(const struct renderer_answer *answer)
{
	return answer->blob.modifier == DRM_FORMAT_MOD_LINEAR;
}

/* Whether the planes of a layout that only drivers know begin in its memory, and have some of it.
 */
static int check_planes(const struct image_request *request, const struct renderer_answer *answer)
{
	bool asked_for = false;

	for (uint32_t i = 0; i < request->n_modifiers; i++)
		asked_for |= request->modifiers[i] == answer->blob.modifier;
	if (!asked_for || answer->blob.strides[0] == 0)
		return -EINVAL;
	for (unsigned i = 0; i < IMAGE_MAX_PLANES; i++) {
		const uint32_t stride = answer->blob.strides[i], offset = answer->blob.offsets[i];
		if (stride == 0 ? offset != 0 : i > 0 && answer->blob.strides[i - 1] == 0)
			return -EINVAL;
		if (!range_fits(offset, stride, answer->blob.size))
			return -EMSGSIZE;
	}
	return 0;
}

/* What the worker has answered is not believed: 0, or why it cannot be used, -errno. */
static int check(const struct image_request *request, const struct renderer_answer *answer, int fd)
{
	int error = renderer_blob_check(fd, answer, answer->blob.size);
	const struct pixel_format *format = pixel_format_find(request->format);

	if (error < 0)
		return error;
	if (answer->blob.size == 0 || answer->blob.size % PAGE_BYTES != 0 ||
		answer->blob.map_info == 0 || !format || request->width > INT32_MAX ||
		request->height > INT32_MAX)
		return -EINVAL;
	if (!is_rows(answer))
		return check_planes(request, answer);
	if (image_is_bytes(request))
		return answer->blob.size >= request->width ? 0 : -EMSGSIZE;
	for (unsigned i = 0; i < format->n_planes; i++)
		if (!pixel_format_plane_fits(format, i, answer->blob.offsets[i],
			    answer->blob.strides[i], (int32_t)request->width,
			    (int32_t)request->height, answer->blob.size))
			return -EMSGSIZE;
	return 0;
}

static struct image image_from(const struct renderer_answer *answer)
{
	struct image image = {
		.size = answer->blob.size,
		.modifier = answer->blob.modifier,
		.fd_offset = answer->blob.fd_offset,
		.fd_type = answer->blob.fd_type,
		.map_info = is_rows(answer) ? answer->blob.map_info : 0,
	};

	static_assert(sizeof(image.strides) == sizeof(answer->blob.strides), "");
	memcpy(image.strides, answer->blob.strides, sizeof(image.strides));
	memcpy(image.offsets, answer->blob.offsets, sizeof(image.offsets));
	return image;
}

/* What the buffer takes, at least; no more than counts. */
static uint64_t request_bytes(const struct image_request *request)
{
	const struct pixel_format *format = pixel_format_find(request->format);
	uint64_t bytes = 0;

	for (unsigned i = 0; format && i < format->n_planes; i++) {
		const uint64_t row = pixel_format_row_bytes(format, i, request->width);
		const uint64_t rows = pixel_format_rows(format, i, request->height);
		if (row > 0 && rows > MAX_SENT_BYTES / row)
			return MAX_SENT_BYTES;
		bytes += row * rows;
	}
	return min_u64(bytes, MAX_SENT_BYTES);
}

static void send_one(struct renderer_images *images, struct making *making)
{
	const struct renderer_request message = {
		.type = RENDERER_ALLOCATE,
		.allocate = {.width = making->request.width,
			.height = making->request.height,
			.format = making->request.format,
			.flags = making->request.flags,
			.n_modifiers = making->request.n_modifiers},
	};

	static_assert(IMAGE_MAX_MODIFIERS <= RENDERER_MAX_MODIFIERS, "");
	making->sent = true;
	images->n_sent++;
	images->sent_bytes += making->bytes;
	wl_list_remove(&making->link);
	wl_list_insert(&images->sent, &making->link);
	renderer_link_send(images->link, &message, making->request.modifiers,
		making->request.n_modifiers * sizeof(making->request.modifiers[0]), -1,
		&making->call);
}

/* What is to be sent next: the oldest of whoever's turn it is. NULL: there is nothing. */
static struct making *next_of(struct renderer_images *images)
{
	struct asker *asker;

	wl_list_for_each(asker, &images->askers, link)
	{
		if (!wl_list_empty(&asker->waiting))
			return container_of(asker->waiting.next, struct making, link);
	}
	return NULL;
}

/* Nobody overtakes what needs more room than there is. */
static void send_some(struct renderer_images *images)
{
	struct making *making;

	while (images->n_sent < MAX_SENT && (making = next_of(images)) &&
		range_fits(images->sent_bytes, making->bytes, MAX_SENT_BYTES)) {
		struct asker *asker = making->asker;
		send_one(images, making);
		wl_list_remove(&asker->link);
		wl_list_insert(images->askers.prev, &asker->link);
	}
}

static void handle_done(struct renderer_call *call, const struct renderer_answer *answer, int fd)
{
	struct making *making = container_of(call, struct making, call);
	struct renderer_images *images = making->images;
	struct image_call *owner = making->owner;
	int error = answer ? answer->error : -EIO;

	if (error == 0)
		error = check(&making->request, answer, fd);
	making_destroy(making);
	if (answer) /* else the worker is lost */
		send_some(images);
	if (error < 0) {
		images->refused++;
		fd_close(&fd);
		if (owner)
			owner->done(owner, error, NULL, -1);
		return;
	}
	images->made++;
	images->bytes += answer->blob.size;
	images->tiled += !is_rows(answer);
	struct image image = image_from(answer);
	if (owner)
		owner->done(owner, 0, &image, fd);
	else
		fd_close(&fd);
}

static void handle_lost(void *data, const char *why)
{
	struct renderer_images *images = data;

	struct making *making;

	images->lost = true;
	images->n_losses++;
	/* What was sent is done; the others are, too. Whoever hears of it may ask or cancel. */
	for (uint32_t n = images->n_making; n > 0 && (making = next_of(images)); n--) {
		struct image_call *owner = making->owner;
		making_destroy(making);
		if (owner)
			owner->done(owner, -EIO, NULL, -1);
	}
	log_limited(LOG_LEVEL_WARN, "buffers of the GPU: %s%s", why,
		images->n_losses < MAX_LOSSES ? "" : "; from now on they are made of memory");
}

static void handle_drained(void *data)
{
}

static const struct renderer_link_listener link_listener = {
	.lost = handle_lost,
	.drained = handle_drained,
};

/* Sees to it that there is a worker. */
static int start(struct renderer_images *images)
{
	if (images->link && !images->lost)
		return 0;
	if (images->n_losses >= MAX_LOSSES)
		return -ENODEV;
	renderer_link_destroy(images->link);
	images->lost = false;
	images->link = renderer_link_create(
		images->loop, images->renderer, RENDERER_KIND_GBM, &link_listener, images);
	return images->link ? 0 : -ENOMEM;
}

static int make(
	struct image_maker *maker, const struct image_request *request, struct image_call *call)
{
	struct renderer_images *images = images_of(maker);
	int error = images->n_making < MAX_MAKING ? start(images) : -EBUSY;
	if (error < 0)
		return error;
	struct making *making = calloc(1, sizeof(*making));
	struct asker *asker = making ? asker_ref(images, call->asker) : NULL;
	if (!asker) {
		error = making ? -EBUSY : -ENOMEM;
		free(making);
		return error;
	}
	*making = (struct making){.asker = asker,
		.call = {.done = handle_done},
		.images = images,
		.request = *request,
		.owner = call,
		.bytes = request_bytes(request)};
	wl_list_insert(asker->waiting.prev, &making->link);
	images->n_making++;
	call->making = making;
	send_some(images);
	return 0;
}

static void cancel(struct image_maker *maker, struct image_call *call)
{
	struct making *making = call->making;

	making->owner = NULL;
	if (!making->sent)
		making_destroy(making);
}

struct renderer_images *renderer_images_create(
	struct renderer *renderer, struct wl_event_loop *loop)
{
	struct renderer_images *images = calloc(1, sizeof(*images));

	if (!images)
		return NULL;
	*images = (struct renderer_images){
		.base = {.make = make, .cancel = cancel}, .renderer = renderer, .loop = loop};
	wl_list_init(&images->askers);
	wl_list_init(&images->sent);
	return images;
}

void renderer_images_destroy(struct renderer_images *images)
{
	struct making *making, *next;

	if (!images)
		return;
	renderer_link_destroy(images->link);
	wl_list_for_each_safe(making, next, &images->sent, link) making_destroy(making);
	while ((making = next_of(images)))
		making_destroy(making);
	free(images);
}

struct image_maker *renderer_images_maker(struct renderer_images *images)
{
	return images ? &images->base : NULL;
}

void renderer_images_print(const struct renderer_images *images, FILE *file)
{
	const struct renderer_speed *speed = renderer_gbm_speed(images->renderer);

	fprintf(file, "gbm buffers made %llu\n", (unsigned long long)images->made);
	fprintf(file, "gbm buffer bytes made %llu\n", (unsigned long long)images->bytes);
	fprintf(file, "gbm buffers tiled %llu\n", (unsigned long long)images->tiled);
	fprintf(file, "gbm buffers refused %llu\n", (unsigned long long)images->refused);
	fprintf(file, "gbm MiB/s written %u\n", speed->buffer_written);
	fprintf(file, "memory MiB/s written %u\n", speed->memory_written);
}
