/* wl_shm, wl_shm_pool and the wl_buffers that are made of them. */
#include "guest-proxy/buffers/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "protocol/base/bytes.h"
#include "protocol/pixels/pixel_format.h"

/* Every compositor has the first two: they may be used before it has announced them. */
static bool format_usable(const struct connection *connection, uint32_t format)
{
	if (format == WL_SHM_FORMAT_ARGB8888 || format == WL_SHM_FORMAT_XRGB8888)
		return true;
	for (uint32_t i = 0; i < connection->n_formats; i++) {
		if (connection->formats[i] == format)
			return true;
	}
	return false;
}

/* wl_shm.format(format): formats that cannot be copied here are not announced to the client. */
static enum relay_verdict handle_format(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	uint32_t format = message->args[0].u;
	if (!pixel_format_find(pixel_format_from_shm(format)))
		return RELAY_SWALLOW;
	if (!format_usable(connection, format) && connection->n_formats < CONNECTION_FORMATS_MAX)
		connection->formats[connection->n_formats++] = format;
	return RELAY_FORWARD;
}

/* What a wl_shm_pool object holds. */
struct pool_resource {
	struct pool *pool;
	struct relay_ref shm;
};

static void destroy_pool_resource(struct relay_object *object)
{
	struct pool_resource *resource = object->data;
	object->data = NULL;
	shared_pool_settle(resource->pool->shared);
	pool_unref(resource->pool);
	relay_ref_set(&resource->shm, NULL);
	free(resource);
}

/* wl_shm.create_pool(id, fd, size) */
static enum relay_verdict handle_create_pool(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	struct relay_object *object = message->args[0].object;
	int32_t size = message->args[2].i;

	if (size <= 0)
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_STRIDE,
			"invalid pool size %d", size);
	if (connection->n_pools >= BUFFER_POOLS_MAX)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"more than %d wl_shm pools", BUFFER_POOLS_MAX);
	struct pool_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return relay_fail_memory(message->relay, "a pool");
	int result = pool_create(
		message->args[1].handle.fd, (size_t)size, &connection->n_pools, &resource->pool);
	if (result < 0) {
		free(resource);
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FD,
			"cannot map the pool's fd: %s", strerror(-result));
	}
	resource->pool->shared =
		shared_pool_create(connection, &message->args[1].handle, (size_t)size);
	relay_ref_set(&resource->shm, message->object);
	object->data = resource;
	object->data_destroy = destroy_pool_resource;
	return RELAY_SWALLOW; /* the relay closes the fd, unless it is shared */
}

/* wl_shm_pool.resize(size) */
static enum relay_verdict handle_resize(struct relay_message *message)
{
	struct pool_resource *resource = message->object->data;
	int32_t size = message->args[0].i;

	if (size < 0 || (size_t)size < resource->pool->size)
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FD,
			"shrinking a pool of %zu bytes to %d", resource->pool->size, size);
	int result = pool_resize(resource->pool, (size_t)size);
	if (result < 0)
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FD,
			"cannot map %d bytes of the pool: %s", size, strerror(-result));
	shared_pool_resize(resource->pool->shared, (size_t)size);
	return RELAY_SWALLOW;
}

static void forget_buffer_object(struct relay_object *object)
{
	struct buffer *buffer = object->data;
	object->data = NULL;
	buffer_unref(buffer);
}

