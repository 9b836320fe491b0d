/*
 * A client's wl_shm pool, mapped for reading. The client may truncate the file at any time, so the
 * mapping is guarded (protocol/base/sigbus_guard.h).
 */
#ifndef GUEST_PROXY_BUFFERS_POOL_H
#define GUEST_PROXY_BUFFERS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared_pool;
struct sigbus_guard;

struct pool {
	uint32_t refs;
	uint8_t *data;
	size_t size;
	struct sigbus_guard *guard;
	uint32_t *count;            /* of live pools; borrowed */
	struct shared_pool *shared; /* the pool's; NULL: what is in it is copied */
};

/*
 * Maps @size bytes of @fd (borrowed), one reference, the caller's. *@count goes up, and down when
 * the last reference is gone. 0 or -errno.
 */
int pool_create(int fd, size_t size, uint32_t *count, struct pool **out);
struct pool *pool_ref(struct pool *pool);
/* NULL is fine. */
void pool_unref(struct pool *pool);

/* To @size bytes, no less than before. 0 or -errno. */
int pool_resize(struct pool *pool, size_t size);

/*
 * Whether a read has found the file smaller than the pool. From then on, and in that read, all of
 * the pool may be zeros: to be called after what was read has been copied.
 */
bool pool_truncated(const struct pool *pool);

#endif
