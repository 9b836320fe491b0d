/*
 * What is to be signalled when the host's compositor releases a buffer.
 *
 * wl_buffer.release does not say which commit it is about. A buffer that is committed once more
 * before it was released may be released for the first time while the second commit is on its way.
 * So the host is asked for a wl_callback in front of such a commit: what it says before that is
 * done is not about the commit, and all that it says afterwards is.
 */
#include "guest-proxy/sync/release_points.h"

#include <stdlib.h>
#include <wayland-server-protocol.h>

#define POINTS_MAX 1024 /* of one buffer */

struct release_point {
	struct wl_list link;
	struct relay *relay;
	struct sync_point point;   /* or */
	struct relay_ref object;   /* a zwp_linux_buffer_release_v1 */
	struct relay_ref callback; /* until it is done releases are not about this point */
};

static void forget_callback(struct relay_object *object)
{
	object->data = NULL;
}

bool release_points_settle(const struct relay_object *object)
{
	struct release_point *release = object->data;

	if (object->data_destroy != forget_callback)
		return false;
	if (release)
		relay_ref_set(&release->callback, NULL);
	return true;
}

/* 0 or -1: the relay has failed, or memory is short. */
static int ask_for_callback(struct relay *relay, struct release_point *release)
{
	struct relay_object *callback =
		relay_object_create(relay, interface_find("wl_callback"), 1);
	if (!callback)
		return -1;
	callback->data = release;
	callback->data_destroy = forget_callback;
	relay_ref_set(&release->callback, callback);
	return relay_send_named(relay, RELAY_UP, relay_object_at(relay, RELAY_UP, WIRE_DISPLAY_ID),
		"sync", (union wire_arg[]){{.object = callback}});
}

static enum relay_verdict add(struct wl_list *list, struct relay *relay, struct sync_point *point,
	struct relay_object *object)
{
	struct release_point *release = calloc(1, sizeof(*release));
	bool again = !wl_list_empty(list);

	if (release) {
		release->relay = relay;
		wl_list_insert(list->prev, &release->link);
		if (point)
			sync_point_move(&release->point, point);
		relay_ref_set(&release->object, object);
	}
	if (release && wl_list_length(list) > POINTS_MAX)
		return relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"one buffer was committed %d times without being released", POINTS_MAX);
	if (!release || (again && ask_for_callback(relay, release) < 0))
		return relay_fail(
			relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a release point");
	return RELAY_FORWARD;
}

enum relay_verdict release_points_add(
	struct wl_list *list, struct relay *relay, struct sync_point *point)
{
	return add(list, relay, point, NULL);
}

enum relay_verdict release_points_add_object(
	struct wl_list *list, struct relay *relay, struct relay_object *object)
{
	return add(list, relay, NULL, object);
}

/* @tell: the connection goes on, and what was asked for is told. */
static void signal_first(struct wl_list *list, bool tell)
{
	struct release_point *release = wl_container_of(list->next, release, link);

	if (release->callback.object)
		release->callback.object->data = NULL;
	relay_ref_set(&release->callback, NULL);
	if (release->point.timeline)
		sync_point_signal(&release->point);
	struct relay_object *object = release->object.object;
	relay_ref_set(&release->object, NULL);
	if (object && tell)
		relay_send_named(release->relay, RELAY_DOWN, object, "immediate_release", NULL);
	wl_list_remove(&release->link);
	free(release);
}

void release_points_signal(struct wl_list *list)
{
	struct release_point *release, *next;
	wl_list_for_each_safe(release, next, list, link)
	{
		if (release->callback.object)
			return; /* nor are those behind it */
		signal_first(list, true);
	}
}

void release_points_finish(struct wl_list *list)
{
	while (!wl_list_empty(list))
		signal_first(list, false);
}
