/* The bytes and identifiers on their way into RECEIVE events. */
#include "host-bridge/cross_domain/guest_stream.h"

#include <errno.h>
#include <stdlib.h>

#define MIN_CAPACITY 4096
#define KEPT_CAPACITY 65536 /* an empty queue keeps no more memory than this */

void guest_stream_finish(struct guest_stream *stream)
{
	free(stream->bytes);
	free(stream->identifiers);
	*stream = (struct guest_stream){0};
}

size_t guest_stream_bytes(const struct guest_stream *stream)
{
	return stream->end - stream->start;
}

bool guest_stream_empty(const struct guest_stream *stream)
{
	return stream->start == stream->end && stream->first_identifier == stream->last_identifier;
}

/* Makes room for @size bytes behind the end. */
static int reserve_bytes(struct guest_stream *stream, size_t size)
{
	if (size <= stream->capacity - stream->end)
		return 0;
	size_t used = guest_stream_bytes(stream);
	if (stream->start > 0) {
		memmove(stream->bytes, stream->bytes + stream->start, used);
		stream->start = 0;
		stream->end = used;
	}
	/* Half of it stays free, so that bytes move seldom. */
	size_t capacity = stream->capacity ? stream->capacity : MIN_CAPACITY;
	while (capacity / 2 < used + size)
		capacity *= 2;
	if (capacity <= stream->capacity)
		return 0;
	uint8_t *bytes = realloc(stream->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	stream->bytes = bytes;
	stream->capacity = capacity;
	return 0;
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
	if (!range_fits(guest_stream_bytes(stream), size, GUEST_STREAM_MAX_BYTES))
		return -ENOBUFS;
	if (reserve_bytes(stream, size) < 0 || reserve_identifiers(stream, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct guest_stream_identifier *identifier =
			&stream->identifiers[stream->last_identifier++];
		*identifier = identifiers[i];
		identifier->position = stream->position + guest_stream_bytes(stream);
	}
	if (size > 0)
		memcpy(stream->bytes + stream->end, bytes, size);
	stream->end += size;
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
		uint64_t offset = next->position - stream->position;
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
		memcpy(data, stream->bytes + stream->start, n);
	stream->start += n;
	stream->position += n;
	if (stream->start == stream->end) {
		stream->start = stream->end = 0;
		if (stream->capacity > KEPT_CAPACITY) {
			free(stream->bytes);
			stream->bytes = NULL;
			stream->capacity = 0;
		}
	}
	return n;
}
