/* Requests and events without a relay. */
#include "protocol/wire/wire_talk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

void wire_requests_add(struct wire_requests *requests, uint32_t object, uint16_t opcode,
	const char *signature, const union wire_arg *args)
{
	struct wire_signature parsed;

	wire_signature_parse(signature, &parsed);
	ssize_t size = wire_encode(&parsed, object, opcode, args, requests->bytes + requests->size,
		sizeof(requests->bytes) - requests->size);
	assert(size > 0);
	requests->size += (size_t)size;
}

int wire_requests_send(const struct wire_requests *requests, int fd, const int *fds, size_t n_fds)
{
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)requests->bytes, .iov_len = requests->size};
	ssize_t n = fd_send(fd, &iov, 1, fds, n_fds);

	return n < 0 ? (int)n : (size_t)n == requests->size ? 0 : -EAGAIN;
}

int wire_events_feed(struct wire_events *events, const uint8_t *bytes, size_t size)
{
	for (;;) {
		struct wire_header header;
		size_t taken = min_u64(size, events->n_passed_over);
		events->n_passed_over -= taken;
		bytes += taken;
		size -= taken;
		taken = min_u64(size, sizeof(events->bytes) - events->n_bytes);
		memcpy(events->bytes + events->n_bytes, bytes, taken);
		events->n_bytes += taken;
		bytes += taken;
		size -= taken;
		if (events->n_bytes < WIRE_HEADER_BYTES)
			return 0;
		if (wire_header_decode(events->bytes, &header) < 0)
			return -EPROTO;
		if (header.size > sizeof(events->bytes) && !events->pass_over)
			return -EPROTO;
		if (header.size > sizeof(events->bytes)) {
			events->n_passed_over = header.size - events->n_bytes;
			events->n_bytes = 0;
			continue;
		}
		if (events->n_bytes < header.size)
			return 0;
		int result =
			events->handle(events->data, &header, events->bytes + WIRE_HEADER_BYTES);
		events->n_bytes -= header.size;
		memmove(events->bytes, events->bytes + header.size, events->n_bytes);
		if (result != 0)
			return result;
	}
}

int wire_events_receive(struct wire_events *events, int fd)
{
	uint8_t bytes[sizeof(events->bytes)];
	ssize_t n = fd_recv_bytes(fd, bytes, sizeof(bytes));

	return n < 0 ? (int)n : n == 0 ? -EPIPE : wire_events_feed(events, bytes, (size_t)n);
}

int wire_event_args(const struct wire_header *header, const uint8_t *body, const char *signature,
	union wire_arg args[WIRE_MAX_ARGS], const char **why)
{
	struct wire_signature parsed;
	const char *text;

	wire_signature_parse(signature, &parsed);
	return wire_decode(
		&parsed, body, header->size - WIRE_HEADER_BYTES, NULL, args, why ? why : &text);
}
