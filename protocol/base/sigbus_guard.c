/* Guards for mappings of files that somebody else may truncate. */
#include "protocol/base/sigbus_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-util.h>

struct sigbus_guard {
	struct wl_list link; /* guards */
	uint8_t *address;
	size_t size;
	int protection;
	int wake_fd;
	volatile sig_atomic_t hit;
};

/*
 * The signal handler reads this list. It is never changed during an access to guarded memory: there
 * is one thread, and nothing in this file accesses guarded memory.
 */
static struct wl_list guards = {&guards, &guards};
static struct sigaction previous_action;

static struct sigbus_guard *find(const uint8_t *address)
{
	struct sigbus_guard *guard;
	wl_list_for_each(guard, &guards, link)
	{
		if ((uintptr_t)address - (uintptr_t)guard->address < guard->size)
			return guard;
	}
	return NULL;
}

/* Maps zeros in place of the whole mapping. The access that faulted is then repeated. */
static bool make_zeros(struct sigbus_guard *guard)
{
	uint64_t one = 1;
	if (mmap(guard->address, guard->size, guard->protection,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		return false;
	guard->hit = 1;
	if (guard->wake_fd >= 0 && write(guard->wake_fd, &one, sizeof(one)) < 0)
		errno = 0; /* it is full, so it is signalled */
	return true;
}

static void handle_sigbus(int number, siginfo_t *info, void *context)
{
	int saved_errno = errno;
	struct sigbus_guard *guard = info->si_code == BUS_ADRERR ? find(info->si_addr) : NULL;

	if (!guard || !make_zeros(guard)) {
		/* A fault is repeated when the handler returns; a signal that was sent is not. */
		sigaction(SIGBUS, &previous_action, NULL);
		if (info->si_code <= 0)
			raise(number);
	}
	errno = saved_errno;
}

int sigbus_guard_install(void)
{
	/* SA_NODEFER: the signal that the handler raises is delivered at once. */
	struct sigaction action = {
		.sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction current;

	if (sigaction(SIGBUS, NULL, &current) < 0)
		return -errno;
	if ((current.sa_flags & SA_SIGINFO) && current.sa_sigaction == handle_sigbus)
		return 0;
	sigemptyset(&action.sa_mask);
	previous_action = current;
	return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

int sigbus_guard_create(
	void *address, size_t size, int protection, int wake_fd, struct sigbus_guard **out)
{
	int error = sigbus_guard_install();
	if (error < 0)
		return error;
	struct sigbus_guard *guard = calloc(1, sizeof(*guard));
	if (!guard)
		return -ENOMEM;
	*guard = (struct sigbus_guard){
		.address = address,
		.size = size,
		.protection = protection,
		.wake_fd = wake_fd,
	};
	wl_list_insert(&guards, &guard->link);
	*out = guard;
	return 0;
}

void sigbus_guard_destroy(struct sigbus_guard *guard)
{
	if (!guard)
		return;
	wl_list_remove(&guard->link);
	free(guard);
}

void sigbus_guard_move(struct sigbus_guard *guard, void *address, size_t size)
{
	guard->address = address;
	guard->size = size;
}

bool sigbus_guard_hit(const struct sigbus_guard *guard)
{
	/* The compiler must not move accesses from before this call behind it. */
	atomic_signal_fence(memory_order_seq_cst);
	return guard->hit != 0;
}
