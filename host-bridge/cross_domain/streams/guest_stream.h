/* Wayland on its way to a guest: a bounded queue of bytes, and identifiers that go with them. */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_STREAMS_GUEST_STREAM_H
#define HOST_BRIDGE_CROSS_DOMAIN_STREAMS_GUEST_STREAM_H

#include "protocol/formats/cross_domain.h"
#include "protocol/streams/byte_queue.h"

#define GUEST_STREAM_MAX_BYTES (1u << 20)
#define GUEST_STREAM_ROOM_BYTES (256u << 10) /* above, the compositor is not read */

struct guest_stream_identifier {
	uint64_t position; /* of the first byte of its message */
	uint32_t id;
	uint32_t type; /* CROSS_DOMAIN_ID_* */
	uint32_t size; /* of a blob */
};

struct guest_stream {
	struct byte_queue bytes;
	struct byte_queue identifiers; /* of struct guest_stream_identifier */
};

/* Nothing is allocated until something comes. */
void guest_stream_init(struct guest_stream *stream);
void guest_stream_finish(struct guest_stream *stream);

size_t guest_stream_bytes(const struct guest_stream *stream);
bool guest_stream_empty(const struct guest_stream *stream);

/*
 * Queues @size bytes with @n identifiers that belong to them (position is filled in). 0; -ENOBUFS
 * past GUEST_STREAM_MAX_BYTES or -ENOMEM: nothing was queued.
 */
int guest_stream_add(struct guest_stream *stream, const void *bytes, size_t size,
	const struct guest_stream_identifier *identifiers, size_t n);

/*
 * Takes what one RECEIVE can carry into @out and up to @room bytes at @data: identifiers come not
 * later than the first byte of their message, and at most one of them is a write pipe (guests have
 * one in use at a time). Returns the number of bytes.
 */
size_t guest_stream_take(struct guest_stream *stream, struct cross_domain_send_receive *out,
	uint8_t *data, size_t room);

#endif
