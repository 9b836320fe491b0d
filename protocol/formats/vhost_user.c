/* Whole vhost-user messages, with their fds, over a stream socket. */
#include "protocol/formats/vhost_user.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"

#define HEADER_BYTES sizeof(struct vhost_user_header)

static_assert(offsetof(struct vhost_user_message, payload) >= HEADER_BYTES, "");

static void forget_fds(struct vhost_user_message *message)
{
	for (size_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		message->fds[i] = -1;
	message->n_fds = 0;
}

void vhost_user_message_init(struct vhost_user_message *message, uint32_t request, uint32_t size)
{
	memset(message, 0, sizeof(*message));
	message->header.request = request;
	message->header.flags = VHOST_USER_VERSION;
	message->header.size = size;
	forget_fds(message);
}

void vhost_user_message_finish(struct vhost_user_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++)
		fd_close(&message->fds[i]);
	message->n_fds = 0;
}

void vhost_user_reader_init(struct vhost_user_reader *reader)
{
	vhost_user_message_init(&reader->message, 0, 0);
	reader->received = 0;
}

void vhost_user_reader_finish(struct vhost_user_reader *reader)
{
	vhost_user_message_finish(&reader->message);
	reader->received = 0;
}

/*
 * One read of up to @size bytes to @data; fds join the message. 1: some came; 0: none yet; or
 * -errno.
 */
static int receive_segment(int socket, struct vhost_user_reader *reader, void *data, size_t size)
{
	struct vhost_user_message *message = &reader->message;
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;

	ssize_t n = fd_recv(socket, data, size, fds, &n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		if (message->n_fds < VHOST_USER_MAX_FDS) {
			message->fds[message->n_fds++] = fds[i];
		} else {
			fd_close(&fds[i]);
			n = -EMSGSIZE;
		}
	}
	if (n == -EAGAIN)
		return 0;
	if (n == -EMSGSIZE)
		return -EPROTO;
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return (int)n;
	reader->received += (size_t)n;
	return 1;
}

static bool header_is_valid(const struct vhost_user_header *header)
{
	return (header->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION &&
		header->size <= sizeof(union vhost_user_payload);
}

int vhost_user_receive(int socket, struct vhost_user_reader *reader, struct vhost_user_message *out)
{
	struct vhost_user_message *message = &reader->message;

	while (reader->received < HEADER_BYTES) {
		int n = receive_segment(socket, reader, (char *)&message->header + reader->received,
			HEADER_BYTES - reader->received);
		if (n <= 0)
			return n;
	}
	if (!header_is_valid(&message->header))
		return -EPROTO;
	while (reader->received - HEADER_BYTES < message->header.size) {
		size_t have = reader->received - HEADER_BYTES;
		int n = receive_segment(
			socket, reader, message->payload.bytes + have, message->header.size - have);
		if (n <= 0)
			return n;
	}
	/* Bytes that the peer did not send read as zeroes, not as those of the message before. */
	memset(message->payload.bytes + message->header.size, 0,
		sizeof(message->payload) - message->header.size);
	*out = *message;
	forget_fds(message);
	reader->received = 0;
	return 1;
}

uint64_t vhost_user_deadline_ns(int timeout_ms)
{
	return monotonic_ns() + (uint64_t)timeout_ms * 1000000;
}

int vhost_user_remaining_ms(uint64_t deadline_ns)
{
	uint64_t now_ns = vhost_user_deadline_ns(0);
	return deadline_ns > now_ns ? (int)((deadline_ns - now_ns + 999999) / 1000000) : 0;
}

/* 0 when @socket takes more, -ETIMEDOUT or -errno. */
static int wait_for_room(int socket, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd pollfd = {.fd = socket, .events = POLLOUT};
		int timeout_ms = vhost_user_remaining_ms(deadline_ns);
		int n = poll(&pollfd, 1, timeout_ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && timeout_ms == 0)
			return -ETIMEDOUT;
	}
}

int vhost_user_send(int socket, const struct vhost_user_message *message, int timeout_ms)
{
	struct vhost_user_header header = message->header;
	header.flags = (header.flags & ~VHOST_USER_VERSION_MASK) | VHOST_USER_VERSION;
	if (header.size > sizeof(message->payload) || message->n_fds > VHOST_USER_MAX_FDS)
		return -EINVAL;

	uint64_t deadline_ns = vhost_user_deadline_ns(timeout_ms);
	size_t total = HEADER_BYTES + header.size;
	size_t sent = 0;
	while (sent < total) {
		size_t of_header = sent < HEADER_BYTES ? sent : HEADER_BYTES;
		struct iovec iov[2] = {
			{(char *)&header + of_header, HEADER_BYTES - of_header},
			{(uint8_t *)message->payload.bytes + (sent - of_header),
				header.size - (sent - of_header)},
		};
		ssize_t n = fd_send(
			socket, iov, ARRAY_LENGTH(iov), message->fds, sent ? 0 : message->n_fds);
		if (n == -EAGAIN)
			n = wait_for_room(socket, deadline_ns);
		if (n < 0)
			return (int)n;
		sent += (size_t)n;
	}
	return 0;
}
