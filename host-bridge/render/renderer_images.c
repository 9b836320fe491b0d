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

#define MAX_MAKING 256 /* at a time; a guest's requests wait for their answers */
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
	struct wl_list making; /* making::link, oldest first; those that were sent come first */
	uint32_t n_making;
	uint64_t sent_bytes; /* making::bytes of those that were sent; at most MAX_SENT_BYTES */
	uint64_t made, bytes, refused;
};

struct making {
	struct wl_list link;
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

static void making_destroy(struct making *making)
{
	making->images->n_making--;
	if (making->sent)
		making->images->sent_bytes -= making->bytes;
	wl_list_remove(&making->link);
	free(making);
}

/* What the worker has answered is not believed: 0, or why it cannot be used, -errno. */
static int check(const struct image_request *request, const struct renderer_answer *answer, int fd)
{
	int error = renderer_blob_check(fd, answer, answer->blob.size);
	const struct pixel_format *format = pixel_format_find(request->format);

	if (error < 0)
		return error;
	if (answer->blob.size == 0 || answer->blob.size % PAGE_BYTES != 0 ||
		answer->blob.map_info == 0 || answer->blob.modifier != DRM_FORMAT_MOD_LINEAR ||
		!format || request->width > INT32_MAX || request->height > INT32_MAX)
		return -EINVAL;
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
		.map_info = answer->blob.map_info,
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

static void send_some(struct renderer_images *images)
{
	struct making *making;

	wl_list_for_each(making, &images->making, link)
	{
		if (making->sent)
			continue;
		if (!range_fits(images->sent_bytes, making->bytes, MAX_SENT_BYTES))
			return;
		making->sent = true;
		images->sent_bytes += making->bytes;
		const struct renderer_request message = {
			.type = RENDERER_ALLOCATE,
			.allocate = {.width = making->request.width,
				.height = making->request.height,
				.format = making->request.format,
				.flags = making->request.flags},
		};
		renderer_link_send(images->link, &message, NULL, 0, -1, &making->call);
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
	struct image image = image_from(answer);
	if (owner)
		owner->done(owner, 0, &image, fd);
	else
		fd_close(&fd);
}

static void handle_lost(void *data, const char *why)
{
	struct renderer_images *images = data;

	struct making *making, *next;

	images->lost = true;
	images->n_losses++;
	/* What was sent is done; the others are, too. */
	wl_list_for_each_safe(making, next, &images->making, link)
	{
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
	struct making *making = error == 0 ? calloc(1, sizeof(*making)) : NULL;

	if (!making)
		return error < 0 ? error : -ENOMEM;
	*making = (struct making){.call = {.done = handle_done},
		.images = images,
		.request = *request,
		.owner = call,
		.bytes = request_bytes(request)};
	wl_list_insert(images->making.prev, &making->link);
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
	wl_list_init(&images->making);
	return images;
}

void renderer_images_destroy(struct renderer_images *images)
{
	struct making *making, *next;

	if (!images)
		return;
	renderer_link_destroy(images->link);
	wl_list_for_each_safe(making, next, &images->making, link) making_destroy(making);
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
	fprintf(file, "gbm buffers refused %llu\n", (unsigned long long)images->refused);
	fprintf(file, "gbm MiB/s written %u\n", speed->buffer_written);
	fprintf(file, "memory MiB/s written %u\n", speed->memory_written);
}
