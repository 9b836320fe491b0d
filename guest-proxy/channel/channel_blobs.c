/* Memory of a cross-domain context that the host's compositor sees, too. */
#include "guest-proxy/channel/channel_blobs.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

/* Plain bytes: DRM_FORMAT_R8, one row of them, GBM_BO_USE_LINEAR. */
#define FORMAT_R8 UINT32_C(0x20203852)
#define USE_LINEAR 16

void channel_blobs_init(struct channel_blobs *blobs)
{
	*blobs = (struct channel_blobs){0};
	wl_list_init(&blobs->live);
}

/* Frees the memory behind @blob; those who hold references keep the struct. */
static void blob_release_memory(struct channel_blob *blob)
{
	struct channel_blobs *blobs = blob->owner;
	if (!blobs)
		return;
	blobs->counters->blobs--;
	blobs->counters->blob_bytes -= blob->gpu->size;
	blobs->gpu->ops->blob_destroy(blob->gpu);
	wl_list_remove(&blob->link);
	blob->owner = NULL;
	blob->gpu = NULL;
	blob->map = NULL;
}

void channel_blobs_finish(struct channel_blobs *blobs)
{
	struct channel_blob *blob, *next;
	wl_list_for_each_safe(blob, next, &blobs->live, link) blob_release_memory(blob);
}

/* A blob over @gpu_blob (taken, also on error). 0 or -ENOMEM. */
static int blob_add(struct channel_blobs *blobs, struct gpu_blob *gpu_blob, size_t size,
	struct channel_blob **out)
{
	struct channel_blob *blob = calloc(1, sizeof(*blob));
	if (!blob) {
		blobs->gpu->ops->blob_destroy(gpu_blob);
		return -ENOMEM;
	}
	*blob = (struct channel_blob){
		.refs = 1,
		.owner = blobs,
		.gpu = gpu_blob,
		.map = gpu_blob->map,
		.size = size,
	};
	wl_list_insert(&blobs->live, &blob->link);
	blobs->counters->blobs++;
	blobs->counters->blob_bytes += gpu_blob->size;
	*out = blob;
	return 0;
}

static int blob_create(struct channel_blobs *blobs, enum gpu_blob_memory memory, uint32_t blob_id,
	size_t gpu_size, size_t size, struct channel_blob **out)
{
	struct gpu_blob *gpu_blob;
	int error =
		blobs->gpu->ops->blob_create(blobs->context, memory, blob_id, gpu_size, &gpu_blob);
	return error < 0 ? error : blob_add(blobs, gpu_blob, size, out);
}

int channel_blobs_import(struct channel_blobs *blobs, int fd, struct channel_blob **out)
{
	const struct gpu_ops *ops = blobs->gpu->ops;
	struct gpu_blob *gpu_blob;
	int error = ops->blob_import ? ops->blob_import(blobs->context, fd, &gpu_blob) : -ENODEV;
	return error < 0 ? error : blob_add(blobs, gpu_blob, gpu_blob->size, out);
}

/* Has the host copy what it calls @blob_id into memory of the guest. */
static int fetch(
	struct channel_blobs *blobs, uint32_t blob_id, size_t size, struct channel_blob **out)
{
	struct cross_domain_fetch command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_FETCH, .cmd_size = sizeof(command)},
		.blob_id = blob_id,
	};
	int error = blob_create(blobs, GPU_BLOB_GUEST, 0, size, size, out);
	if (error < 0)
		return error;
	command.resource_id = (*out)->gpu->resource_id;
	error = blobs->gpu->ops->submit(
		blobs->context, &command, sizeof(command), GPU_FENCE_WAIT, false, &(*out)->gpu, 1);
	blobs->counters->submissions++;
	if (error < 0)
		channel_blob_unref(*out);
	return error;
}

int channel_blobs_receive(
	struct channel_blobs *blobs, uint32_t blob_id, size_t size, struct channel_blob **out)
{
	int error = blob_create(blobs, GPU_BLOB_HOST, blob_id, size, size, out);
	if ((error == -EINVAL || error == -ENODEV) && (blobs->features & CROSS_DOMAIN_EXT_FETCH))
		error = fetch(blobs, blob_id, size, out);
	return error;
}

