/* Timelines that clients have imported (linux-drm-syncobj), and points of them. */
#ifndef GUEST_PROXY_SYNC_TIMELINE_H
#define GUEST_PROXY_SYNC_TIMELINE_H

#include <stdint.h>

#include "protocol/relay/relay.h"

/* The name of the global of linux-drm-syncobj, which is offered where the kernel has timelines. */
#define OWN_SYNCOBJ_NAME UINT32_C(0xffff0003)

struct timeline;

/* A point of a timeline. Zero-initialised it is none. */
struct sync_point {
	struct timeline *timeline; /* a reference */
	uint64_t value;
};

/* The point of @timeline (a wp_linux_drm_syncobj_timeline_v1), a reference of its own, takes the
 * place of @point. */
void sync_point_set(struct sync_point *point, const struct relay_object *timeline, uint64_t value);
/* Becomes none. */
void sync_point_clear(struct sync_point *point);
/* The point moves: @from is none afterwards. @to must be none. */
void sync_point_move(struct sync_point *to, struct sync_point *from);

/* An fd that becomes readable when the point is signalled, the caller's; or -errno. */
int sync_point_wait(const struct sync_point *point);
/* Signals the point; it is none afterwards. */
void sync_point_signal(struct sync_point *point);

extern const struct relay_hook timeline_hooks[];

#endif
