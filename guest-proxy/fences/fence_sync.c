/*
 * Explicit synchronisation by sync files. An acquire fence is waited for as the GPU is; the release
 * that was asked for is told when the host's compositor releases the buffer, always without a
 * fence: what the host has is no use to a guest.
 */
#include "guest-proxy/fences/fence_sync.h"

#include <wayland-server-protocol.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"
#include "guest-proxy/dmabuf/dmabuf_wait.h"
#include "guest-proxy/gpu/syncobj.h"
#include "guest-proxy/sync/release_points.h"
#include "protocol/base/fd.h"
#include "protocol/interfaces/tables/linux-explicit-synchronization-server-protocol.h" /* generated */

#define MANAGER "zwp_linux_explicit_synchronization_v1"
#define SURFACE "zwp_linux_surface_synchronization_v1"

void fence_sync_init(struct fence_sync *sync)
{
	*sync = (struct fence_sync){.fence = -1};
}

static void clear(struct fence_sync *sync)
{
	fd_close(&sync->fence);
	relay_ref_set(&sync->release, NULL);
}

void fence_sync_finish(struct fence_sync *sync)
{
	clear(sync);
	if (sync->object.object)
		sync->object.object->data = NULL;
	relay_ref_set(&sync->object, NULL);
}

static void forget_object(struct relay_object *object)
{
	struct fence_sync *sync = object->data;
	object->data = NULL;
	if (sync)
		clear(sync);
}

enum relay_verdict fence_sync_begin(struct fence_sync *sync, struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;

	if (sync->object.object)
		return relay_fail(message->relay, message->object,
			ZWP_LINUX_EXPLICIT_SYNCHRONIZATION_V1_ERROR_SYNCHRONIZATION_EXISTS,
			"the surface has a %s already", SURFACE);
	relay_ref_set(&sync->object, object);
	object->data = sync;
	object->data_destroy = forget_object;
	return RELAY_SWALLOW;
}

static enum relay_verdict fail(struct relay_message *message, uint32_t error, const char *why)
{
	return relay_fail(message->relay, message->object, error, "%s", why);
}

/* set_acquire_fence(fd) */
static enum relay_verdict handle_set_fence(struct relay_message *message)
{
	struct fence_sync *sync = message->object->data;
	struct wire_handle *handle = &message->args[0].handle;

	if (!sync)
		return fail(message, ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_NO_SURFACE,
			"its surface has gone");
	if (sync->fence >= 0)
		return fail(message, ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_DUPLICATE_FENCE,
			"the commit has a fence already");
	if (!sync_file_check(handle->fd))
		return fail(message, ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_INVALID_FENCE,
			"the file descriptor is no sync file");
	sync->fence = handle->fd;
	handle->kind = WIRE_NONE;
	return RELAY_SWALLOW;
}

/* get_release(release) */
static enum relay_verdict handle_get_release(struct relay_message *message)
{
	struct fence_sync *sync = message->object->data;

	if (!sync)
		return fail(message, ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_NO_SURFACE,
			"its surface has gone");
	if (sync->release.object)
		return fail(message, ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_DUPLICATE_RELEASE,
			"the commit has a release already");
	relay_ref_set(&sync->release, message->args[0].object);
	return RELAY_SWALLOW;
}

/* Whether the buffer may be read; if not, the commit is to be deferred, or the relay has failed. */
static bool is_acquired(
	const struct fence_sync *sync, struct dmabuf_wait *wait, const struct dmabuf *dmabuf)
{
	if (sync->fence < 0)
		return !dmabuf || dmabuf_ready(wait, dmabuf);
	return dmabuf_wait(wait, sync->fence, &wait->connection->explicit_waits);
}

enum relay_verdict fence_sync_commit(
	struct fence_sync *sync, struct dmabuf_wait *wait, bool buffer, struct dmabuf *dmabuf)
{
	struct relay *relay = wait->connection->relay;
	enum relay_verdict verdict = RELAY_FORWARD;
	bool set = sync->fence >= 0 || sync->release.object;

	if (set && !buffer)
		return relay_fail(relay, sync->object.object,
			ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_NO_BUFFER,
			"a fence or a release, but no buffer attached");
	if (set && !dmabuf)
		return relay_fail(relay, sync->object.object,
			ZWP_LINUX_SURFACE_SYNCHRONIZATION_V1_ERROR_UNSUPPORTED_BUFFER,
			"the buffer is none of linux-dmabuf");
	if (!is_acquired(sync, wait, dmabuf))
		return relay_failure(relay) ? RELAY_FAILED : RELAY_DEFER;
	if (sync->release.object)
		verdict = release_points_add_object(&dmabuf->releases, relay, sync->release.object);
	connection_of(relay)->explicit_frames += sync->fence >= 0;
	clear(sync);
	return verdict;
}

const struct relay_hook fence_sync_hooks[] = {
	/* The host has none of these objects. */
	{MANAGER, "destroy", relay_swallow, RELAY_DOWN},
	{SURFACE, "destroy", relay_swallow, RELAY_DOWN},
	{SURFACE, "set_acquire_fence", handle_set_fence, RELAY_DOWN},
	{SURFACE, "get_release", handle_get_release, RELAY_DOWN},
	{0},
};
