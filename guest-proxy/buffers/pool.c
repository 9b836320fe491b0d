/* A client's wl_shm pool. */
#include "guest-proxy/buffers/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest-proxy/buffers/shared_pool.h"
#include "protocol/base/sigbus_guard.h"

int pool_create(int fd, size_t size, uint32_t *count, struct pool **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (pool->data == MAP_FAILED) {
		int error = -errno;
		free(pool);
		return error;
	}
	int error = sigbus_guard_create(pool->data, size, PROT_READ, -1, &pool->guard);
	if (error < 0) {
		munmap(pool->data, size);
		free(pool);
		return error;
	}
	pool->refs = 1;
	pool->size = size;
	pool->count = count;
	++*count;
	*out = pool;
	return 0;
}

struct pool *pool_ref(struct pool *pool)
{
	pool->refs++;
	return pool;
}

void pool_unref(struct pool *pool)
{
	if (!pool || --pool->refs > 0)
		return;
	shared_pool_destroy(pool->shared);
	sigbus_guard_destroy(pool->guard);
	munmap(pool->data, pool->size);
	--*pool->count;
	free(pool);
}

int pool_resize(struct pool *pool, size_t size)
{
	assert(size >= pool->size);
	if (pool_truncated(
		    pool)) /* zeros have taken the file's place; the client gets an error for it */
		return -EFAULT;
	void *data = mremap(pool->data, pool->size, size, MREMAP_MAYMOVE);
	if (data == MAP_FAILED)
		return -errno;
	pool->data = data;
	pool->size = size;
	sigbus_guard_move(pool->guard, data, size);
	return 0;
}

bool pool_truncated(const struct pool *pool)
{
	return sigbus_guard_hit(pool->guard);
}
