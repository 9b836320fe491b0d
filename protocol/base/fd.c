/* File descriptors: ownership, sealed memory, and passing them over sockets. */
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* In headers since Linux 6.5. */
#define MESSAGE_PIDFD 4 /* SCM_PIDFD */

void fd_close(int *fd)
{
	if (*fd < 0)
		return;
	int saved_errno = errno;
	close(*fd);
	*fd = -1;
	errno = saved_errno;
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

int fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int memfd(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (size > 0 && ftruncate(fd, (off_t)size) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int seal(int fd, int seals)
{
	if (fcntl(fd, F_ADD_SEALS, seals) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

int fd_memfd(const char *name, size_t size)
{
	int fd = memfd(name, size);
	if (fd < 0 || size == 0)
		return fd;
	return seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

int fd_memfd_constant(const char *name, const void *data, size_t size)
{
	int fd = memfd(name, size);
	if (fd < 0)
		return fd;
	size_t done = 0;
	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n < 0 ? -errno : -EIO;
			close(fd);
			return error;
		}
		done += (size_t)n;
	}
	return seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

bool fd_is_lasting_memory(int fd, uint64_t size)
{
	struct stat st;
	struct statfs fs;
	int seals = fcntl(fd, F_GET_SEALS), flags = fcntl(fd, F_GETFL);

	/* Huge pages can run out behind a hole; a page of tmpfs comes like any other memory. */
	return seals >= 0 && (seals & F_SEAL_SHRINK) &&
		!(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) && flags >= 0 &&
		(flags & O_ACCMODE) == O_RDWR && fstatfs(fd, &fs) == 0 &&
		(uint32_t)fs.f_type == TMPFS_MAGIC && fstat(fd, &st) == 0 && st.st_size >= 0 &&
		(uint64_t)st.st_size >= size;
}

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FD_MESSAGE_MAX)];
};

/* Whoever has given us a socket may have asked (SO_PASSPIDFD) that each message brings one. */
static void close_pidfd(const struct cmsghdr *c)
{
	int fd = -1;

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == MESSAGE_PIDFD &&
		c->cmsg_len >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	fd_close(&fd);
}

ssize_t fd_recv(int socket, void *data, size_t size, int fds[FD_MESSAGE_MAX], size_t *n_fds)
{
	union fd_control control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t received;

	*n_fds = 0;
	do {
		received = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			close_pidfd(c);
			continue;
		}
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && *n_fds < FD_MESSAGE_MAX; i++)
			memcpy(&fds[(*n_fds)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	if (msg.msg_flags & MSG_CTRUNC) {
		while (*n_fds > 0)
			fd_close(&fds[--*n_fds]);
		return -EMSGSIZE;
	}
	return received;
}

ssize_t fd_recv_bytes(int socket, void *data, size_t size)
{
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	ssize_t n = fd_recv(socket, data, size, fds, &n_fds);

	while (n_fds > 0)
		fd_close(&fds[--n_fds]);
	return n;
}

ssize_t fd_recv_one(int socket, void *data, size_t size, int *fd)
{
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	ssize_t n = fd_recv(socket, data, size, fds, &n_fds);

	*fd = n_fds == 1 ? fds[0] : -1;
	if (n_fds <= 1)
		return n;
	while (n_fds > 0)
		fd_close(&fds[--n_fds]);
	return -EMSGSIZE;
}

static bool has_bytes(const struct iovec *iov, size_t n_iov)
{
	for (size_t i = 0; i < n_iov; i++) {
		if (iov[i].iov_len > 0)
			return true;
	}
	return false;
}

ssize_t fd_send(int socket, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	union fd_control control;
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n_iov};
	ssize_t sent;

	if (n_fds > FD_MESSAGE_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do {
		sent = sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent == 0 && has_bytes(iov, n_iov)) /* who goes on with the rest would do so for ever */
		return -EIO;
	return sent < 0 ? -errno : sent;
}
