/*
 * An eventfd that is only ever written makes epoll report each write once, if it is watched for
 * edges (EPOLLET). libwayland cannot be asked for that. It watches a duplicate of the descriptor,
 * and what epoll keeps with it is the source; so the entry can be changed from here, under two
 * conditions: the number of the duplicate is known, and the entry looks as expected. The first is
 * the lowest free number, as dup gives no other; whether the second holds is seen in /proc, once
 * per process, so that a process that confines itself later knows.
 */
#include "protocol/base/event_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

/* An eventfd refuses to be read in less than eight bytes; nothing that was written is lost by that.
 */
static bool is_eventfd(int fd)
{
	return read(fd, NULL, 0) < 0 && errno == EINVAL;
}

/* Whether @epoll keeps @source with the descriptor @fd. */
static bool has_entry(int epoll, int fd, const struct wl_event_source *source)
{
	char line[256];
	bool found = false;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", epoll);
	FILE *info = fopen(line, "re");
	while (info && !found && fgets(line, sizeof(line), info)) {
		int target;
		uint64_t kept;
		found = sscanf(line, "tfd: %d events: %*x data: %" SCNx64, &target, &kept) == 2 &&
			target == fd && kept == (uintptr_t)source;
	}
	if (info)
		fclose(info);
	return found;
}

struct wl_event_source *eventfd_source_add(
	struct wl_event_loop *loop, int fd, wl_event_loop_fd_func_t func, void *data, bool *edge)
{
	static enum { NOT_SEEN, AS_EXPECTED, OTHER } entries;
	const int epoll = wl_event_loop_get_fd(loop);

	*edge = false;
	int duplicate = is_eventfd(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (duplicate >= 0)
		close(duplicate);
	struct wl_event_source *source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, func, data);
	if (!source || duplicate < 0)
		return source;
	if (entries == NOT_SEEN)
		entries = has_entry(epoll, duplicate, source) ? AS_EXPECTED : OTHER;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = source};
	*edge = entries == AS_EXPECTED && epoll_ctl(epoll, EPOLL_CTL_MOD, duplicate, &event) == 0;
	return source;
}
