/* Accepts clients while there are fds for them. */
#include "guest-proxy/clients/listener.h"

#include <stdlib.h>

#include "guest-proxy/admission/fd_room.h"
#include "guest-proxy/clients/display_socket.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "listener"
#include "protocol/base/log.h"
#include "protocol/program/acceptor.h"

struct listener {
	struct clients *clients;
	struct display_socket socket;
	struct acceptor acceptor;
};

static bool room_for_client(void *data)
{
	const struct listener *listener = data;
	return fd_room(listener->socket.fd, FD_ROOM_CLIENT);
}

static void handle_client(void *data, int socket)
{
	struct listener *listener = data;
	fd_room_note(socket);
	clients_add(listener->clients, socket);
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
	listener->acceptor = (struct acceptor){
		.ready = room_for_client, .accepted = handle_client, .data = listener};
	if (!acceptor_start(&listener->acceptor, loop, listener->socket.fd)) {
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
	acceptor_stop(&listener->acceptor);
	display_socket_close(&listener->socket);
	free(listener);
}

const char *listener_display(const struct listener *listener)
{
	return listener->socket.name;
}
