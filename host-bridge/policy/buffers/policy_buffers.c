/*
 * Policy: buffers. A guest's wl_shm pool is a blob of the virtio-gpu device in the memfd of the
 * host-visible region. The compositor gets that memfd, with sizes and offsets moved by where the
 * blob lies in it. It cannot see the blob's bounds, so what the guest says about its pool is
 * checked here.
 */
#include "host-bridge/policy/buffers/policy_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wayland-server-protocol.h>

#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

/* Gives @pool a shadow of its blob's size. The fd for the compositor, the caller's, or -errno. */
static int shadow_create(struct shm_pool *pool)
{
	const struct resource *blob = pool->memory.blob;
	if (!quota_charge(pool->quota, QUOTA_SHADOW_BYTES, blob->size))
		return -EDQUOT;
	int fd = fd_memfd("wayferry-shadow", blob->size);
	if (fd < 0) {
		quota_release(pool->quota, QUOTA_SHADOW_BYTES, blob->size);
		return fd;
	}
	void *shadow = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shadow == MAP_FAILED) {
		int error = -errno;
		fd_close(&fd);
		quota_release(pool->quota, QUOTA_SHADOW_BYTES, blob->size);
		return error;
	}
	pool->shadow = shadow;
	pool->shadow_bytes = blob->size;
	pool->counters->shadow_bytes += blob->size;
	return fd;
}

static void shadow_destroy(struct shm_pool *pool)
{
	if (!pool->shadow)
		return;
	munmap(pool->shadow, pool->shadow_bytes);
	pool->counters->shadow_bytes -= pool->shadow_bytes;
	quota_release(pool->quota, QUOTA_SHADOW_BYTES, pool->shadow_bytes);
}

void shm_pool_unref(struct shm_pool *pool)
{
	if (!pool || --pool->refs > 0)
		return;
	shadow_destroy(pool);
	quota_release(pool->quota, QUOTA_SHM_POOLS, 1);
	wire_handle_finish(&pool->memory);
	free(pool);
}

static void handle_pool_destroyed(struct relay_object *object)
{
	shm_pool_unref(object->data);
	object->data = NULL;
}

struct shm_buffer *shm_buffer_ref(struct shm_buffer *buffer)
{
	buffer->refs++;
	return buffer;
}

void shm_buffer_unref(struct shm_buffer *buffer)
{
	if (!buffer || --buffer->refs > 0)
		return;
	shm_pool_unref(buffer->pool);
	for (size_t i = 0; i < ARRAY_LENGTH(buffer->planes); i++)
		wire_handle_finish(&buffer->planes[i]);
	relay_ref_set(&buffer->twin, NULL);
	quota_release(buffer->quota, QUOTA_SHM_POOLS, buffer->charged_twin);
	quota_release(buffer->quota, QUOTA_DMABUF_FDS, buffer->n_fds);
	quota_release(buffer->quota, QUOTA_BUFFERS, 1);
	free(buffer);
}

static void handle_buffer_destroyed(struct relay_object *object)
{
	shm_buffer_unref(object->data);
	object->data = NULL;
}

void buffer_size(const struct relay_object *object, int32_t *width, int32_t *height)
{
	const struct shm_buffer *buffer = object ? object->data : NULL;

	*width = *height = object != NULL; /* a single pixel, where it is of another factory */
	if (!buffer)
		return;
	*width = buffer->width;
	*height = buffer->height;
}

uint64_t buffer_bytes(const struct relay_object *object)
{
	const struct shm_buffer *buffer = object->data;
	return buffer ? (uint64_t)buffer->stride * (uint64_t)buffer->height : 0;
}

struct shm_buffer *shadowed_buffer(const struct relay_object *object)
{
	/* Only wl_shm and linux-dmabuf give their wl_buffers data. */
	struct shm_buffer *buffer = object ? object->data : NULL;
	return buffer && buffer->pool && buffer->pool->shadow ? buffer : NULL;
}

