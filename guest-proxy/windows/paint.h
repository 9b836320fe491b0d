/*
 * Bringing a host buffer up to date from a client's buffer. A large one takes longer than a turn of
 * the event loop should, and is done in several.
 */
#ifndef GUEST_PROXY_WINDOWS_PAINT_H
#define GUEST_PROXY_WINDOWS_PAINT_H

#include "guest-proxy/windows/swapchain.h"
#include "protocol/pixels/damage.h"

enum paint_status {
	PAINT_COMPLETE,
	PAINT_MORE,      /* go on in the next turn */
	PAINT_TRUNCATED, /* the client's pool is smaller than it said */
};

struct paint {
	struct host_buffer *host; /* NULL: nothing is being painted */
	pixman_region32_t stale;  /* what is to be copied; buffer coordinates */
	int box;                  /* of its rectangles, the first that is not complete, */
	int32_t row;              /* and the first row of it that is not */
	uint64_t bytes;           /* complete of a picture with several planes */
	uint64_t shown;           /* what the host buffer is a copy of in the end */
};

/* @host (borrowed, it must stay) is to become what @damage has been told is shown. */
void paint_begin(struct paint *paint, struct host_buffer *host, struct damage *damage);
/* Copies from @buffer, at least something. Unless it returns PAINT_MORE, the painting has ended. */
enum paint_status paint_go_on(struct paint *paint, const struct buffer *buffer);
/* Fine when nothing is being painted. */
void paint_end(struct paint *paint);

#endif
