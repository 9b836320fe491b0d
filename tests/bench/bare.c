/*
 * What a bridge costs that looks at nothing: hands on the bytes and descriptors of each connection
 * to LISTEN to one of its own to CONNECT, and back. Two of these, one behind the other, are as many
 * processes as wayferry-guest and wayferry-host, and wake each other as often.
 *
 *     bare LISTEN CONNECT     paths of sockets
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"
#include "protocol/program/unix_listener.h"

/* One end of a connection that is handed on. */
struct end {
	int fd;
	struct end *other;
};

static int checked(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "bare: %s: %s\n", what, strerror(-result));
		exit(1);
	}
	return result;
}

static struct end *end_add(int epoll_fd, int fd)
{
	struct end *end = calloc(1, sizeof *end);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};

	checked(end ? 0 : -ENOMEM, "connection");
	end->fd = fd;
	checked(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0, "epoll_ctl");
	return end;
}

static void end_close(struct end *end)
{
	close(end->fd);
	free(end);
}

/* Waits for a reader that is slow. Returns whether all went. */
static bool send_all(int fd, const char *bytes, size_t size, const int *fds, size_t n_fds)
{
	while (size) {
		struct iovec part = {(char *)bytes, size};
		ssize_t n = fd_send(fd, &part, 1, fds, n_fds);

		if (n == -EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
			continue;
		}
		if (n < 0)
			return false;
		bytes += n;
		size -= (size_t)n;
		n_fds = 0;
	}
	return true;
}

/* Returns whether the connection goes on. */
static bool hand_on(const struct end *from)
{
	static char bytes[65536];
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	ssize_t n = fd_recv(from->fd, bytes, sizeof bytes, fds, &n_fds);
	bool sent;

	if (n <= 0)
		return n == -EAGAIN;
	sent = send_all(from->other->fd, bytes, (size_t)n, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	return sent;
}

static void accept_one(int epoll_fd, int listening_fd, const char *path)
{
	int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
	struct end *here, *there;

	if (fd < 0)
		return;
	here = end_add(epoll_fd, fd);
	there = end_add(epoll_fd, checked(unix_connect(path, SOCK_STREAM), path));
	here->other = there;
	there->other = here;
}

int main(int argc, char *argv[])
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), listening_fd;

	if (argc != 3) {
		fprintf(stderr, "usage: bare LISTEN CONNECT\n");
		return 2;
	}
	listening_fd = checked(unix_listener_create(argv[1], 0, 16), argv[1]);
	checked(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listening_fd, &event) ? -errno : 0, "epoll_ctl");
	/* One event at a time, as the next may be of an end that is closed with this one. */
	while (epoll_wait(epoll_fd, &event, 1, -1) == 1) {
		struct end *end = event.data.ptr;

		if (!end) {
			accept_one(epoll_fd, listening_fd, argv[2]);
		} else if (!hand_on(end)) {
			end_close(end->other);
			end_close(end);
		}
	}
	return 1;
}