static bool abandoned(const struct wire_handle *memory)
{
	return memory->kind == WIRE_BLOB && ((const struct resource *)memory->blob)->abandoned;
}

bool buffer_abandoned(const struct relay_object *object)
{
	const struct shm_buffer *buffer = object ? object->data : NULL;
	return buffer && abandoned(buffer->pool ? &buffer->pool->memory : &buffer->planes[0]);
}

/* Why @blob cannot be a pool of @size bytes, or NULL. */
static const char *pool_fault(const struct resource *blob, int32_t size)
{
	/* The guest pages of a 3D resource are only for transfers: the picture is the renderer's.
	 */
	if ((blob->kind == RESOURCE_2D && blob->n_pages == 0) ||
		(blob->kind == RESOURCE_3D && !resource_has_file(blob)) ||
		(blob->kind == RESOURCE_BLOB_HOST && blob->fd < 0))
		return "the resource is no memory to be shared";
	if (blob->kind == RESOURCE_BLOB_HOST && !blob->fd_owned && !blob->mapped)
		return "the blob is not mapped";
	if (size <= 0 || (uint64_t)size > blob->size)
		return "the pool is larger than its blob, or empty";
	if ((blob->kind == RESOURCE_BLOB_HOST || blob->kind == RESOURCE_3D) &&
		!range_fits(blob->fd_offset, (uint64_t)size, INT32_MAX))
		return "the blob lies beyond the 2 GiB that wl_shm can address";
	return NULL;
}

/* The fd that the compositor gets for @pool; or -errno. */
static int pool_open(struct shm_pool *pool)
{
	const struct resource *blob = pool->memory.blob;

	if (blob->kind != RESOURCE_BLOB_HOST && blob->kind != RESOURCE_3D) {
		int fd = resource_export(blob);
		return fd >= 0 ? fd : shadow_create(pool);
	}
	pool->start = (int32_t)blob->fd_offset;
	return fd_dup(blob->fd);
}

int shm_pool_create(const struct policy *policy, struct wire_handle *memory, int32_t size,
	struct shm_pool **out, int *fd, const char **why)
{
	static char text[QUOTA_TEXT_MAX];

	*why = pool_fault(memory->blob, size);
	if (*why)
		return -EINVAL;
	if (!quota_charge(policy->quota, QUOTA_SHM_POOLS, 1)) {
		*why = quota_explain(policy->quota, QUOTA_SHM_POOLS, text);
		return -EDQUOT;
	}
	struct shm_pool *pool = calloc(1, sizeof(*pool));
	*fd = -ENOMEM;
	if (pool) {
		*pool = (struct shm_pool){.refs = 1,
			.memory = *memory,
			.size = size,
			.counters = policy->counters,
			.quota = policy->quota};
		*fd = pool_open(pool);
	}
	if (*fd < 0) {
		if (*fd == -EDQUOT)
			*why = quota_explain(policy->quota, QUOTA_SHADOW_BYTES, text);
		quota_release(policy->quota, QUOTA_SHM_POOLS, 1);
		free(pool);
		return *fd;
	}
	memory->kind = WIRE_NONE;
	*out = pool;
	return 0;
}

struct shm_buffer *shm_buffer_create(struct vm_quota *quota, struct shm_pool *pool, int32_t offset,
	int32_t stride, int32_t width, int32_t height, bool by_rows)
{
	if (!quota_charge(quota, QUOTA_BUFFERS, 1))
		return NULL;
	struct shm_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer) {
		quota_release(quota, QUOTA_BUFFERS, 1);
		return NULL;
	}
	*buffer = (struct shm_buffer){
		.refs = 1,
		.quota = quota,
		.pool = pool,
		.offset = offset,
		.stride = stride,
		.width = width,
		.height = height,
		.by_rows = by_rows,
	};
	if (pool)
		pool->refs++;
	return buffer;
}

