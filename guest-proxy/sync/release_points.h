/*
 * What is to be signalled when the host's compositor releases a buffer: points of timelines, and
 * releases that were asked for (zwp_linux_buffer_release_v1).
 */
#ifndef GUEST_PROXY_SYNC_RELEASE_POINTS_H
#define GUEST_PROXY_SYNC_RELEASE_POINTS_H

#include "guest-proxy/sync/timeline.h"

/* Adds @point, which is none afterwards, to @list for the commit that is about to be sent to the
 * host. RELAY_FORWARD, or RELAY_FAILED: the relay has failed. */
enum relay_verdict release_points_add(
	struct wl_list *list, struct relay *relay, struct sync_point *point);

/* The same for a zwp_linux_buffer_release_v1. */
enum relay_verdict release_points_add_object(
	struct wl_list *list, struct relay *relay, struct relay_object *object);

/* wl_buffer.release: signals those that it can be about. */
void release_points_signal(struct wl_list *list);

/* The connection ends: signals all points. */
void release_points_finish(struct wl_list *list);

#endif
