/*
 * Policy: shadows of guest memory. Where the guest's buffers cannot be made of memory of the host,
 * the compositor gets memfds, and at each commit that shows a new buffer the damaged rows are
 * copied from the guest's pages.
 *
 * Whole rows are copied: narrow damage is rare.
 */
#include "host-bridge/policy/policy_buffers.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/gpu/resources.h"
#include "protocol/pixels/damage.h"

#define LOG_MODULE "policy"

struct shm_surface { /* relay_object.data of a wl_surface */
	uint64_t serial;
	struct shm_buffer *attached; /* to be shown by the next commit; a reference, or NULL */
	struct damage damage;
};

/* Copies rows [@first, @end) of @buffer into its shadow. */
static void copy_rows(
	struct relay *relay, const struct shm_buffer *buffer, int32_t first, int32_t end)
{
	struct policy_connection *connection = relay_data(relay);
	struct shm_pool *pool = buffer->pool;
	const struct resource *blob = pool->memory.blob;
	uint64_t offset = (uint64_t)buffer->offset;
	uint64_t bytes = (uint64_t)(pool->size - buffer->offset);

	if (buffer->by_rows) { /* else there are planes somewhere behind the first one */
		offset += (uint64_t)first * (uint64_t)buffer->stride;
		bytes = (uint64_t)(end - first) * (uint64_t)buffer->stride;
	}
	int error = resource_copy_out(blob, offset, pool->shadow + offset, bytes);
	if (error < 0)
		log_limited(&connection->policy->counters->log_limit, LOG_LEVEL_WARN,
			"%s: a buffer's guest memory: %s", connection->name, strerror(-error));
	else
		pool->counters->copied_bytes += bytes;
}

/* Brings the shadow of @buffer, which @surface shows now, up to date. */
static void show_buffer(struct relay *relay, struct shm_surface *surface, struct shm_buffer *buffer)
{
	bool known = buffer->surface_serial == surface->serial;
	pixman_region32_t stale;

	/* Of the width all that matters is that it differs where widths do: rows are copied. */
	damage_show(&surface->damage, buffer->stride, buffer->height);
	pixman_region32_init(&stale);
	damage_since(&surface->damage, known ? buffer->shown : 0, &stale);
	const pixman_box32_t *extents = pixman_region32_extents(&stale);
	if (extents->y1 < extents->y2)
		copy_rows(relay, buffer, extents->y1, extents->y2);
	pixman_region32_fini(&stale);
	buffer->surface_serial = surface->serial;
	buffer->shown = surface->damage.shown;
}

/* Surfaces */

static void surface_destroy(struct relay_object *object)
{
	struct shm_surface *surface = object->data;

	object->data = NULL;
	shm_buffer_unref(surface->attached);
	damage_finish(&surface->damage);
	free(surface);
}

/* wl_compositor.create_surface(id) */
static enum relay_verdict handle_create_surface(struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct shm_surface *surface = calloc(1, sizeof(*surface));

	if (!surface)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory for a surface");
	surface->serial = ++connection->policy->counters->surfaces;
	damage_init(&surface->damage);
	message->args[0].object->data = surface;
	message->args[0].object->data_destroy = surface_destroy;
	return RELAY_FORWARD;
}

/* wl_surface.attach(buffer, x, y) */
static enum relay_verdict handle_attach(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	struct shm_buffer *buffer = shadowed_buffer(message->args[0].object);

	if (buffer_abandoned(message->args[0].object))
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the process that draws for this application has ended");
	shm_buffer_unref(surface->attached);
	surface->attached = buffer ? shm_buffer_ref(buffer) : NULL;
	return RELAY_FORWARD;
}

/* wl_surface.damage(x, y, width, height) */
static enum relay_verdict handle_damage(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	const union wire_arg *args = message->args;
	damage_add_surface(&surface->damage, args[0].i, args[1].i, args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.damage_buffer(x, y, width, height) */
static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	const union wire_arg *args = message->args;
	damage_add_buffer(&surface->damage, args[0].i, args[1].i, args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_scale(scale) */
static enum relay_verdict handle_set_buffer_scale(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	damage_set_scale(&surface->damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_transform(transform) */
static enum relay_verdict handle_set_buffer_transform(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	damage_set_transform(&surface->damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wp_viewporter.get_viewport(id, surface) */
static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	struct shm_surface *surface = message->args[1].object->data;
	surface->damage.viewport = true;
	return RELAY_FORWARD;
}

/* wl_surface.commit() */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;

	damage_commit(&surface->damage);
	if (surface->attached)
		show_buffer(message->relay, surface, surface->attached);
	shm_buffer_unref(surface->attached);
	surface->attached = NULL;
	return RELAY_FORWARD;
}

/* xdg_toplevel_icon_v1.add_buffer(buffer, scale): read at once, as a whole */
static enum relay_verdict handle_add_icon(struct relay_message *message)
{
	struct shm_buffer *buffer = shadowed_buffer(message->args[0].object);
	if (buffer)
		copy_rows(message->relay, buffer, 0, buffer->height);
	return RELAY_FORWARD;
}

const struct relay_hook policy_shadow_hooks[] = {
	{"wl_compositor", "create_surface", handle_create_surface, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", handle_set_buffer_scale, RELAY_DOWN},
	{"wl_surface", "set_buffer_transform", handle_set_buffer_transform, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{"xdg_toplevel_icon_v1", "add_buffer", handle_add_icon, RELAY_DOWN},
	{0},
};
