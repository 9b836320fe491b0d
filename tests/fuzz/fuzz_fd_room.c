/*
 * Whether there are file descriptors left, in any order of opening, closing and asking: what was
 * promised can be opened, and asking opens nothing. The input is a list of steps of two bytes.
 */
#include "guest-proxy/admission/fd_room.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/base/log.h"

#define LIMIT 256
#define MAX_STEPS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fds[LIMIT];
static size_t n_fds;

/* Opens one, noted as all that clients hand over are. */
static bool open_one(void)
{
	int fd = n_fds < LIMIT ? fcntl(0, F_DUPFD_CLOEXEC, 0) : -1;

	if (fd < 0)
		return false;
	fd_room_note(fd);
	fds[n_fds++] = fd;
	return true;
}

static void close_one(size_t which)
{
	close(fds[which]);
	fds[which] = fds[--n_fds];
}

/* How many could be opened, up to @n. */
static size_t can_open(size_t n)
{
	const size_t before = n_fds;

	while (n_fds - before < n && open_one())
		continue;
	const size_t opened = n_fds - before;
	while (n_fds > before)
		close_one(n_fds - 1);
	return opened;
}

static void ask(size_t n)
{
	const int next = fcntl(0, F_DUPFD_CLOEXEC, 0);

	close(next);
	const bool room = fd_room(0, n);
	const int then = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(then);
	if (next != then || (room && can_open(n) < n))
		abort();
}

static void step(uint8_t what, uint8_t n)
{
	if (what % 4 == 0) {
		while (n-- > 0 && open_one())
			continue;
	} else if (what % 4 == 1) {
		for (size_t i = 0; i < n && n_fds > 0; i++)
			close_one((what + i) % n_fds);
	} else {
		ask(n % (FD_ROOM_CLIENT + 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rlimit before, limit;

	log_set_level(LOG_LEVEL_ERROR);
	getrlimit(RLIMIT_NOFILE, &before);
	limit = (struct rlimit){LIMIT, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t i = 0; i + 1 < size && i < 2 * (size_t)MAX_STEPS; i += 2)
		step(data[i], data[i + 1]);
	while (n_fds > 0)
		close_one(n_fds - 1);
	setrlimit(RLIMIT_NOFILE, &before);
	return 0;
}
