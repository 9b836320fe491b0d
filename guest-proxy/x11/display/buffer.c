/* How large Xwayland's wl_buffers are. */
#include "guest-proxy/x11/display/buffer.h"

#include <assert.h>
#include <stdint.h>

/*
 * A size is kept in the object's pointer itself, 16 bits each way, as X has them: nothing to
 * allocate and nothing to free.
 */
static void *packed(int32_t width, int32_t height)
{
	if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX)
		return NULL;
	return (void *)((uintptr_t)width | (uintptr_t)height << 16);
}

static_assert(sizeof(uintptr_t) >= 4, "two numbers of 16 bits");

void buffer_size(const struct relay_object *buffer, int32_t *width, int32_t *height)
{
	uintptr_t size = buffer ? (uintptr_t)buffer->data : 0;
	*width = (int32_t)(size & UINT16_MAX);
	*height = (int32_t)(size >> 16 & UINT16_MAX);
}

static void note(struct relay_message *message, size_t buffer, size_t width)
{
	message->args[buffer].object->data =
		packed(message->args[width].i, message->args[width + 1].i);
}

/* wl_shm_pool.create_buffer(id, offset, width, height, ...); wl_drm's have a name or an fd there.
 */
static enum relay_verdict handle_third(struct relay_message *message)
{
	note(message, 0, 2);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_create_immed(struct relay_message *message)
{
	note(message, 0, 1);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_create(struct relay_message *message)
{
	message->object->data = packed(message->args[0].i, message->args[1].i);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_created(struct relay_message *message)
{
	message->args[0].object->data = message->object->data;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_single_pixel(struct relay_message *message)
{
	message->args[0].object->data = packed(1, 1);
	return RELAY_FORWARD;
}

const struct relay_hook buffer_hooks[] = {
	{"wl_shm_pool", "create_buffer", handle_third, RELAY_DOWN},
	{"wl_drm", "create_buffer", handle_third, RELAY_DOWN},
	{"wl_drm", "create_prime_buffer", handle_third, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "create_immed", handle_create_immed, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "create", handle_create, RELAY_DOWN},
	{"zwp_linux_buffer_params_v1", "created", handle_created, RELAY_UP},
	{"wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", handle_single_pixel,
		RELAY_DOWN},
	{0},
};
