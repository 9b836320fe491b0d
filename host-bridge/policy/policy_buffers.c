/*
 * Policy: buffers. A guest's wl_shm pool is a blob of the virtio-gpu device in the memfd of the
 * host-visible region. The compositor gets that memfd, with sizes and offsets moved by where the
 * blob lies in it. It cannot see the blob's bounds, so what the guest says about its pool is
 * checked here.
 */
#include "host-bridge/policy/policy_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wayland-server-protocol.h>

#include "host-bridge/gpu/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define SHADOW_BYTES_MAX (UINT64_C(1) << 30) /* over all connections */

/* Gives @pool a shadow of its blob's size. The fd for the compositor, the caller's, or -errno. */
static int shadow_create(struct shm_pool *pool, struct policy_counters *counters)
{
	const struct resource *blob = pool->memory.blob;
	if (blob->size > SHADOW_BYTES_MAX - counters->shadow_bytes)
		return -ENOSPC;
	int fd = fd_memfd("wayferry-shadow", blob->size);
	if (fd < 0)
		return fd;
	void *shadow = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shadow == MAP_FAILED) {
		int error = -errno;
		fd_close(&fd);
		return error;
	}
	pool->shadow = shadow;
	pool->shadow_bytes = blob->size;
	pool->counters = counters;
	counters->shadow_bytes += blob->size;
	return fd;
}

static void shadow_destroy(struct shm_pool *pool)
{
	if (!pool->shadow)
		return;
	munmap(pool->shadow, pool->shadow_bytes);
	pool->counters->shadow_bytes -= pool->shadow_bytes;
}

void shm_pool_unref(struct shm_pool *pool)
{
	if (!pool || --pool->refs > 0)
		return;
	shadow_destroy(pool);
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
	if (buffer->count)
		--*buffer->count;
	free(buffer);
}

static void handle_buffer_destroyed(struct relay_object *object)
{
	shm_buffer_unref(object->data);
	object->data = NULL;
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
static int pool_open(struct shm_pool *pool, const struct policy *policy)
{
	const struct resource *blob = pool->memory.blob;

	if (blob->kind != RESOURCE_BLOB_HOST && blob->kind != RESOURCE_3D) {
		int fd = resource_export(blob);
		return fd >= 0 ? fd : shadow_create(pool, policy->counters);
	}
	pool->start = (int32_t)blob->fd_offset;
	return fd_dup(blob->fd);
}

struct shm_pool *shm_pool_create(const struct policy *policy, struct wire_handle *memory,
	int32_t size, int *fd, const char **fault)
{
	*fault = pool_fault(memory->blob, size);
	struct shm_pool *pool = *fault ? NULL : calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	*pool = (struct shm_pool){.refs = 1, .memory = *memory, .size = size};
	*fd = pool_open(pool, policy);
	if (*fd < 0) {
		free(pool);
		return NULL;
	}
	memory->kind = WIRE_NONE;
	return pool;
}

struct shm_buffer *shm_buffer_create(
	struct shm_pool *pool, int32_t offset, int32_t stride, int32_t height, bool by_rows)
{
	struct shm_buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer)
		return NULL;
	*buffer = (struct shm_buffer){
		.refs = 1,
		.pool = pool,
		.offset = offset,
		.stride = stride,
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
	const char *fault;
	int fd;
	struct shm_pool *pool = shm_pool_create(connection->policy, handle, size, &fd, &fault);
	if (fault)
		return relay_fail(message->relay, message->object,
			size <= 0 ? WL_SHM_ERROR_INVALID_STRIDE : WL_SHM_ERROR_INVALID_FD,
			"pool of %d bytes in a blob of %llu: %s", size,
			(unsigned long long)blob_bytes, fault);
	if (!pool)
		return relay_fail(
			message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a pool");
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
	uint32_t pixel_bytes = pixel_format_pixel_bytes(format, NULL);

	if (offset < 0 || width <= 0 || height <= 0 || stride <= 0 ||
		(int64_t)width * pixel_bytes > stride ||
		!range_fits((uint64_t)offset, (uint64_t)stride * (uint64_t)height,
			(uint64_t)pool->size))
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_STRIDE,
			"a buffer of %d x %d, stride %d, format 0x%x at offset %d is not in a pool "
			"of %d bytes",
			width, height, stride, format, offset, pool->size);

	struct shm_buffer *buffer =
		shm_buffer_create(pool, offset, stride, height, pixel_bytes > 0);
	if (!buffer)
		return relay_fail(
			message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a buffer");
	shm_buffer_give(buffer, message->args[0].object);
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
