/* Accepts clients, and waits without spinning where that fails. */
#include "guest-proxy/clients/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "guest-proxy/admission/fd_room.h"
#include "guest-proxy/clients/display_socket.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "listener"
#include "protocol/base/log.h"

#define RETRY_MS 250

struct listener {
	struct clients *clients;
	struct display_socket socket;
	struct wl_event_source *source, *retry;
};

static int handle_retry(void *data)
{
	struct listener *listener = data;
	wl_event_source_fd_update(listener->source, WL_EVENT_READABLE);
	return 0;
}

/* The client that waits would be reported again at once. */
static void wait_a_while(struct listener *listener)
{
	wl_event_source_fd_update(listener->source, 0);
	wl_event_source_timer_update(listener->retry, RETRY_MS);
}

static int handle_connection(int fd, uint32_t mask, void *data)
{
	struct listener *listener = data;

	if (!fd_room(fd, FD_ROOM_CLIENT)) {
		wait_a_while(listener);
		return 0;
	}
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0) {
		fd_room_note(client);
		clients_add(listener->clients, client);
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	log_limited(LOG_LEVEL_WARN, "cannot accept a client now: %s", strerror(errno));
	wait_a_while(listener);
	return 0;
}

struct listener *listener_create(struct wl_event_loop *loop, struct clients *clients,
	const char *name, bool beside_others, int passed_fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener) {
		fd_close(&passed_fd);
		log_err("no memory");
		return NULL;
	}
	listener->clients = clients;
	listener->socket = DISPLAY_SOCKET_NONE;
	if (passed_fd >= 0 ? !display_socket_adopt(&listener->socket, passed_fd)
			   : !display_socket_bind(&listener->socket, name, beside_others))
		goto fail;
	listener->retry = wl_event_loop_add_timer(loop, handle_retry, listener);
	listener->source = wl_event_loop_add_fd(
		loop, listener->socket.fd, WL_EVENT_READABLE, handle_connection, listener);
	if (!listener->retry || !listener->source) {
		log_err("no memory");
		goto fail;
	}
	return listener;

fail:
	listener_destroy(listener);
	return NULL;
}

void listener_destroy(struct listener *listener)
{
	if (!listener)
		return;
	event_source_remove(&listener->source);
	event_source_remove(&listener->retry);
	display_socket_close(&listener->socket);
	free(listener);
}

const char *listener_display(const struct listener *listener)
{
	return listener->socket.name;
}
