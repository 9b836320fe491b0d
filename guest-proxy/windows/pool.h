/*
 * A client's wl_shm pool: its memory, mapped to be read, although the client may truncate it at any
 * time.
 */
#ifndef GUEST_PROXY_WINDOWS_POOL_H
#define GUEST_PROXY_WINDOWS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sigbus_guard;

struct pool {
	uint32_t refs;
	uint8_t *data;
	size_t size;
	struct sigbus_guard *guard;
	uint32_t *count; /* how many are alive, the owner's */
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
 * Whether its file was seen smaller than the client said. All of it reads as zeros from then on,
 * and perhaps did so already in the last read: ask afterwards.
 */
bool pool_truncated(const struct pool *pool);

#endif
