/*
 * Explicit synchronisation of a surface. The acquire point of a commit is waited for here, as the
 * GPU is for buffers without one; the release point is signalled when the host's compositor
 * releases the buffer. The host knows of neither.
 */
#include "guest-proxy/fences/explicit_sync.h"

#include <errno.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_wait.h"
#include "guest-proxy/sync/release_points.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/interfaces/tables/linux-drm-syncobj-server-protocol.h" /* generated */

#define SURFACE "wp_linux_drm_syncobj_surface_v1"

static void clear_points(struct explicit_sync *sync)
{
	sync_point_clear(&sync->acquire);
	sync_point_clear(&sync->release);
	fd_close(&sync->acquired);
}

void explicit_sync_init(struct explicit_sync *sync)
{
	*sync = (struct explicit_sync){.acquired = -1};
}

void explicit_sync_finish(struct explicit_sync *sync)
{
	if (sync->acquired >= 0)
		sync_point_signal(&sync->release);
	clear_points(sync);
	if (sync->object.object)
		sync->object.object->data = NULL;
	relay_ref_set(&sync->object, NULL);
}

static void forget_object(struct relay_object *object)
{
	struct explicit_sync *sync = object->data;
	object->data = NULL;
	/* While a commit waits, so does the object's destructor: this is the client's end, and what
	 * is released then is the surface's to release. */
	if (sync && sync->acquired < 0)
		clear_points(sync);
}

enum relay_verdict explicit_sync_begin(struct explicit_sync *sync, struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;

	if (sync->object.object)
		return relay_fail(message->relay, message->object,
			WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_SURFACE_EXISTS,
			"the surface has a %s already", SURFACE);
	relay_ref_set(&sync->object, object);
	object->data = sync;
	object->data_destroy = forget_object;
	return RELAY_SWALLOW;
}

static enum relay_verdict set_point(struct relay_message *message, bool acquire)
{
	struct explicit_sync *sync = message->object->data;
	const union wire_arg *args = message->args;

	if (!sync)
		return relay_fail(message->relay, message->object,
			WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE, "its surface has gone");
	sync_point_set(acquire ? &sync->acquire : &sync->release, args[0].object,
		(uint64_t)args[1].u << 32 | args[2].u);
	return RELAY_SWALLOW;
}

/* set_acquire_point(timeline, point_hi, point_lo) */
static enum relay_verdict handle_set_acquire(struct relay_message *message)
{
	return set_point(message, true);
}

/* set_release_point(timeline, point_hi, point_lo) */
static enum relay_verdict handle_set_release(struct relay_message *message)
{
	return set_point(message, false);
}

/* What is wrong with a commit: the number of an error and a text for it. 0: nothing. */
static uint32_t find_fault(const struct explicit_sync *sync, bool buffer,
	const struct dmabuf *dmabuf, const char **why)
{
	const struct sync_point *acquire = &sync->acquire, *release = &sync->release;
	const struct {
		bool wrong;
		uint32_t error;
		const char *why;
	} faults[] = {
		{!buffer && (acquire->timeline || release->timeline),
			WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER,
			"points were set, but no buffer attached"},
		{buffer && !acquire->timeline,
			WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT,
			"a buffer without an acquire point"},
		{buffer && !release->timeline,
			WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT,
			"a buffer without a release point"},
		{buffer && acquire->timeline == release->timeline &&
				acquire->value >= release->value,
			WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS,
			"the release point does not come after the acquire point"},
		{buffer && !dmabuf, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_UNSUPPORTED_BUFFER,
			"the buffer is none of linux-dmabuf"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
		if (!faults[i].wrong)
			continue;
		*why = faults[i].why;
		return faults[i].error;
	}
	return 0;
}

/* Whether the acquire point is signalled; if not, the commit is to be deferred, or the relay has
 * failed. */
static bool is_acquired(struct explicit_sync *sync, struct dmabuf_wait *wait)
{
	struct connection *connection = wait->connection;

	if (sync->acquired < 0) {
		int fd = sync_point_wait(&sync->acquire);
		if (fd < 0) {
			bool memory = fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE;
			relay_fail(connection->relay, NULL,
				memory ? WL_DISPLAY_ERROR_NO_MEMORY
				       : WL_DISPLAY_ERROR_IMPLEMENTATION,
				"an acquire point cannot be waited for: %s", strerror(-fd));
			return false;
		}
		sync->acquired = fd;
		connection->explicit_frames++;
	}
	return dmabuf_wait(wait, sync->acquired, &connection->explicit_waits);
}

enum relay_verdict explicit_sync_commit(
	struct explicit_sync *sync, struct dmabuf_wait *wait, bool buffer, struct dmabuf *dmabuf)
{
	struct relay *relay = wait->connection->relay;
	const char *why = NULL;
	uint32_t error = find_fault(sync, buffer, dmabuf, &why);

	if (error)
		return relay_fail(relay, sync->object.object, error, "%s", why);
	if (!buffer)
		return RELAY_FORWARD;
	if (!is_acquired(sync, wait))
		return relay_failure(relay) ? RELAY_FAILED : RELAY_DEFER;
	enum relay_verdict verdict = release_points_add(&dmabuf->releases, relay, &sync->release);
	clear_points(sync);
	return verdict;
}

const struct relay_hook explicit_sync_hooks[] = {
	{SURFACE, "destroy", relay_swallow, RELAY_DOWN},
	{SURFACE, "set_acquire_point", handle_set_acquire, RELAY_DOWN},
	{SURFACE, "set_release_point", handle_set_release, RELAY_DOWN},
	{0},
};
