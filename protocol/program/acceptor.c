/* A connection that is not accepted keeps its socket readable: so the socket is not looked at. */
#include "protocol/program/acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/base/event_source.h"

#define LOG_MODULE "socket"
#include "protocol/base/log.h"

#define RETRY_MS 250

void acceptor_pause(struct acceptor *acceptor, int ms)
{
	wl_event_source_fd_update(acceptor->source, 0);
	wl_event_source_timer_update(acceptor->pause, ms);
}

static int handle_pause_over(void *data)
{
	struct acceptor *acceptor = data;
	wl_event_source_fd_update(acceptor->source, WL_EVENT_READABLE);
	return 0;
}

static int handle_connection(int fd, uint32_t mask, void *data)
{
	struct acceptor *acceptor = data;

	if (acceptor->ready && !acceptor->ready(acceptor->data)) {
		acceptor_pause(acceptor, RETRY_MS);
		return 0;
	}
	int socket = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket >= 0) {
		acceptor->failing = false;
		acceptor->accepted(acceptor->data, socket);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		if (!acceptor->failing)
			log_warn("cannot accept connections: %s; trying again every %d ms",
				strerror(errno), RETRY_MS);
		acceptor->failing = true;
		acceptor_pause(acceptor, RETRY_MS);
	}
	return 0;
}

bool acceptor_start(struct acceptor *acceptor, struct wl_event_loop *loop, int fd)
{
	acceptor->pause = wl_event_loop_add_timer(loop, handle_pause_over, acceptor);
	acceptor->source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_connection, acceptor);
	return acceptor->pause && acceptor->source;
}

void acceptor_stop(struct acceptor *acceptor)
{
	event_source_remove(&acceptor->source);
	event_source_remove(&acceptor->pause);
}
