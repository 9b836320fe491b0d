/* The bytes and identifiers on their way into RECEIVE events. */
#include "host-bridge/cross_domain/guest_stream.h"

#include <errno.h>
#include <stdlib.h>

void guest_stream_init(struct guest_stream *stream)
{
	*stream = (struct guest_stream){0};
	byte_queue_init(&stream->bytes, GUEST_STREAM_MAX_BYTES);
}

void guest_stream_finish(struct guest_stream *stream)
{
	byte_queue_clear(&stream->bytes);
	free(stream->identifiers);
	guest_stream_init(stream);
}

size_t guest_stream_bytes(const struct guest_stream *stream)
{
	return byte_queue_size(&stream->bytes);
}

bool guest_stream_empty(const struct guest_stream *stream)
{
	return guest_stream_bytes(stream) == 0 &&
		stream->first_identifier == stream->last_identifier;
}

static int reserve_identifiers(struct guest_stream *stream, size_t n)
{
	size_t used = stream->last_identifier - stream->first_identifier;
	if (n <= stream->identifiers_capacity - stream->last_identifier)
		return 0;
	if (used > 0)
		memmove(stream->identifiers, stream->identifiers + stream->first_identifier,
			used * sizeof(*stream->identifiers));
	stream->first_identifier = 0;
	stream->last_identifier = used;
	if (n <= stream->identifiers_capacity - used)
		return 0;
	size_t capacity = (used + n) * 2;
	struct guest_stream_identifier *identifiers =
		realloc(stream->identifiers, capacity * sizeof(*identifiers));
	if (!identifiers)
		return -ENOMEM;
	stream->identifiers = identifiers;
	stream->identifiers_capacity = capacity;
	return 0;
}

int guest_stream_add(struct guest_stream *stream, const void *bytes, size_t size,
	const struct guest_stream_identifier *identifiers, size_t n)
{
	uint64_t position = stream->bytes.position + guest_stream_bytes(stream);
	if (reserve_identifiers(stream, n) < 0)
		return -ENOMEM;
	int err = byte_queue_add(&stream->bytes, bytes, size);
	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct guest_stream_identifier *identifier =
			&stream->identifiers[stream->last_identifier++];
		*identifier = identifiers[i];
		identifier->position = position;
	}
	return 0;
}

size_t guest_stream_take(
	struct guest_stream *stream, struct cross_domain_send_receive *out, uint8_t *data)
{
	size_t n = min_u64(guest_stream_bytes(stream), CROSS_DOMAIN_RECEIVE_MAX_DATA);
	bool write_pipe = false;

	*out = (struct cross_domain_send_receive){.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	while (stream->first_identifier < stream->last_identifier) {
		const struct guest_stream_identifier *next =
			&stream->identifiers[stream->first_identifier];
		uint64_t offset = next->position - stream->bytes.position;
		/* (A message without bytes has its identifiers at the very end.) */
		if (offset >= n && !(offset == n && n == guest_stream_bytes(stream)))
			break;
		if (out->num_identifiers == CROSS_DOMAIN_MAX_IDENTIFIERS ||
			(write_pipe && next->type == CROSS_DOMAIN_ID_WRITE_PIPE)) {
			n = offset;
			break;
		}
		write_pipe |= next->type == CROSS_DOMAIN_ID_WRITE_PIPE;
		out->identifiers[out->num_identifiers] = next->id;
		out->types[out->num_identifiers] = next->type;
		out->sizes[out->num_identifiers] = next->size;
		out->num_identifiers++;
		stream->first_identifier++;
	}

	out->opaque_data_size = (uint32_t)n;
	if (n > 0)
		memcpy(data, byte_queue_data(&stream->bytes), n);
	byte_queue_take(&stream->bytes, n);
	return n;
}
