/* A Wayland socket in an event loop: messages that come, and messages that wait to be sent. */
#ifndef PROTOCOL_WIRE_WIRE_SOCKET_H
#define PROTOCOL_WIRE_WIRE_SOCKET_H

#include <wayland-server-core.h>

#include "protocol/wire/wire.h"

/* What its owner is asked and told. */
struct wire_socket_listener {
	/* Whether messages may be taken now. */
	bool (*reading)(void *data);
	/* Bytes, boundaries arbitrary; takes the handles. */
	void (*received)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	/* Fds that came along are lost: there is no room for so many. */
	void (*fds_lost)(void *data);
	/* The peer has closed its end, and what it has said is not read yet: unread. */
	void (*left)(void *data);
	/* Something has changed; comes behind the others. */
	void (*changed)(void *data);
};

/* What is here is for reading alone. */
struct wire_socket {
	const struct wire_socket_listener *listener;
	void *data;
	struct wl_event_loop *loop;
	const char *name; /* for log lines */
	int fd;           /* -1: closed */
	struct wl_event_source *source;
	uint32_t mask;            /* what the source waits for */
	bool hung_up;             /* the peer's end is closed, and all that it sent was read */
	bool unread;              /* it is closed, and what came from it is not read yet */
	bool output_closed;       /* the peer reads no more: what it is told is dropped */
	struct byte_queue output; /* to be sent */
};

/* All is borrowed. @max_bytes may wait to be sent. */
void wire_socket_init(struct wire_socket *socket, struct wl_event_loop *loop, const char *name,
	size_t max_bytes, const struct wire_socket_listener *listener, void *data);
/* Begins to read @fd, which it takes. False: memory is short, and @fd is still the caller's. */
bool wire_socket_start(struct wire_socket *socket, int fd);
/* Nothing more is read or sent; what is queued stays so. */
void wire_socket_close(struct wire_socket *socket);
/* As wire_socket_close, and drops what is queued. */
void wire_socket_finish(struct wire_socket *socket);

/*
 * Queues a message; takes the handles, also on error. Where nobody reads any more it is dropped. 0;
 * -EPROTO: a handle is no fd; or what byte_queue_add_fds says.
 */
int wire_socket_send(struct wire_socket *socket, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);
/* Sends what the peer takes now. */
void wire_socket_flush(struct wire_socket *socket);
/* Waits for what has to be waited for. @reading: whether messages may be taken. */
void wire_socket_update(struct wire_socket *socket, bool reading);

/* So much waits for the peer that nothing more should come for it. */
bool wire_socket_is_full(const struct wire_socket *socket);

/* Whether nothing waits for the peer. */
static inline bool wire_socket_is_empty(const struct wire_socket *socket)
{
	return byte_queue_size(&socket->output) == 0;
}

#endif
