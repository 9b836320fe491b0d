/* Client pools, and the SIGBUS that a truncated one raises. */
#include "guest-proxy/pool.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

/* What the handler may repair; NULL outside of an access. */
static struct pool *volatile accessed;
static volatile sig_atomic_t fault;
static struct sigaction previous_action;

/*
 * A fault inside the accessed pool: zeros in place of the whole mapping. Any other goes where it
 * went before.
 */
static void handle_sigbus(int number, siginfo_t *info, void *context)
{
	struct pool *pool = accessed;
	const uint8_t *address = info->si_addr;
	if (!pool || address < pool->data || (size_t)(address - pool->data) >= pool->size) {
		sigaction(SIGBUS, &previous_action, NULL);
		return;
	}
	int saved_errno = errno;
	void *zeros = mmap(pool->data, pool->size, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	if (zeros == MAP_FAILED)
		sigaction(SIGBUS, &previous_action, NULL);
	fault = 1;
	errno = saved_errno;
}

static int install_handler(void)
{
	static bool installed;
	if (installed)
		return 0;
	struct sigaction action = {
		.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &previous_action) < 0)
		return -errno;
	installed = true;
	return 0;
}

int pool_create(int fd, size_t size, uint32_t *count, struct pool **out)
{
	int result = install_handler();
	if (result < 0)
		return result;
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (pool->data == MAP_FAILED) {
		result = -errno;
		free(pool);
		return result;
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
	munmap(pool->data, pool->size);
	--*pool->count;
	free(pool);
}

int pool_resize(struct pool *pool, size_t size)
{
	assert(size >= pool->size);
	if (pool->truncated) { /* the mapping is no longer of the file; its owner is about to hear
				  of it */
		return -EFAULT;
	}
	void *data = mremap(pool->data, pool->size, size, MREMAP_MAYMOVE);
	if (data == MAP_FAILED)
		return -errno;
	pool->data = data;
	pool->size = size;
	return 0;
}

void pool_begin_access(struct pool *pool)
{
	assert(!accessed);
	fault = 0;
	accessed = pool;
	atomic_signal_fence(memory_order_seq_cst);
}

bool pool_end_access(struct pool *pool)
{
	atomic_signal_fence(memory_order_seq_cst);
	assert(accessed == pool);
	accessed = NULL;
	if (fault)
		pool->truncated = true;
	return !pool->truncated;
}
