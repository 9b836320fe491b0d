/*
 * Policy: shadows of guest memory. Where the guest's buffers cannot be made of memory of the host,
 * the compositor gets memfds, and at each commit that shows a new buffer the damaged rows are
 * copied from the guest's pages.
 *
 * Whole rows are copied: narrow damage is rare. A copy may take longer than a turn of the event
 * loop should: the commit then waits (RELAY_HOLD), and with it what its client says behind it.
 */
#include "host-bridge/policy/buffers/policy_shadows.h"

#include <string.h>

#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "policy"

#define PIECE_BYTES (UINT64_C(256) << 10)

void shadow_init(struct surface_shadow *shadow, struct policy_counters *counters)
{
	*shadow = (struct surface_shadow){.serial = ++counters->surfaces};
	damage_init(&shadow->damage);
}

void shadow_finish(struct surface_shadow *shadow)
{
	shm_buffer_unref(shadow->attached);
	damage_finish(&shadow->damage);
}

void shadow_attach(struct surface_shadow *shadow, const struct relay_object *object)
{
	struct shm_buffer *buffer = shadowed_buffer(object);

	shm_buffer_unref(shadow->attached);
	shadow->attached = buffer ? shm_buffer_ref(buffer) : NULL;
	shadow->others = object && !buffer;
}

/* Rows [@first, @end) of @buffer are to be copied into its shadow. */
static void copy_begin(struct policy_connection *connection, const struct shm_buffer *buffer,
	int32_t first, int32_t end)
{
	uint64_t offset = (uint64_t)buffer->offset;
	uint64_t bytes = (uint64_t)(buffer->pool->size - buffer->offset);

	if (buffer->by_rows) { /* else there are planes somewhere behind the first one */
		offset += (uint64_t)first * (uint64_t)buffer->stride;
		bytes = (uint64_t)(end - first) * (uint64_t)buffer->stride;
	}
	connection->copy = (struct policy_copy){true, offset, offset + bytes};
}

/* Goes on with it. RELAY_HOLD: there is more to do, in a later turn. */
static enum relay_verdict copy_some(struct relay_message *message, const struct shm_buffer *buffer)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct policy_copy *copy = &connection->copy;
	struct shm_pool *pool = buffer->pool;

	while (copy->next < copy->end) {
		uint64_t bytes = min_u64(copy->end - copy->next, PIECE_BYTES);
		int error = resource_copy_out(
			pool->memory.blob, copy->next, pool->shadow + copy->next, bytes);
		if (error < 0) {
			log_limited(LOG_LEVEL_WARN, "%s: a buffer's guest memory: %s",
				connection->name, strerror(-error));
			break;
		}
		pool->counters->copied_bytes += bytes;
		copy->next += bytes;
		if (copy->next < copy->end && !policy_has_time(connection)) {
			pool->counters->copy_pauses++;
			return policy_hold(message);
		}
	}
	copy->active = false;
	return RELAY_FORWARD;
}

/* The shadow of @buffer, which the surface shows now, is to be brought up to date. */
static void show_buffer(struct policy_connection *connection, struct surface_shadow *shadow,
	struct shm_buffer *buffer)
{
	bool known = buffer->surface_serial == shadow->serial;
	pixman_region32_t stale;

	/* Of the width all that matters is that it differs where widths do: rows are copied. */
	damage_show(&shadow->damage, buffer->stride, buffer->height);
	pixman_region32_init(&stale);
	damage_since(&shadow->damage, known ? buffer->shown : 0, &stale);
	const pixman_box32_t *extents = pixman_region32_extents(&stale);
	if (extents->y1 < extents->y2)
		copy_begin(connection, buffer, extents->y1, extents->y2);
	pixman_region32_fini(&stale);
	buffer->surface_serial = shadow->serial;
	buffer->shown = shadow->damage.shown;
}

enum relay_verdict shadow_commit(struct relay_message *message, struct surface_shadow *shadow)
{
	struct policy_connection *connection = relay_data(message->relay);
	enum relay_verdict verdict = RELAY_FORWARD;

	if (shadow->others) {
		damage_drop(&shadow->damage);
	} else if (!connection->copy.active) {
		damage_commit(&shadow->damage);
		if (shadow->attached)
			show_buffer(connection, shadow, shadow->attached);
	}
	if (connection->copy.active)
		verdict = copy_some(message, shadow->attached);
	if (verdict == RELAY_FORWARD)
		shadow_attach(shadow, NULL);
	return verdict;
}

enum relay_verdict shadow_copy_whole(
	struct relay_message *message, const struct relay_object *object)
{
	struct policy_connection *connection = relay_data(message->relay);
	struct shm_buffer *buffer = shadowed_buffer(object);

	if (!buffer)
		return RELAY_FORWARD;
	if (!connection->copy.active)
		copy_begin(connection, buffer, 0, buffer->height);
	return copy_some(message, buffer);
}
