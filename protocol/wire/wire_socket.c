/* A Wayland socket in an event loop. */
#include "protocol/wire/wire_socket.h"

#include <errno.h>
#include <string.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "socket"
#include "protocol/base/log.h"

#define RECEIVE_BYTES 65536 /* of one turn */
#define FULL_BYTES (1 << 20)
#define FULL_FDS 256 /* the queue takes BYTE_QUEUE_MAX_FDS */

static int handle_events(int fd, uint32_t mask, void *data);

void wire_socket_init(struct wire_socket *socket, struct wl_event_loop *loop, const char *name,
	size_t max_bytes, const struct wire_socket_listener *listener, void *data)
{
	*socket = (struct wire_socket){
		.listener = listener, .data = data, .loop = loop, .name = name, .fd = -1};
	byte_queue_init(&socket->output, max_bytes);
}

static bool watch(struct wire_socket *socket, uint32_t mask)
{
	socket->source =
		wl_event_loop_add_fd(socket->loop, socket->fd, mask, handle_events, socket);
	if (!socket->source)
		log_limited(LOG_LEVEL_ERROR, "%s: no memory to watch its socket", socket->name);
	return socket->source != NULL;
}

bool wire_socket_start(struct wire_socket *socket, int fd)
{
	socket->fd = fd;
	socket->mask = WL_EVENT_READABLE;
	if (!watch(socket, socket->mask))
		socket->fd = -1;
	return socket->source != NULL;
}

void wire_socket_close(struct wire_socket *socket)
{
	event_source_remove(&socket->source);
	fd_close(&socket->fd);
}

void wire_socket_finish(struct wire_socket *socket)
{
	wire_socket_close(socket);
	byte_queue_clear(&socket->output);
}

bool wire_socket_is_full(const struct wire_socket *socket)
{
	return byte_queue_size(&socket->output) > FULL_BYTES || socket->output.n_fds > FULL_FDS;
}

static bool reading(const struct wire_socket *socket)
{
	return socket->listener->reading(socket->data);
}

static void receive(struct wire_socket *socket)
{
	static uint8_t bytes[RECEIVE_BYTES];
	struct wire_handle handles[FD_MESSAGE_MAX];
	size_t n_handles;
	ssize_t n = wire_recv(socket->fd, bytes, sizeof(bytes), handles, &n_handles);

	if (n == -EAGAIN)
		return;
	if (n == -EMSGSIZE) {
		socket->listener->fds_lost(socket->data);
	} else if (n > 0) {
		socket->listener->received(socket->data, bytes, (size_t)n, handles, n_handles);
	} else {
		/* A killed peer resets its socket; anything else is worth a line. */
		if (n < 0 && n != -ECONNRESET)
			log_limited(LOG_LEVEL_WARN, "%s: receiving failed: %s", socket->name,
				strerror((int)-n));
		socket->hung_up = true;
	}
}

static int handle_events(int fd, uint32_t mask, void *data)
{
	struct wire_socket *socket = data;
	if ((mask & (WL_EVENT_READABLE | WL_EVENT_HANGUP | WL_EVENT_ERROR)) && reading(socket))
		receive(socket);
	if ((mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)) && !reading(socket)) {
		/* It would be reported again and again; wire_socket_update adds the source when
		 * there is room to read on. */
		event_source_remove(&socket->source);
		socket->unread = true;
		socket->listener->left(socket->data);
	}
	socket->listener->changed(socket->data);
	return 0;
}

int wire_socket_send(struct wire_socket *socket, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	int fds[FD_MESSAGE_MAX], result = 0;

	for (size_t i = 0; i < n_handles; i++) {
		fds[i] = handles[i].fd;
		if (handles[i].kind != WIRE_FD && handles[i].kind != WIRE_WRITE_PIPE)
			result = -EPROTO;
	}
	if (result == 0 && !socket->output_closed)
		result = byte_queue_add_fds(&socket->output, bytes, size, fds, n_handles);
	if (result < 0 || socket->output_closed)
		wire_handles_drop(handles, n_handles);
	return result;
}

void wire_socket_flush(struct wire_socket *socket)
{
	if (socket->fd < 0 || socket->output_closed)
		return;
	int result = byte_queue_send(&socket->output, socket->fd);
	if (result < 0 && result != -EAGAIN) {
		/* What the peer sent before is still read. */
		log_debug("%s: sending failed: %s", socket->name, strerror(-result));
		socket->output_closed = true;
		byte_queue_clear(&socket->output);
	}
}

void wire_socket_update(struct wire_socket *socket, bool reading)
{
	uint32_t mask = reading ? WL_EVENT_READABLE : 0;
	if (socket->fd < 0)
		return;
	if (!wire_socket_is_empty(socket))
		mask |= WL_EVENT_WRITABLE;
	if (!socket->source && mask != 0)
		socket->hung_up |= !watch(socket, mask);
	else if (socket->source && mask != socket->mask)
		wl_event_source_fd_update(socket->source, mask);
	socket->mask = mask;
}
