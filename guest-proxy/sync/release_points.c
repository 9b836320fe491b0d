/*
 * What is to be signalled when the host's compositor releases a buffer.
 *
 * wl_buffer.release does not say which commit it is about. A buffer that is committed once more
 * before it was released may be released for the first time while the second commit is on its way.
 * So the host is asked for an answer in front of such a commit: what it says before that is not
 * about the commit, and all that it says afterwards is.
 */
#include "guest-proxy/sync/release_points.h"

#include <stdlib.h>
#include <wayland-server-protocol.h>

#define POINTS_MAX 1024 /* of one buffer */

struct release_point {
	struct wl_list link;
	struct relay *relay;
	struct sync_point point; /* or */
	struct relay_ref object; /* a zwp_linux_buffer_release_v1 */
	struct relay_sync asked; /* until it is answered releases are not about this point */
};

/* From here on releases can be about the point. */
static void handle_answer(struct relay_sync *asked, struct relay *relay)
{
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
	if (!release || (again && relay_sync_ask(relay, &release->asked, handle_answer) < 0))
		return relay_fail_memory(relay, "a release point");
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

	relay_sync_forget(&release->asked);
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
		if (relay_sync_waits(&release->asked))
			return; /* nor are those behind it */
		signal_first(list, true);
	}
}

void release_points_finish(struct wl_list *list)
{
	while (!wl_list_empty(list))
		signal_first(list, false);
}