void shm_buffer_give(struct shm_buffer *buffer, struct relay_object *object)
{
	object->data = buffer;
	object->data_destroy = handle_buffer_destroyed;
}

/* wl_shm.create_pool(id, fd, size) */
static enum relay_verdict handle_create_pool(struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct wire_handle *handle = &message->args[1].handle;
	int32_t size = message->args[2].i;

	if (handle->kind != WIRE_BLOB)
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FD,
			"a pool's memory must be a blob of the virtio-gpu device");
	const uint64_t blob_bytes = ((const struct resource *)handle->blob)->size;
	struct shm_pool *pool;
	const char *why;
	int fd;
	int error = shm_pool_create(connection->policy, handle, size, &pool, &fd, &why);
	if (error == -EINVAL)
		return relay_fail(message->relay, message->object,
			size <= 0 ? WL_SHM_ERROR_INVALID_STRIDE : WL_SHM_ERROR_INVALID_FD,
			"pool of %d bytes in a blob of %llu: %s", size,
			(unsigned long long)blob_bytes, why);
	if (error < 0)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "%s",
			error == -EDQUOT ? why : "no memory for a pool");
	message->args[0].object->data = pool;
	message->args[0].object->data_destroy = handle_pool_destroyed;
	*handle = wire_handle_fd(fd);
	message->args[2].i = pool->start + size;
	return RELAY_FORWARD;
}

/* wl_shm_pool.create_buffer(id, offset, width, height, stride, format) */
static enum relay_verdict handle_create_buffer(struct relay_message *message)
{
	struct shm_pool *pool = message->object->data;
	int32_t offset = message->args[1].i;
	int32_t width = message->args[2].i, height = message->args[3].i,
		stride = message->args[4].i;
	uint32_t format = message->args[5].u;
	const uint32_t code = pixel_format_from_shm(format);
	uint64_t bytes = 0;

	if (!pixel_format_find(code))
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FORMAT,
			"format 0x%x was not offered: %s", format, pixel_format_why_not(code));
	if (width > 0 && height > 0 && stride > 0)
		bytes = pixel_format_shm_bytes(format, width, height, stride);
	if (offset < 0 || bytes == 0 || !range_fits((uint64_t)offset, bytes, (uint64_t)pool->size))
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_STRIDE,
			"a buffer of %d x %d, stride %d, format 0x%x at offset %d is not in a pool "
			"of %d bytes",
			width, height, stride, format, offset, pool->size);

	struct shm_buffer *buffer = shm_buffer_create(pool->quota, pool, offset, stride, width,
		height, pixel_format_pixel_bytes(format, NULL) > 0);
	if (!buffer)
		return policy_refuse(message->relay, QUOTA_BUFFERS);
	shm_buffer_give(buffer, message->args[0].object);
	if (policy_import(message, buffer, code))
		return RELAY_SWALLOW;
	message->args[1].i = pool->start + offset;
	return RELAY_FORWARD;
}

/* wl_shm_pool.resize(size) */
static enum relay_verdict handle_resize_pool(struct relay_message *message)
{
	struct shm_pool *pool = message->object->data;
	const struct resource *blob = pool->memory.blob;
	int32_t size = message->args[0].i;

	if (size < pool->size || (uint64_t)size > blob->size || size > INT32_MAX - pool->start)
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FD,
			"a pool of %d bytes cannot become one of %d in a blob of %llu", pool->size,
			size, (unsigned long long)blob->size);
	pool->size = size;
	message->args[0].i = pool->start + size;
	return RELAY_FORWARD;
}

const struct relay_hook policy_buffer_hooks[] = {
	{"wl_shm", "create_pool", handle_create_pool, RELAY_DOWN},
	{"wl_shm_pool", "create_buffer", handle_create_buffer, RELAY_DOWN},
	{"wl_shm_pool", "resize", handle_resize_pool, RELAY_DOWN},
	{0},
};
