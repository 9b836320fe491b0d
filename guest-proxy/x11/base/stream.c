/* A Wayland socket, one end of the relay. */
#include "guest-proxy/x11/base/stream.h"

#include <errno.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define IN_BYTES 65536 /* of one turn */
#define OUT_BYTES (16 << 20)
#define OUT_FULL_BYTES (1 << 20)

static void stream_receive(struct stream *stream)
{
	uint8_t bytes[IN_BYTES];
	struct wire_handle handles[FD_MESSAGE_MAX];
	size_t n_handles;
	ssize_t n = wire_recv(stream->fd, bytes, sizeof(bytes), handles, &n_handles);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		stream->hung_up = true;
		return;
	}
	if (relay_push(stream->relay, stream->end, bytes, (size_t)n, handles, n_handles) < 0)
		stream->hung_up = true;
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	struct stream *stream = data;
	if (mask & WL_EVENT_READABLE)
		stream_receive(stream);
	else if (mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR))
		stream->hung_up = true;
	return 0;
}

int stream_init(struct stream *stream, struct wl_event_loop *loop, struct relay *relay,
	enum relay_end end, int fd)
{
	*stream = (struct stream){.fd = fd, .mask = WL_EVENT_READABLE, .relay = relay, .end = end};
	byte_queue_init(&stream->out, OUT_BYTES);
	int result = fd_set_nonblock(fd);
	if (result == 0)
		stream->source =
			wl_event_loop_add_fd(loop, fd, stream->mask, handle_socket, stream);
	if (result == 0 && !stream->source)
		result = -ENOMEM;
	return result;
}

void stream_finish(struct stream *stream)
{
	event_source_remove(&stream->source);
	byte_queue_clear(&stream->out);
	fd_close(&stream->fd);
}

int stream_send(struct stream *stream, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	int fds[FD_MESSAGE_MAX], result = 0;
	for (size_t i = 0; i < n_handles; i++) {
		fds[i] = handles[i].fd;
		if (handles[i].kind != WIRE_FD)
			result = -EPROTO;
	}
	if (result == 0)
		result = byte_queue_add_fds(&stream->out, bytes, size, fds, n_handles);
	if (result < 0)
		wire_handles_drop(handles, n_handles);
	return result;
}

void stream_update(struct stream *stream, bool reading)
{
	uint32_t mask = reading ? WL_EVENT_READABLE : 0;
	if (!stream->source || stream->hung_up)
		return;
	int result = byte_queue_send(&stream->out, stream->fd);
	if (result == -EAGAIN)
		mask |= WL_EVENT_WRITABLE;
	else if (result < 0) /* what it said before it went is still to be read */
		byte_queue_clear(&stream->out);
	if (mask != stream->mask)
		wl_event_source_fd_update(stream->source, mask);
	stream->mask = mask;
}

bool stream_is_full(const struct stream *stream)
{
	return byte_queue_size(&stream->out) > OUT_FULL_BYTES;
}
