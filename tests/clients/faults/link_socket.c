/* A raw connection to a Wayland socket. */
#include "tests/clients/faults/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct link_socket {
	struct link base;
	int fd;
};

int link_send_fds(struct link *link, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct link_socket *self = (struct link_socket *)link;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(LINK_MAX_FDS * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	ssize_t sent = sendmsg(self->fd, &message, MSG_NOSIGNAL);
	return sent < 0 ? -errno : (size_t)sent < size ? -EMSGSIZE : 0;
}

static int socket_send(struct link *link, const void *bytes, size_t size, size_t pool)
{
	if (pool == 0)
		return link_send_fds(link, bytes, size, NULL, 0);
	int pool_fd = memfd_create("pool", MFD_CLOEXEC);
	if (pool_fd < 0)
		return -errno;
	int error = ftruncate(pool_fd, (off_t)pool) < 0
		? -errno
		: link_send_fds(link, bytes, size, &pool_fd, 1);
	close(pool_fd);
	return error;
}

/* A reset is an end as well: the server may close while bytes of ours lie unread. */
static ssize_t socket_receive(struct link *link, void *bytes, size_t size, int timeout_ms)
{
	struct link_socket *self = (struct link_socket *)link;
	struct pollfd poll_fd = {.fd = self->fd, .events = POLLIN};

	if (poll(&poll_fd, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	/* Without a control buffer the kernel closes fds that come. */
	ssize_t n = recv(self->fd, bytes, size, 0);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	return n;
}

static void socket_finish_sending(struct link *link)
{
	shutdown(((struct link_socket *)link)->fd, SHUT_WR);
}

static void socket_close(struct link *link)
{
	close(((struct link_socket *)link)->fd);
	free(link);
}

static const struct link_ops socket_ops = {
	.send = socket_send,
	.receive = socket_receive,
	.finish_sending = socket_finish_sending,
	.close = socket_close,
};

struct link *link_open_display(const char *display)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct link_socket *self = calloc(1, sizeof(*self));
	int length;

	if (!self)
		return NULL;
	length = snprintf(address.sun_path, sizeof(address.sun_path), "%s%s%s",
		display[0] == '/'   ? ""
			: directory ? directory
				    : ".",
		display[0] == '/' ? "" : "/", display);
	self->base.ops = &socket_ops;
	self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (self->fd < 0 || length >= (int)sizeof(address.sun_path) ||
		connect(self->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "cannot connect to %s: %s\n", display, strerror(errno));
		if (self->fd >= 0)
			close(self->fd);
		free(self);
		return NULL;
	}
	return &self->base;
}
