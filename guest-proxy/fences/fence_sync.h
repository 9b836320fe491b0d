/*
 * Explicit synchronisation of a surface in its older form: its
 * zwp_linux_surface_synchronization_v1, with sync files in the place of timelines.
 */
#ifndef GUEST_PROXY_FENCES_FENCE_SYNC_H
#define GUEST_PROXY_FENCES_FENCE_SYNC_H

#include "protocol/relay/relay.h"

/* The name of its global, which is offered beside linux-dmabuf. */
#define OWN_FENCES_NAME UINT32_C(0xffff0004)

struct dmabuf;
struct dmabuf_wait;

struct fence_sync {
	struct relay_ref object; /* nothing: there is none */
	/* Of the next commit. */
	int fence;                /* -1: none; the synchronisation is implicit then */
	struct relay_ref release; /* a zwp_linux_buffer_release_v1, or nothing */
};

void fence_sync_init(struct fence_sync *sync);
void fence_sync_finish(struct fence_sync *sync);

/* What get_synchronization(id, surface) has to do for @sync, which is @surface's. */
enum relay_verdict fence_sync_begin(struct fence_sync *sync, struct relay_message *message);

static inline bool fence_sync_on(const struct fence_sync *sync)
{
	return sync->object.object;
}

/* As explicit_sync_commit. */
enum relay_verdict fence_sync_commit(
	struct fence_sync *sync, struct dmabuf_wait *wait, bool buffer, struct dmabuf *dmabuf);

extern const struct relay_hook fence_sync_hooks[];

#endif
