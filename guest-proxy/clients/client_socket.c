/* The bytes between a client and its relay. */
#include "guest-proxy/clients/client_socket.h"

#include <errno.h>
#include <string.h>

#include "guest-proxy/admission/fd_room.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "client"
#include "protocol/base/log.h"

#define RECEIVE_BYTES 65536
#define HOST_FDS 16                  /* are left for what comes from the host meanwhile */
#define EVENTS_BYTES (4 << 20)       /* queued for a client; more, and it is ended */
#define EVENTS_PAUSE_BYTES (1 << 20) /* from there on the host is asked for no more */
#define EVENTS_PAUSE_FDS 256         /* or there; the queue takes BYTE_QUEUE_MAX_FDS */

static int handle_events(int fd, uint32_t mask, void *data);

void client_socket_init(struct client_socket *socket, struct wl_event_loop *loop, const char *name,
	const struct client_socket_listener *listener, void *data)
{
	*socket = (struct client_socket){
		.listener = listener, .data = data, .loop = loop, .name = name, .fd = -1};
	byte_queue_init(&socket->events, EVENTS_BYTES);
}

static bool watch(struct client_socket *socket, uint32_t mask)
{
	socket->source =
		wl_event_loop_add_fd(socket->loop, socket->fd, mask, handle_events, socket);
	return socket->source != NULL;
}

bool client_socket_start(struct client_socket *socket, int fd)
{
	socket->fd = fd;
	socket->mask = WL_EVENT_READABLE;
	if (!watch(socket, socket->mask))
		socket->fd = -1;
	return socket->source != NULL;
}

void client_socket_close(struct client_socket *socket)
{
	event_source_remove(&socket->source);
	fd_close(&socket->fd);
}

void client_socket_finish(struct client_socket *socket)
{
	client_socket_close(socket);
	event_source_remove(&socket->retry);
	byte_queue_clear(&socket->events);
}

bool client_socket_piles_up(const struct client_socket *socket)
{
	return byte_queue_size(&socket->events) > EVENTS_PAUSE_BYTES ||
		socket->events.n_fds > EVENTS_PAUSE_FDS;
}

bool client_socket_can_read(const struct client_socket *socket)
{
	return !socket->hung_up && !socket->starved && !client_socket_piles_up(socket);
}

static bool may_read(const struct client_socket *socket)
{
	return socket->listener->reading(socket->data);
}

static int handle_retry(void *data)
{
	struct client_socket *socket = data;
	socket->starved = false;
	socket->listener->changed(socket->data);
	return 0;
}

/* It is read on a little later, when others may have closed some. */
static void wait_for_fds(struct client_socket *socket)
{
	if (!socket->retry)
		socket->retry = wl_event_loop_add_timer(socket->loop, handle_retry, socket);
	socket->starved =
		socket->retry && wl_event_source_timer_update(socket->retry, FD_ROOM_RETRY_MS) == 0;
}

static void read_requests(struct client_socket *socket)
{
	static uint8_t bytes[RECEIVE_BYTES];
	struct wire_handle handles[FD_MESSAGE_MAX];
	size_t n_handles;
	if (!fd_room(socket->fd, FD_MESSAGE_MAX + HOST_FDS)) {
		wait_for_fds(socket);
		return;
	}
	ssize_t n = wire_recv(socket->fd, bytes, sizeof(bytes), handles, &n_handles);
	if (n == -EAGAIN)
		return;
	if (n == -EMSGSIZE) {
		socket->listener->fds_lost(socket->data);
		return;
	}
	if (n <= 0) {
		/* A killed client resets its socket; anything else is worth a line. */
		if (n < 0 && n != -ECONNRESET)
			log_limited(LOG_LEVEL_WARN, "%s: receiving failed: %s", socket->name,
				strerror((int)-n));
		socket->hung_up = true;
		return;
	}
	if (n_handles > 0)
		fd_room_note(handles[n_handles - 1].fd);
	socket->listener->requests(socket->data, bytes, (size_t)n, handles, n_handles);
}

static int handle_events(int fd, uint32_t mask, void *data)
{
	struct client_socket *socket = data;
	if ((mask & (WL_EVENT_READABLE | WL_EVENT_HANGUP | WL_EVENT_ERROR)) && may_read(socket))
		read_requests(socket);
	if ((mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)) && !may_read(socket)) {
		/* It would be reported again and again; client_socket_update adds the source when
		 * there is room to read on. */
		event_source_remove(&socket->source);
		socket->unread = true;
		socket->listener->left(socket->data);
	}
	socket->listener->changed(socket->data);
	return 0;
}

int client_socket_add(
	struct client_socket *socket, const uint8_t *bytes, size_t size, const int *fds, size_t n)
{
	if (!socket->output_closed)
		return byte_queue_add_fds(&socket->events, bytes, size, fds, n);
	for (size_t i = 0; i < n; i++) {
		int fd = fds[i];
		fd_close(&fd);
	}
	return 0;
}

void client_socket_flush(struct client_socket *socket)
{
	if (socket->fd < 0 || socket->output_closed)
		return;
	int result = byte_queue_send(&socket->events, socket->fd);
	if (result < 0 && result != -EAGAIN) {
		/* What it sent before is still read. */
		socket->output_closed = true;
		byte_queue_clear(&socket->events);
	}
}

void client_socket_update(struct client_socket *socket, bool reading)
{
	uint32_t mask = reading ? WL_EVENT_READABLE : 0;
	if (socket->fd < 0)
		return;
	if (!client_socket_is_empty(socket))
		mask |= WL_EVENT_WRITABLE;
	if (!socket->source && mask != 0)
		socket->hung_up |= !watch(socket, mask);
	else if (socket->source && mask != socket->mask)
		wl_event_source_fd_update(socket->source, mask);
	socket->mask = mask;
}
