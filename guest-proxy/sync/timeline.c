/*
 * Timelines that clients have imported. They are the guest kernel's, and of no use to the host:
 * what they say is waited for here, and what the host says is signalled here.
 */
#include "guest-proxy/sync/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/gpu/syncobj.h"
#include "protocol/interfaces/tables/linux-drm-syncobj-server-protocol.h" /* generated */

#define LOG_MODULE "dmabuf"
#include "protocol/base/log.h"

struct timeline { /* relay_object.data of a wp_linux_drm_syncobj_timeline_v1 */
	uint32_t refs;
	struct connection *connection; /* whose relay has the object; it counts them */
	struct syncobj_device *device;
	uint32_t handle;
};

static void timeline_unref(struct timeline *timeline)
{
	if (--timeline->refs > 0)
		return;
	syncobj_release(timeline->device, timeline->handle);
	timeline->connection->n_timelines--;
	free(timeline);
}

static void forget_timeline(struct relay_object *object)
{
	struct timeline *timeline = object->data;
	object->data = NULL;
	timeline_unref(timeline);
}

void sync_point_set(struct sync_point *point, const struct relay_object *object, uint64_t value)
{
	struct timeline *timeline = object->data;
	timeline->refs++;
	sync_point_clear(point);
	*point = (struct sync_point){.timeline = timeline, .value = value};
}

void sync_point_clear(struct sync_point *point)
{
	if (point->timeline)
		timeline_unref(point->timeline);
	*point = (struct sync_point){0};
}

void sync_point_move(struct sync_point *to, struct sync_point *from)
{
	*to = *from;
	*from = (struct sync_point){0};
}

int sync_point_wait(const struct sync_point *point)
{
	return syncobj_wait(point->timeline->device, point->timeline->handle, point->value);
}

void sync_point_signal(struct sync_point *point)
{
	const struct timeline *timeline = point->timeline;
	int error = syncobj_signal(timeline->device, timeline->handle, point->value);
	if (error < 0)
		log_limited(LOG_LEVEL_WARN, "a timeline cannot be signalled: %s", strerror(-error));
	sync_point_clear(point);
}

/* wp_linux_drm_syncobj_manager_v1.import_timeline(id, fd) */
static enum relay_verdict handle_import(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;
	struct connection *connection = connection_of(message->relay);
	struct syncobj_device *device = connection->gpu->syncobjs;
	struct timeline *timeline = calloc(1, sizeof(*timeline));

	if (!timeline)
		return relay_fail_memory(message->relay, "a timeline");
	*timeline = (struct timeline){.refs = 1, .connection = connection, .device = device};
	int error = syncobj_import(device, message->args[1].handle.fd, &timeline->handle);
	if (error < 0) {
		free(timeline);
		if (error == -ENOMEM)
			return relay_fail_memory(message->relay, "a timeline");
		return relay_fail(message->relay, message->object,
			WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_INVALID_TIMELINE,
			"the file descriptor is no timeline: %s", strerror(-error));
	}
	connection->n_timelines++;
	object->data = timeline;
	object->data_destroy = forget_timeline;
	return RELAY_SWALLOW;
}

const struct relay_hook timeline_hooks[] = {
	{"wp_linux_drm_syncobj_manager_v1", "destroy", relay_swallow, RELAY_DOWN},
	{"wp_linux_drm_syncobj_manager_v1", "import_timeline", handle_import, RELAY_DOWN},
	{"wp_linux_drm_syncobj_timeline_v1", "destroy", relay_swallow, RELAY_DOWN},
	{0},
};
