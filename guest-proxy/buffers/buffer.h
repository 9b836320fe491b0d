/*
 * Pools and buffers of wl_shm. The host does not know them, and surface.c copies what is in them,
 * unless they are shared (shared_pool.h).
 */
#ifndef GUEST_PROXY_BUFFERS_BUFFER_H
#define GUEST_PROXY_BUFFERS_BUFFER_H

#include "guest-proxy/buffers/pool.h"
#include "guest-proxy/buffers/shared_pool.h"
#include "protocol/relay/relay.h"

/*
 * Pools of one client. Each is a mapping of this process, which has 65530 of them. Xwayland has one
 * for each pixmap of its clients.
 */
#define BUFFER_POOLS_MAX 32768

/* A wl_buffer in a client's pool. */
struct buffer {
	uint32_t refs;
	struct pool *pool;       /* a reference */
	struct relay_ref shm;    /* the wl_shm it was made with */
	struct relay_ref object; /* only DOWN knows it, unless it was shared; nothing once the
				    client destroyed it */
	uint32_t offset_bytes, stride_bytes;
	int32_t width, height; /* buffer coordinates */
	uint32_t format;       /* of wl_shm */
	uint64_t bytes;        /* from the offset on, of all planes */
};

/* The buffer behind a wl_buffer; NULL if it is of no wl_shm pool. */
struct buffer *buffer_of(const struct relay_object *object);

struct buffer *buffer_ref(struct buffer *buffer);
/* NULL is fine. */
void buffer_unref(struct buffer *buffer);

/* Sees to it that the compositor knows @buffer itself, if that can be (shared_pool.h). */
enum shared_pool_verdict buffer_share(struct relay *relay, struct buffer *buffer);

/* The pool was truncated: that is the client's protocol error. */
enum relay_verdict buffer_fail_truncated(struct relay *relay, struct buffer *buffer);

/* Tells the client that it may draw in the buffer again. 0 or -errno (the relay has failed). */
int buffer_release(struct relay *relay, struct buffer *buffer);

extern const struct relay_hook buffer_hooks[];

#endif
