/*
 * Whether there are file descriptors left.
 *
 * The kernel gives the lowest number that is free. So all but a few of them can only be open if
 * some number close to the limit was given at some time: only from then on they are counted, by
 * opening as many as are wanted.
 */
#include "guest-proxy/admission/fd_room.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

#define LOG_MODULE "clients"
#include "protocol/base/log.h"

#define COUNT_AGAIN_NS 1000000000u

static bool tight;     /* a number close to the limit was seen, and not that many are free since */
static bool none_left; /* the log says so */

static size_t open_many(int fd, size_t n)
{
	int fds[FD_ROOM_MAX];
	size_t opened = 0;

	while (opened < n && (fds[opened] = fcntl(fd, F_DUPFD_CLOEXEC, 0)) >= 0)
		opened++;
	for (size_t i = 0; i < opened; i++)
		close(fds[i]);
	return opened;
}

static void tell(bool none)
{
	if (none == none_left)
		return;
	none_left = none;
	if (none)
		log_warn("no file descriptors are left (ulimit -Hn, or LimitNOFILE= of the unit): "
			 "clients wait until others have ended");
	else
		log_info("there are file descriptors again");
}

/* How many of them are looked after, of @limit in all. */
static uint64_t margin_of(const struct rlimit *limit)
{
	return min_u64(max_u64(limit->rlim_cur / 4, FD_ROOM_CLIENT), FD_ROOM_MAX);
}

void fd_room_note(int fd)
{
	struct rlimit limit;

	if (!tight && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		tight = (uint64_t)fd + margin_of(&limit) >= limit.rlim_cur;
}

bool fd_room(int fd, size_t n)
{
	static uint64_t counted_ns;
	struct rlimit limit;
	uint64_t now_ns;

	if (!tight || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return true;
	now_ns = monotonic_ns();
	if (now_ns - counted_ns > COUNT_AGAIN_NS) {
		size_t margin = (size_t)margin_of(&limit);
		counted_ns = now_ns;
		tight = open_many(fd, margin) < margin;
	}
	bool room = !tight || open_many(fd, n) == n;
	if (!room || !tight)
		tell(!room);
	return room;
}
