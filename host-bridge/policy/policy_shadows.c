/*
 * Policy: shadows of guest memory. Where the guest's buffers cannot be made of memory of the host,
 * the compositor gets memfds, and at each commit that shows a new buffer the damaged rows are
 * copied from the guest's pages.
 *
 * A commit's damage says what is new since the commit before it. A buffer whose shadow was last
 * copied several commits ago lacks what the commits in between damaged, too. So a surface remembers
 * the damaged rows of its latest commits, and a buffer the commit at which its shadow was copied;
 * what was damaged since then is copied. Whole rows: narrow damage is rare.
 */
#include "host-bridge/policy/policy_buffers.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/gpu/resources.h"

#define LOG_MODULE "policy"

#define HISTORY 8

struct rows { /* [first, end) */
	int64_t first, end;
};
static const struct rows no_rows = {INT64_MAX, INT64_MIN};
static const struct rows all_rows = {INT64_MIN, INT64_MAX};

struct shm_surface { /* relay_object.data of a wl_surface */
	uint64_t serial;
	uint64_t commits;            /* that showed a new buffer */
	struct shm_buffer *attached; /* to be shown by the next commit; a reference, or NULL */
	int32_t scale;               /* to be in force at the next commit */
	bool scaled_otherwise; /* has a transform or a viewport: surface rows are not buffer rows */
	struct rows surface_damage,
		buffer_damage;        /* since the last commit, in either's coordinates */
	struct rows history[HISTORY]; /* in buffer coordinates, of commit n at n % HISTORY */
};

static struct rows rows_join(struct rows a, struct rows b)
{
	return (struct rows){
		a.first < b.first ? a.first : b.first,
		a.end > b.end ? a.end : b.end,
	};
}

/* Copies @rows of @buffer into its shadow. */
static void copy_rows(struct relay *relay, const struct shm_buffer *buffer, struct rows rows)
{
	struct policy_connection *connection = relay_data(relay);
	struct shm_pool *pool = buffer->pool;
	const struct resource *blob = pool->memory.blob;
	uint64_t first = (uint64_t)(rows.first > 0 ? rows.first : 0);
	uint64_t end = (uint64_t)(rows.end < buffer->height ? rows.end : buffer->height);
	uint64_t offset = (uint64_t)buffer->offset + first * (uint64_t)buffer->stride;
	uint64_t bytes = (end - first) * (uint64_t)buffer->stride;

	if (rows.end <= 0 || rows.first >= buffer->height || rows.first >= rows.end)
		return;
	if (!buffer->by_rows) { /* planes somewhere behind the first one */
		offset = (uint64_t)buffer->offset;
		bytes = (uint64_t)(pool->size - buffer->offset);
	}
	int error = resource_copy_out(blob, offset, pool->shadow + offset, bytes);
	if (error < 0)
		log_limited(&connection->log_limit, LOG_LEVEL_WARN,
			"%s: a buffer's guest memory: %s", connection->name, strerror(-error));
	else
		pool->counters->copied_bytes += bytes;
}

/* Brings the shadow of @buffer up to a commit of @surface that damages @damage. */
static void show_buffer(struct relay *relay, struct shm_surface *surface, struct shm_buffer *buffer,
	struct rows damage)
{
	struct rows rows = damage;
	uint64_t missed = surface->commits - buffer->commit;

	if (buffer->surface_serial != surface->serial || missed >= HISTORY)
		rows = all_rows;
	for (uint64_t i = 0; i < missed && missed < HISTORY; i++)
		rows = rows_join(rows, surface->history[(surface->commits - i) % HISTORY]);
	surface->commits++;
	surface->history[surface->commits % HISTORY] = damage;
	buffer->surface_serial = surface->serial;
	buffer->commit = surface->commits;
	copy_rows(relay, buffer, rows);
}

/* Surfaces */

static void surface_destroy(struct relay_object *object)
{
	struct shm_surface *surface = object->data;

	object->data = NULL;
	if (surface)
		shm_buffer_unref(surface->attached);
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
	surface->scale = 1;
	surface->surface_damage = surface->buffer_damage = no_rows;
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

/* wl_surface.damage(x, y, width, height) and damage_buffer */
static struct rows damage_rows(const union wire_arg *args)
{
	int64_t y = args[1].i, height = args[3].i;
	return height > 0 && args[2].i > 0 ? (struct rows){y, y + height} : no_rows;
}

static enum relay_verdict handle_damage(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	surface->surface_damage = rows_join(surface->surface_damage, damage_rows(message->args));
	return RELAY_FORWARD;
}

static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	surface->buffer_damage = rows_join(surface->buffer_damage, damage_rows(message->args));
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_scale(scale) */
static enum relay_verdict handle_set_buffer_scale(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	surface->scale = message->args[0].i;
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_transform(transform) */
static enum relay_verdict handle_set_buffer_transform(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;
	surface->scaled_otherwise |= message->args[0].i != WL_OUTPUT_TRANSFORM_NORMAL;
	return RELAY_FORWARD;
}

/* wp_viewporter.get_viewport(id, surface) */
static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	struct shm_surface *surface = message->args[1].object->data;
	surface->scaled_otherwise = true;
	return RELAY_FORWARD;
}

/* The damage of the commit that comes now, in buffer rows. */
static struct rows pending_damage(const struct shm_surface *surface)
{
	struct rows rows = surface->surface_damage;

	if (rows.first >= rows.end)
		return surface->buffer_damage;
	if (surface->scaled_otherwise || surface->scale < 1)
		return all_rows;
	rows.first *= surface->scale;
	rows.end *= surface->scale;
	return rows_join(rows, surface->buffer_damage);
}

/* wl_surface.commit() */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct shm_surface *surface = message->object->data;

	if (surface->attached)
		show_buffer(message->relay, surface, surface->attached, pending_damage(surface));
	shm_buffer_unref(surface->attached);
	surface->attached = NULL;
	surface->surface_damage = surface->buffer_damage = no_rows;
	return RELAY_FORWARD;
}

/* xdg_toplevel_icon_v1.add_buffer(buffer, scale): read at once, as a whole */
static enum relay_verdict handle_add_icon(struct relay_message *message)
{
	struct shm_buffer *buffer = shadowed_buffer(message->args[0].object);
	if (buffer)
		copy_rows(message->relay, buffer, all_rows);
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
