/* Explicit synchronisation of a surface: its wp_linux_drm_syncobj_surface_v1. */
#ifndef GUEST_PROXY_FENCES_EXPLICIT_SYNC_H
#define GUEST_PROXY_FENCES_EXPLICIT_SYNC_H

#include "guest-proxy/sync/timeline.h"

struct dmabuf;
struct dmabuf_wait;

struct explicit_sync {
	struct relay_ref object;            /* nothing: the surface's synchronisation is implicit */
	struct sync_point acquire, release; /* of the next commit */
	int acquired; /* an fd that is readable then: a commit waits for it; -1: none does */
};

void explicit_sync_init(struct explicit_sync *sync);
/* The surface goes. What a commit that still waits would have released is released. */
void explicit_sync_finish(struct explicit_sync *sync);

/* What get_surface(id, surface) has to do for @sync, which is @surface's. */
enum relay_verdict explicit_sync_begin(struct explicit_sync *sync, struct relay_message *message);

static inline bool explicit_sync_on(const struct explicit_sync *sync)
{
	return sync->object.object;
}

/*
 * What a commit has to do, with the surface's @wait; comes again where it was deferred. @buffer:
 * the commit attaches one (not null), @dmabuf if it is one of those. RELAY_FORWARD: the buffer may
 * be read; it owes @dmabuf its release point.
 */
enum relay_verdict explicit_sync_commit(
	struct explicit_sync *sync, struct dmabuf_wait *wait, bool buffer, struct dmabuf *dmabuf);

extern const struct relay_hook explicit_sync_hooks[];

#endif