/* @size rounded up to one of a few sizes; at most a quarter is wasted. */
static uint64_t class_size(size_t size)
{
	uint64_t pages = align_up(size, PAGE_BYTES) / PAGE_BYTES, step = 1;
	while (pages / step >= 8)
		step *= 2;
	return align_up(pages, step) * PAGE_BYTES;
}

/*
 * Asks the host what memory of @size bytes (a class) is. The answer holds while the context lives,
 * so it is kept.
 */
static int find_class(struct channel_blobs *blobs, uint64_t size, struct channel_blobs_class *out)
{
	struct gpu_blob *ring = blobs->query_ring;
	for (unsigned i = 0; i < blobs->n_classes; i++) {
		if (blobs->classes[i].size == size) {
			*out = blobs->classes[i];
			return 0;
		}
	}
	const struct cross_domain_get_image_requirements request = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS,
			.cmd_size = sizeof(request)},
		.width = (uint32_t)size,
		.height = 1,
		.drm_format = FORMAT_R8,
		.flags = USE_LINEAR,
	};
	struct cross_domain_image_requirements answer;
	memset(ring->map, 0, sizeof(answer));
	int error = blobs->gpu->ops->submit(
		blobs->context, &request, sizeof(request), GPU_FENCE_WAIT, false, &ring, 1);
	if (error < 0)
		return error;
	blobs->counters->submissions++;
	memcpy(&answer, ring->map, sizeof(answer));
	if (answer.blob_id == 0 || answer.size < size || answer.size > 2 * size)
		return -EPROTO;
	*out = (struct channel_blobs_class){.size = size, .blob_id = answer.blob_id};
	if (blobs->n_classes < CHANNEL_BLOBS_CLASSES)
		blobs->classes[blobs->n_classes++] = *out;
	return 0;
}

static void learn_memory(struct gpu *gpu, enum gpu_blob_memory memory, const char *text)
{
	if (gpu->has_memory)
		return;
	gpu->has_memory = true;
	gpu->memory = memory;
	log_info("%s: buffers are made of %s", gpu->ops->describe(gpu), text);
}

int channel_blobs_create(struct channel_blobs *blobs, size_t size, struct channel_blob **out)
{
	struct gpu *gpu = blobs->gpu;
	if (size == 0 || size > INT32_MAX)
		return -ENOMEM;
	uint64_t rounded = class_size(size);
	int error = -EINVAL;
	if (blobs->features & CROSS_DOMAIN_EXT_GUEST_SHARED)
		learn_memory(gpu, GPU_BLOB_GUEST, "this side's memory, which the host shares");
	if (!gpu->has_memory || gpu->memory == GPU_BLOB_HOST) {
		struct channel_blobs_class class;
		error = find_class(blobs, rounded, &class);
		if (error == 0)
			error = blob_create(
				blobs, GPU_BLOB_HOST, class.blob_id, rounded, size, out);
		if (error == 0)
			learn_memory(gpu, GPU_BLOB_HOST, "the host's memory, mapped here");
	}
	if (!gpu->has_memory && (error == -EINVAL || error == -ENODEV))
		learn_memory(gpu, GPU_BLOB_GUEST, "this side's memory, which the host copies");
	if (gpu->has_memory && gpu->memory == GPU_BLOB_GUEST)
		error = blob_create(blobs, GPU_BLOB_GUEST, 0, rounded, size, out);
	return error;
}

struct channel_blob *channel_blob_ref(struct channel_blob *blob)
{
	blob->refs++;
	return blob;
}

void channel_blob_unref(struct channel_blob *blob)
{
	if (--blob->refs > 0)
		return;
	blob_release_memory(blob);
	free(blob);
}

static void handle_unref(void *blob)
{
	channel_blob_unref(blob);
}

struct wire_handle channel_blob_handle(struct channel_blob *blob)
{
	return (struct wire_handle){
		.kind = WIRE_BLOB,
		.fd = -1,
		.blob = channel_blob_ref(blob),
		.blob_unref = handle_unref,
	};
}
