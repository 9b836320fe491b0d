/* Ending the connection of a client so that it can read why. */
#include "guest-proxy/admission/refusal.h"

#include <sys/socket.h>
#include <wayland-server-protocol.h>

#include "protocol/base/fd.h"
#include "protocol/wire/wire.h"

#define DRAIN_BYTES (16 << 20) /* more than a socket holds */

void refusal_stop_reading(int fd)
{
	uint8_t bytes[4096];
	ssize_t n = 1;

	shutdown(fd, SHUT_RD);
	for (size_t drained = 0; n > 0 && drained < DRAIN_BYTES; drained += (size_t)n)
		n = fd_recv_bytes(fd, bytes, sizeof(bytes));
}

void refusal_send(int fd, uint32_t code, const char *text)
{
	uint8_t message[WIRE_DISPLAY_ERROR_BYTES];
	struct iovec iov = {.iov_base = message};

	iov.iov_len = wire_encode_display_error(message, code, text);
	fd_send(fd, &iov, 1, NULL, 0);
	refusal_stop_reading(fd);
}

void refusal_send_to_waiting(int fd, const char *text)
{
	int client;

	fd_set_nonblock(fd);
	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		refusal_send(client, WL_DISPLAY_ERROR_IMPLEMENTATION, text);
		fd_close(&client);
	}
}
