/*
 * A client's wl_shm pool that the compositor is given itself, so that nothing is copied. That is
 * possible where the host can be given files (channel_blob_give), and done with memory that cannot
 * be taken away from under the compositor (fd_is_lasting_memory). The compositor gets the pool, and
 * the client's wl_buffers in it, when they are first shown.
 */
#ifndef GUEST_PROXY_BUFFERS_SHARED_POOL_H
#define GUEST_PROXY_BUFFERS_SHARED_POOL_H

#include "guest-proxy/connection/connection.h"

/* Of one client: a file descriptor is kept for each as long as it may be needed. */
#define SHARED_POOLS_MAX 256

struct shared_pool;

enum shared_pool_verdict {
	SHARED_POOL_SHOWN,  /* the compositor knows the buffer's wl_buffer */
	SHARED_POOL_WAIT,   /* the host has been asked: as after swapchain_ready */
	SHARED_POOL_COPY,   /* it is to be copied */
	SHARED_POOL_FAILED, /* the relay has failed, or memory is short */
};

/*
 * For a pool of @size bytes in @handle's fd, which is taken if the pool can be shared. NULL: it
 * cannot.
 */
struct shared_pool *shared_pool_create(
	struct connection *connection, struct wire_handle *handle, size_t size);
/* No buffer is in it any more. NULL is fine. */
void shared_pool_destroy(struct shared_pool *shared);

/* The client has made it larger. NULL is fine. */
void shared_pool_resize(struct shared_pool *shared, size_t size);
/* The client has destroyed its wl_shm_pool: the size does not change any more. NULL is fine. */
void shared_pool_settle(struct shared_pool *shared);

/*
 * Sees to it that the compositor knows @buffer, a client's wl_buffer that only DOWN knows, and the
 * pool. @args: of the create_buffer that made it, which begin with it; @shm is the wl_shm. @shared
 * may be NULL.
 */
enum shared_pool_verdict shared_pool_show(struct shared_pool *shared, struct relay *relay,
	struct relay_object *shm, const union wire_arg *args);

#endif
