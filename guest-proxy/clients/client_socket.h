/* The socket of one client: its requests, and its events that wait to be sent. */
#ifndef GUEST_PROXY_CLIENTS_CLIENT_SOCKET_H
#define GUEST_PROXY_CLIENTS_CLIENT_SOCKET_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "protocol/streams/byte_queue.h"
#include "protocol/wire/wire.h"

struct client_socket_listener {
	/* Whether requests may be taken now. */
	bool (*reading)(void *data);
	/* Requests, boundaries arbitrary; takes the handles. */
	void (*requests)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	/* Fds that came with requests are lost: there is no room for so many. */
	void (*fds_lost)(void *data);
	/* The client has closed its end, and what it has said is not read yet (unread). */
	void (*left)(void *data);
	/* Something has changed, of which the others may have been told. */
	void (*changed)(void *data);
};

/* What is here is for reading alone. */
struct client_socket {
	const struct client_socket_listener *listener;
	void *data;
	struct wl_event_loop *loop;
	const char *name; /* for log lines */
	int fd;           /* -1: closed */
	struct wl_event_source *source, *retry;
	uint32_t mask;      /* what the source waits for */
	bool hung_up;       /* the client's end is closed, and all that it sent was read */
	bool unread;        /* the client has closed its end, and what it said is not read yet */
	bool output_closed; /* it reads no more: events are dropped */
	bool starved; /* what it says is not read: there are too few fds for what may come along */
	struct byte_queue events; /* to be sent to the client */
};

/* All is borrowed. */
void client_socket_init(struct client_socket *socket, struct wl_event_loop *loop, const char *name,
	const struct client_socket_listener *listener, void *data);
/* Begins to read @fd, which it takes. False: memory is short, and @fd is still the caller's. */
bool client_socket_start(struct client_socket *socket, int fd);
/* Nothing more is read or sent. */
void client_socket_close(struct client_socket *socket);
/* As client_socket_close, and drops what is queued. */
void client_socket_finish(struct client_socket *socket);

/*
 * Queues a message for the client with @n fds, which it takes; where nobody reads any more it is
 * dropped. 0, or what byte_queue_add_fds says: then the fds are still the caller's.
 */
int client_socket_add(
	struct client_socket *socket, const uint8_t *bytes, size_t size, const int *fds, size_t n);
/* Sends what the client takes now. */
void client_socket_flush(struct client_socket *socket);
/* Waits for what has to be waited for. @reading: whether requests may be taken. */
void client_socket_update(struct client_socket *socket, bool reading);

/* Whether the client does not read as fast as the host sends. */
bool client_socket_piles_up(const struct client_socket *socket);
/* Whether requests can be taken: nothing has to be waited for before. */
bool client_socket_can_read(const struct client_socket *socket);

/* Whether nothing waits for the client. */
static inline bool client_socket_is_empty(const struct client_socket *socket)
{
	return byte_queue_size(&socket->events) == 0;
}

#endif
