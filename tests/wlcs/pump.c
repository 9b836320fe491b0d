/*
 * Two connected sockets made one. A thread for each direction, which waits where it must: a side
 * that does not read stops the other one, as a single socket would.
 */
#include "tests/wlcs/pump.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "protocol/base/fd.h"

struct pump {
	int near, far;
	const struct pump_listener *listener;
	void *data;
	atomic_int running; /* threads */
};

static void wait_for(int fd, short events)
{
	poll(&(struct pollfd){.fd = fd, .events = events}, 1, -1);
}

static bool send_all(int fd, const uint8_t *bytes, size_t n, int *fds, size_t n_fds)
{
	const size_t n_owned = n_fds;

	while (n > 0) {
		struct iovec part = {(void *)bytes, n};
		ssize_t sent = fd_send(fd, &part, 1, fds, n_fds);
		if (sent == -EAGAIN) {
			wait_for(fd, POLLOUT);
			continue;
		}
		if (sent < 0)
			break;
		bytes += sent;
		n -= (size_t)sent;
		n_fds = 0;
	}
	for (size_t i = 0; i < n_owned; i++)
		fd_close(&fds[i]);
	return n == 0;
}

static void run_direction(struct pump *pump, int from, int to)
{
	uint8_t bytes[4096];
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;

	for (;;) {
		ssize_t n = fd_recv(from, bytes, sizeof(bytes), fds, &n_fds);
		if (n == -EAGAIN) {
			wait_for(from, POLLIN);
			continue;
		}
		if (n <= 0)
			break;
		if (from == pump->near)
			pump->listener->sent(pump->data, bytes, (size_t)n);
		if (!send_all(to, bytes, (size_t)n, fds, n_fds))
			break;
	}
	/* Nobody talks to a side that is gone; what it was sent before, it can still read. */
	shutdown(to, SHUT_RDWR);
	shutdown(from, SHUT_RDWR);
	if (atomic_fetch_sub(&pump->running, 1) == 1) {
		pump->listener->ended(pump->data);
		free(pump);
	}
}

static void *run_forth(void *data)
{
	struct pump *pump = data;
	run_direction(pump, pump->near, pump->far);
	return NULL;
}

static void *run_back(void *data)
{
	struct pump *pump = data;
	run_direction(pump, pump->far, pump->near);
	return NULL;
}

int pump_start(int near, int far, const struct pump_listener *listener, void *data)
{
	struct pump *pump = malloc(sizeof(*pump));
	pthread_t forth, back;

	if (!pump)
		return ENOMEM;
	*pump = (struct pump){near, far, listener, data, 2};
	int error = pthread_create(&forth, NULL, run_forth, pump);
	if (error) {
		free(pump);
		return error;
	}
	/* The other thread may live already, so that there is no way back from here. */
	if (pthread_create(&back, NULL, run_back, pump) != 0)
		abort();
	pthread_detach(forth);
	pthread_detach(back);
	return 0;
}
