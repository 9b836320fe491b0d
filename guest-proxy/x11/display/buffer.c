/* Xwayland's wl_buffers: how large they are, and where their pixels are. */
#include "guest-proxy/x11/display/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "protocol/base/fd.h"

static struct buffer *buffer_of(const struct relay_object *object)
{
	return object && object->id[RELAY_DOWN] ? object->data : NULL;
}

void buffer_size(const struct relay_object *object, int32_t *width, int32_t *height)
{
	const struct buffer *buffer = buffer_of(object);
	*width = buffer ? buffer->width : 0;
	*height = buffer ? buffer->height : 0;
}

struct buffer *buffer_readable(const struct relay_object *object)
{
	struct buffer *buffer = buffer_of(object);
	bool known = buffer &&
		(buffer->format == WL_SHM_FORMAT_ARGB8888 ||
			buffer->format == WL_SHM_FORMAT_XRGB8888) &&
		buffer->offset >= 0 && buffer->width > 0 &&
		(int64_t)buffer->stride >= (int64_t)buffer->width * 4;
	return known && buffer->fd >= 0 ? buffer : NULL;
}

/* Files */

static void close_file(struct buffer *buffer)
{
	if (buffer->fd < 0)
		return;
	fd_close(&buffer->fd);
	wl_list_remove(&buffer->link);
	wl_list_init(&buffer->link);
	buffer->session->readable_count--;
}

static void close_oldest(struct session *session)
{
	struct buffer *buffer;
	wl_list_for_each(buffer, &session->readable, link)
	{
		if (!buffer->shaped) {
			close_file(buffer);
			return;
		}
	}
}

/* Takes @fd, which may be negative. */
static void keep_file(struct buffer *buffer, int fd)
{
	struct session *session = buffer->session;
	if (fd < 0)
		return;
	if (session->readable_count >= BUFFERS_READABLE)
		close_oldest(session);
	if (session->readable_count >= BUFFERS_READABLE) {
		fd_close(&fd);
		return;
	}
	buffer->fd = fd;
	session->readable_count++;
	wl_list_insert(session->readable.prev, &buffer->link);
}

/* A wl_shm_pool's is in the object's pointer itself, one more than it is. */
static int pool_file(const struct relay_object *pool)
{
	return (int)(intptr_t)pool->data - 1;
}

static void handle_pool_gone(struct relay_object *pool)
{
	int fd = pool_file(pool);
	fd_close(&fd);
}

static enum relay_verdict handle_create_pool(struct relay_message *message)
{
	int fd = fd_dup(message->args[1].handle.fd);
	if (fd >= 0) {
		message->args[0].object->data = (void *)(intptr_t)(fd + 1);
		message->args[0].object->data_destroy = handle_pool_gone;
	}
	return RELAY_FORWARD;
}

/* Buffers */

static void handle_gone(struct relay_object *object)
{
	struct buffer *buffer = object->data;
	if (buffer)
		close_file(buffer);
	free(buffer);
}

/* @object becomes one of that size, as X has them: 16 bits. NULL: memory is short. */
static struct buffer *note(
	struct relay_message *message, struct relay_object *object, int32_t width, int32_t height)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	buffer->session = relay_data(message->relay);
	wl_list_init(&buffer->link);
	buffer->fd = -1;
	if (width > 0 && height > 0 && width <= UINT16_MAX && height <= UINT16_MAX) {
		buffer->width = width;
		buffer->height = height;
	}
	object->data = buffer;
	object->data_destroy = handle_gone;
	return buffer;
}

static enum relay_verdict handle_create_shm(struct relay_message *message)
{
	const union wire_arg *args = message->args;
	struct buffer *buffer = note(message, args[0].object, args[2].i, args[3].i);
	if (!buffer)
		return RELAY_FORWARD;
	buffer->offset = args[1].i;
	buffer->stride = args[4].i;
	buffer->format = args[5].u;
	if (pool_file(message->object) >= 0)
		keep_file(buffer, fd_dup(pool_file(message->object)));
	return RELAY_FORWARD;
}

/* wl_drm's have a name or an fd there. */
static enum relay_verdict handle_third(struct relay_message *message)
{
	note(message, message->args[0].object, message->args[2].i, message->args[3].i);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_create_immed(struct relay_message *message)
{
	note(message, message->args[0].object, message->args[1].i, message->args[2].i);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_create(struct relay_message *message)
{
	if (!message->object->data)
		note(message, message->object, message->args[0].i, message->args[1].i);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_created(struct relay_message *message)
{
	message->args[0].object->data = message->object->data;
	message->args[0].object->data_destroy = message->object->data_destroy;
	message->object->data = NULL;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_single_pixel(struct relay_message *message)
{
	note(message, message->args[0].object, 1, 1);
	return RELAY_FORWARD;
}

const struct relay_hook buffer_hooks[] = {
	{"wl_shm", "create_pool", handle_create_pool, RELAY_DOWN},
	{"wl_shm_pool", "create_buffer", handle_create_shm, RELAY_DOWN},
	{"wl_drm", "create_buffer", handle_third, RELAY_DOWN},
	{"wl_drm", "create_prime_buffer", handle_third, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "create_immed", handle_create_immed, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "create", handle_create, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "created", handle_created, RELAY_UP},
	{"wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", handle_single_pixel,
		RELAY_DOWN},
	{0},
};