/* wl_shm_pool.create_buffer(id, offset, width, height, stride, format) */
static enum relay_verdict handle_create_buffer(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	struct pool_resource *resource = message->object->data;
	struct relay_object *object = message->args[0].object;
	int32_t offset = message->args[1].i, stride = message->args[4].i;
	int32_t width = message->args[2].i, height = message->args[3].i;
	uint32_t format = message->args[5].u;

	uint64_t bytes = 0;

	if (!format_usable(connection, format))
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_FORMAT,
			"invalid format 0x%x", format);
	if (width > 0 && height > 0 && stride > 0 && stride <= INT32_MAX / height)
		bytes = pixel_format_shm_bytes(format, width, height, stride);
	if (offset < 0 || bytes == 0 || !range_fits((uint64_t)offset, bytes, resource->pool->size))
		return relay_fail(message->relay, message->object, WL_SHM_ERROR_INVALID_STRIDE,
			"invalid width, height or stride (%dx%d, %d) at %d in a pool of %zu bytes",
			width, height, stride, offset, resource->pool->size);

	struct buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return relay_fail_memory(message->relay, "a buffer");
	*buffer = (struct buffer){
		.refs = 1,
		.pool = pool_ref(resource->pool),
		.offset_bytes = (uint32_t)offset,
		.stride_bytes = (uint32_t)stride,
		.width = width,
		.height = height,
		.format = format,
		.bytes = bytes,
	};
	relay_ref_set(&buffer->shm, resource->shm.object);
	relay_ref_set(&buffer->object, object);
	object->data = buffer;
	object->data_destroy = forget_buffer_object;
	return RELAY_SWALLOW;
}

struct buffer *buffer_of(const struct relay_object *object)
{
	return object->data_destroy == forget_buffer_object ? object->data : NULL;
}

struct buffer *buffer_ref(struct buffer *buffer)
{
	buffer->refs++;
	return buffer;
}

void buffer_unref(struct buffer *buffer)
{
	if (!buffer || --buffer->refs > 0)
		return;
	pool_unref(buffer->pool);
	relay_ref_set(&buffer->shm, NULL);
	relay_ref_set(&buffer->object, NULL);
	free(buffer);
}

enum shared_pool_verdict buffer_share(struct relay *relay, struct buffer *buffer)
{
	struct relay_object *object = buffer->object.object;

	if (!object || !buffer->shm.object)
		return SHARED_POOL_COPY;
	if (object->id[RELAY_UP] != 0)
		return SHARED_POOL_SHOWN;
	return shared_pool_show(buffer->pool->shared, relay, buffer->shm.object,
		(union wire_arg[]){{.object = object}, {.i = (int32_t)buffer->offset_bytes},
			{.i = buffer->width}, {.i = buffer->height},
			{.i = (int32_t)buffer->stride_bytes}, {.u = buffer->format}});
}

enum relay_verdict buffer_fail_truncated(struct relay *relay, struct buffer *buffer)
{
	return relay_fail(relay, buffer->object.object,
		buffer->object.object ? WL_SHM_ERROR_INVALID_FD : WL_DISPLAY_ERROR_IMPLEMENTATION,
		"the file of a wl_shm pool is smaller than the pool (%zu bytes)",
		buffer->pool->size);
}

int buffer_release(struct relay *relay, struct buffer *buffer)
{
	if (!buffer->object.object)
		return 0;
	return relay_send_named(relay, RELAY_DOWN, buffer->object.object, "release", NULL);
}

/* wl_buffer.destroy: the host may never have heard of it. */
static enum relay_verdict handle_buffer_destroy(struct relay_message *message)
{
	if (dmabuf_of(message->object))
		return dmabuf_handle_destroy(message);
	return message->object->id[RELAY_UP] == 0 ? RELAY_SWALLOW : RELAY_FORWARD;
}

const struct relay_hook buffer_hooks[] = {
	{"wl_shm", "format", handle_format, RELAY_UP},
	{"wl_shm", "create_pool", handle_create_pool, RELAY_DOWN},
	{"wl_shm_pool", "create_buffer", handle_create_buffer, RELAY_DOWN},
	{"wl_shm_pool", "resize", handle_resize, RELAY_DOWN},
	{"wl_shm_pool", "destroy", relay_swallow, RELAY_DOWN},
	{"wl_buffer", "destroy", handle_buffer_destroy, RELAY_DOWN},
	{0},
};
