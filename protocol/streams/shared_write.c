/*
 * Writing to fds that others share.
 *
 * A socket can be asked not to block at each call, and a file does not. So can a pipe from
 * Linux 6.4 on. Older ones, and FIFOs that have a name, take bytes without blocking only from
 * splice, which moves them from another pipe: a scratch pipe of our own, empty between calls.
 * Whatever takes bytes when it is asked for them at once need not be looked at.
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

#include "protocol/streams/io_vectors.h"

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

/* Whether nothing fits into it now: to learn that from splice costs two copies of all. Of a socket
 * poll tells, from then on, when there is room. */
static bool is_full(int fd)
{
	struct pollfd events = {.fd = fd, .events = POLLOUT};

	return poll(&events, 1, 0) == 0;
}

static ssize_t write_by_scratch(int fd, const struct iovec *iov, int n_iov)
{
	ssize_t n;
	int error = shared_write_prepare();

	if (error < 0)
		return error;
	if (is_full(fd))
		return -EAGAIN;
	do
		n = writev(scratch[1], iov, n_iov); /* as much as it holds */
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	ssize_t done = splice_scratch(fd, (size_t)n);
	empty_scratch((size_t)n - (done > 0 ? (size_t)done : 0));
	return done;
}

/* -EOPNOTSUPP: it cannot be asked for that. */
static ssize_t write_at_once(int fd, const struct iovec *iov, int n_iov)
{
	ssize_t n;

	do
		n = pwritev2(fd, iov, n_iov, -1, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ENOSYS || errno == EINVAL ? -EOPNOTSUPP : -errno;
	return n;
}

static ssize_t write_socket(int fd, const struct iovec *iov, int n_iov)
{
	const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};

	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool device_never_blocks(int fd, dev_t device)
{
	int flags = fcntl(fd, F_GETFL);

	return major(device) == MEMORY_MAJOR || (flags >= 0 && (flags & O_NONBLOCK));
}

/* By the way of its kind. @was_full: it can be asked not to block, and had no room just now. */
static ssize_t write_by_kind(int fd, const struct iovec *iov, int n_iov, bool was_full)
{
	struct stat status;
	ssize_t n;

	if (fstat(fd, &status) < 0)
		return -errno;
	/* Who splices into a pipe takes from it that it can be asked. */
	if (S_ISFIFO(status.st_mode))
		return was_full ? write_at_once(fd, iov, n_iov) : write_by_scratch(fd, iov, n_iov);
	const bool plain = S_ISREG(status.st_mode) ||
		(S_ISCHR(status.st_mode) && device_never_blocks(fd, status.st_rdev));
	if (!plain && !S_ISSOCK(status.st_mode))
		return -EOPNOTSUPP;
	do
		n = plain ? writev(fd, iov, n_iov) : write_socket(fd, iov, n_iov);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t shared_writev(int fd, const struct iovec *iov, int n_iov)
{
	ssize_t n = write_at_once(fd, iov, n_iov);

	/* A file may say so, too, which nobody can wait for. */
	if (n == -EOPNOTSUPP || (n == -EAGAIN && !is_full(fd)))
		n = write_by_kind(fd, iov, n_iov, n == -EAGAIN);
	return n == 0 ? -EIO : n; /* a device that takes nothing would be tried for ever */
}

ssize_t shared_write(int fd, const void *bytes, size_t size)
{
	const struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	return shared_writev(fd, &iov, 1);
}

int shared_writev_all(int fd, struct iovec **iov, int *n_iov)
{
	while (io_vectors_bytes(*iov, *n_iov) > 0) {
		const size_t size = io_vectors_bytes(*iov, *n_iov);
		ssize_t n = shared_writev(fd, *iov, *n_iov);
		if (n < 0)
			return (int)n;
		io_vectors_skip(iov, n_iov, (size_t)n);
		/* Who takes a part is full, but for files. */
		if ((size_t)n < size && is_full(fd))
			return -EAGAIN;
	}
	return 0;
}

int shared_write_all(int fd, const void *bytes, size_t size, size_t *done)
{
	struct iovec whole = {.iov_base = (void *)bytes, .iov_len = size}, *iov = &whole;
	int n_iov = 1;
	int error = shared_writev_all(fd, &iov, &n_iov);

	*done = size - io_vectors_bytes(iov, n_iov);
	return error;
}
