/*
 * Writing to fds that others share.
 *
 * A socket can be asked not to block at each call, and a file does not. So can a pipe from
 * Linux 6.4 on. Older ones, and FIFOs that have a name, take bytes without blocking only from
 * splice, which moves them from another pipe: a scratch pipe of our own, empty between calls.
 */
#include "protocol/streams/shared_write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#define SCRATCH_BYTES 65536 /* what a pipe takes */
#define MEMORY_MAJOR 1      /* of /dev/null and its like */

static int scratch[2] = {-1, -1};

int shared_write_prepare(void)
{
	if (scratch[0] >= 0)
		return 0;
	return pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

static void empty_scratch(size_t size)
{
	char trash[SCRATCH_BYTES];

	while (size > 0) {
		ssize_t n = read(scratch[0], trash, min_u64(size, sizeof(trash)));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		size -= (size_t)n;
	}
}

/* What @bytes are in the scratch pipe goes on to @fd, as far as there is room. */
static ssize_t splice_scratch(int fd, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = splice(scratch[0], NULL, fd, NULL, bytes - done, SPLICE_F_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done > 0 ? (ssize_t)done : -EIO;
}

/* Whether nothing fits into it now: to learn that from splice costs two copies of all. */
static bool is_full(int fd)
{
	struct pollfd events = {.fd = fd, .events = POLLOUT};

	return poll(&events, 1, 0) == 0;
}

static ssize_t write_by_scratch(int fd, const void *bytes, size_t size)
{
	ssize_t n;
	int error = shared_write_prepare();

	if (error < 0)
		return error;
	if (is_full(fd))
		return -EAGAIN;
	do
		n = write(scratch[1], bytes, min_u64(size, SCRATCH_BYTES));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	ssize_t done = splice_scratch(fd, (size_t)n);
	empty_scratch((size_t)n - (done > 0 ? (size_t)done : 0));
	return done;
}

static ssize_t write_pipe(int fd, const void *bytes, size_t size)
{
	const struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	ssize_t n;

	do
		n = pwritev2(fd, &iov, 1, -1, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		return write_by_scratch(fd, bytes, size);
	if (n == 0)
		return -EIO;
	return n < 0 ? -errno : n;
}

static ssize_t write_socket(int fd, const void *bytes, size_t size)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	const struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool device_never_blocks(int fd, dev_t device)
{
	int flags = fcntl(fd, F_GETFL);

	return major(device) == MEMORY_MAJOR || (flags >= 0 && (flags & O_NONBLOCK));
}

ssize_t shared_write(int fd, const void *bytes, size_t size)
{
	struct stat status;
	ssize_t n;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISFIFO(status.st_mode))
		return write_pipe(fd, bytes, size);
	const bool plain = S_ISREG(status.st_mode) ||
		(S_ISCHR(status.st_mode) && device_never_blocks(fd, status.st_rdev));
	if (!plain && !S_ISSOCK(status.st_mode))
		return -EOPNOTSUPP;
	do
		n = plain ? write(fd, bytes, size) : write_socket(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	if (n == 0) /* a device that takes nothing would be tried for ever */
		return -EIO;
	return n < 0 ? -errno : n;
}

int shared_write_all(int fd, const void *bytes, size_t size, size_t *done)
{
	const uint8_t *from = bytes;

	for (*done = 0; *done < size;) {
		ssize_t n = shared_write(fd, from + *done, size - *done);
		if (n < 0)
			return (int)n;
		*done += (size_t)n;
	}
	return 0;
}
