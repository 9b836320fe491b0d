/* The bytes and identifiers on their way into RECEIVE events. */
#include "host-bridge/cross_domain/streams/guest_stream.h"

#include <errno.h>

void guest_stream_init(struct guest_stream *stream)
{
	byte_queue_init(&stream->bytes, GUEST_STREAM_MAX_BYTES);
	byte_queue_init(&stream->identifiers, GUEST_STREAM_MAX_BYTES);
}

void guest_stream_finish(struct guest_stream *stream)
{
	byte_queue_clear(&stream->bytes);
	byte_queue_clear(&stream->identifiers);
}

size_t guest_stream_bytes(const struct guest_stream *stream)
{
	return byte_queue_size(&stream->bytes);
}

bool guest_stream_empty(const struct guest_stream *stream)
{
	return guest_stream_bytes(stream) == 0 && byte_queue_size(&stream->identifiers) == 0;
}

int guest_stream_add(struct guest_stream *stream, const void *bytes, size_t size,
	const struct guest_stream_identifier *identifiers, size_t n)
{
	uint64_t position = stream->bytes.position + guest_stream_bytes(stream);
	size_t added = 0;
	int err = 0;
	for (size_t i = 0; i < n && err == 0; i++) {
		struct guest_stream_identifier identifier = identifiers[i];
		identifier.position = position;
		err = byte_queue_add(&stream->identifiers, &identifier, sizeof(identifier));
		added += err == 0 ? sizeof(identifier) : 0;
	}
	if (err == 0)
		err = byte_queue_add(&stream->bytes, bytes, size);
	if (err < 0)
		byte_queue_undo(&stream->identifiers, added);
	return err;
}

size_t guest_stream_take(struct guest_stream *stream, struct cross_domain_send_receive *out,
	uint8_t *data, size_t room)
{
	size_t n = min_u64(guest_stream_bytes(stream), room);
	bool write_pipe = false;

	*out = (struct cross_domain_send_receive){.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	while (byte_queue_size(&stream->identifiers) > 0) {
		struct guest_stream_identifier next;
		memcpy(&next, byte_queue_data(&stream->identifiers), sizeof(next));
		uint64_t offset = next.position - stream->bytes.position;
		/* (A message without bytes has its identifiers at the very end.) */
		if (offset >= n && !(offset == n && n == guest_stream_bytes(stream)))
			break;
		if (out->num_identifiers == CROSS_DOMAIN_MAX_IDENTIFIERS ||
			(write_pipe && next.type == CROSS_DOMAIN_ID_WRITE_PIPE)) {
			n = offset;
			break;
		}
		write_pipe |= next.type == CROSS_DOMAIN_ID_WRITE_PIPE;
		out->identifiers[out->num_identifiers] = next.id;
		out->types[out->num_identifiers] = next.type;
		out->sizes[out->num_identifiers] = next.size;
		out->num_identifiers++;
		byte_queue_take(&stream->identifiers, sizeof(next));
	}

	out->opaque_data_size = (uint32_t)n;
	if (n > 0)
		memcpy(data, byte_queue_data(&stream->bytes), n);
	byte_queue_take(&stream->bytes, n);
	return n;
}
