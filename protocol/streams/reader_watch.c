/* Whether whoever reads what we write still does. */
#include "protocol/streams/reader_watch.h"

#include <sys/ioctl.h>

#include "protocol/base/monotonic.h"

/* Of a pipe, seen from its writing end; of anything else some number that does not change. */
static int unread_bytes(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) < 0 ? 0 : n;
}

void reader_watch_note(struct reader_watch *watch, int fd)
{
	*watch = (struct reader_watch){.taken_ns = monotonic_ns(), .unread = unread_bytes(fd)};
}

bool reader_watch_is_stale(struct reader_watch *watch, int fd)
{
	if (monotonic_ns() - watch->taken_ns < READER_WATCH_STALE_NS)
		return false;
	/* poll tells of room only when a whole page was taken, which may take long. */
	if (unread_bytes(fd) == watch->unread)
		return true;
	reader_watch_note(watch, fd);
	return false;
}
