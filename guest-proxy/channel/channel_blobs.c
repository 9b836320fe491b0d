/* Memory of a channel that the host compositor sees, too. */
#include "guest-proxy/channel/channel_private.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "channel"
#include "protocol/base/log.h"

/* Plain bytes: DRM_FORMAT_R8, one row of them, GBM_BO_USE_LINEAR. */
#define FORMAT_R8 UINT32_C(0x20203852)
#define USE_LINEAR 16

struct blob {
	struct channel_blob base;
	struct wl_list link; /* channel_blobs::live */
};

void channel_blobs_init(struct channel_blobs *blobs)
{
	wl_list_init(&blobs->live);
}

/* Ends what stands behind @blob; who holds references still has the struct. */
static void blob_vacate(struct blob *blob)
{
	struct channel *channel = blob->base.channel;
	if (!channel)
		return;
	struct channel_counters *counters = channel_counters_mutable(channel);
	counters->blobs--;
	counters->blob_bytes -= blob->base.gpu->size;
	channel_gpu(channel)->ops->blob_destroy(blob->base.gpu);
	wl_list_remove(&blob->link);
	blob->base.channel = NULL;
	blob->base.gpu = NULL;
	blob->base.map = NULL;
}

void channel_blobs_finish(struct channel_blobs *blobs)
{
	struct blob *blob, *next;
	wl_list_for_each_safe(blob, next, &blobs->live, link) blob_vacate(blob);
}

/* @blob has got its gpu part. */
static struct channel_blob *blob_enter(struct channel *channel, struct blob *blob, size_t size)
{
	blob->base.refs = 1;
	blob->base.channel = channel;
	blob->base.map = blob->base.gpu->map;
	blob->base.size = size;
	wl_list_insert(&channel_blobs(channel)->live, &blob->link);
	struct channel_counters *counters = channel_counters_mutable(channel);
	counters->blobs++;
	counters->blob_bytes += blob->base.gpu->size;
	return &blob->base;
}

static int blob_create(struct channel *channel, enum gpu_blob_memory memory, uint32_t blob_id,
	size_t gpu_size, size_t size, struct channel_blob **out)
{
	struct blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return -ENOMEM;
	int error = channel_gpu(channel)->ops->blob_create(
		channel_context(channel), memory, blob_id, gpu_size, &blob->base.gpu);
	if (error < 0) {
		free(blob);
		return error;
	}
	*out = blob_enter(channel, blob, size);
	return 0;
}

int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out)
{
	const struct gpu_ops *ops = channel_gpu(channel)->ops;
	if (channel_is_lost(channel))
		return -EPIPE;
	if (!ops->blob_import)
		return -ENODEV;
	struct blob *blob = calloc(1, sizeof(*blob));
	if (!blob)
		return -ENOMEM;
	int error = ops->blob_import(channel_context(channel), fd, &blob->base.gpu);
	if (error < 0) {
		free(blob);
		return error;
	}
	*out = blob_enter(channel, blob, blob->base.gpu->size);
	return 0;
}

/* What the host has for @blob_id, in memory of this side. */
static int fetch(struct channel *channel, uint32_t blob_id, size_t size, struct channel_blob **out)
{
	struct cross_domain_fetch command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_FETCH, .cmd_size = sizeof(command)},
		.blob_id = blob_id,
	};
	int error = blob_create(channel, GPU_BLOB_GUEST, 0, size, size, out);
	if (error < 0)
		return error;
	command.resource_id = (*out)->gpu->resource_id;
	error = channel_gpu(channel)->ops->submit(channel_context(channel), &command,
		sizeof(command), GPU_FENCE_WAIT, false, &(*out)->gpu, 1);
	channel_counters_mutable(channel)->submissions++;
	if (error < 0)
		channel_blob_unref(*out);
	return error;
}

int channel_blob_receive(
	struct channel *channel, uint32_t blob_id, size_t size, struct channel_blob **out)
{
	int error = blob_create(channel, GPU_BLOB_HOST, blob_id, size, size, out);
	if ((error == -EINVAL || error == -ENODEV) &&
		channel_has_feature(channel, CROSS_DOMAIN_EXT_FETCH))
		error = fetch(channel, blob_id, size, out);
	return error;
}

/* @size rounded up to the next of the sizes that are asked for: few, and at most a quarter too
 * large. */
static uint64_t class_size(size_t size)
{
	uint64_t pages = align_up(size, PAGE_BYTES) / PAGE_BYTES, step = 1;
	while (pages / step >= 8)
		step *= 2;
	return align_up(pages, step) * PAGE_BYTES;
}

/* Asks the host what memory of @size bytes (a class) is; kept, as the answer holds while the
 * context lives. */
static int find_class(struct channel *channel, uint64_t size, struct channel_class *out)
{
	struct channel_blobs *blobs = channel_blobs(channel);
	struct gpu_blob *ring = channel_query_ring(channel);
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
	int error = channel_gpu(channel)->ops->submit(channel_context(channel), &request,
		sizeof(request), GPU_FENCE_WAIT, false, &ring, 1);
	if (error < 0)
		return error;
	channel_counters_mutable(channel)->submissions++;
	memcpy(&answer, ring->map, sizeof(answer));
	if (answer.blob_id == 0 || answer.size < size || answer.size > 2 * size)
		return -EPROTO;
	*out = (struct channel_class){.size = size, .blob_id = answer.blob_id};
	if (blobs->n_classes < CHANNEL_MAX_CLASSES)
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

int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out)
{
	struct gpu *gpu = channel_gpu(channel);
	if (channel_is_lost(channel))
		return -EPIPE;
	if (size == 0 || size > INT32_MAX)
		return -ENOMEM;
	uint64_t rounded = class_size(size);
	int error = -EINVAL;
	if (channel_has_feature(channel, CROSS_DOMAIN_EXT_GUEST_SHARED))
		learn_memory(gpu, GPU_BLOB_GUEST, "this side's memory, which the host shares");
	if (!gpu->has_memory || gpu->memory == GPU_BLOB_HOST) {
		struct channel_class class;
		error = find_class(channel, rounded, &class);
		if (error == 0)
			error = blob_create(
				channel, GPU_BLOB_HOST, class.blob_id, rounded, size, out);
		if (error == 0)
			learn_memory(gpu, GPU_BLOB_HOST, "the host's memory, mapped here");
	}
	if (!gpu->has_memory && (error == -EINVAL || error == -ENODEV))
		learn_memory(gpu, GPU_BLOB_GUEST, "this side's memory, which the host copies");
	if (gpu->has_memory && gpu->memory == GPU_BLOB_GUEST)
		error = blob_create(channel, GPU_BLOB_GUEST, 0, rounded, size, out);
	if (error == 0 || error == -ENOMEM)
		return error;
	return channel_lose(channel, "the host gives no memory for buffers");
}

struct channel_blob *channel_blob_ref(struct channel_blob *blob)
{
	blob->refs++;
	return blob;
}

void channel_blob_unref(struct channel_blob *base)
{
	if (--base->refs > 0)
		return;
	struct blob *blob = container_of(base, struct blob, base);
	blob_vacate(blob);
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
