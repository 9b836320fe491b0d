/* A bounded queue of bytes and fds on their way out of a stream socket. */
#include "protocol/base/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define FIRST_CAPACITY 4096
#define FIRST_FDS 16
#define MAX_FDS 1024
/* An empty queue that had grown past this gives its memory back. */
#define KEPT_CAPACITY 65536

void outbox_init(struct outbox *outbox, size_t max_bytes)
{
	*outbox = (struct outbox){.max_bytes = max_bytes};
}

void outbox_finish(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->n_fds; i++)
		fd_close(&outbox->fds[i].fd);
	free(outbox->bytes);
	free(outbox->fds);
	*outbox = (struct outbox){.max_bytes = outbox->max_bytes};
}

size_t outbox_pending(const struct outbox *outbox)
{
	return (size_t)(outbox->tail - outbox->head);
}

/* The at most two segments of the ring that hold [start, start + n) of the stream. Returns how
 * many.
 */
static size_t ring_segments(
	uint8_t *ring, size_t capacity, uint64_t start, size_t n, struct iovec segments[2])
{
	size_t at = (size_t)(start & (capacity - 1));
	size_t until_wrap = capacity - at;
	segments[0] =
		(struct iovec){.iov_base = ring + at, .iov_len = n < until_wrap ? n : until_wrap};
	segments[1] = (struct iovec){.iov_base = ring, .iov_len = n - segments[0].iov_len};
	return segments[1].iov_len > 0 ? 2 : 1;
}

static void ring_write(
	uint8_t *ring, size_t capacity, uint64_t start, const uint8_t *bytes, size_t n)
{
	struct iovec segments[2];
	ring_segments(ring, capacity, start, n, segments);
	memcpy(segments[0].iov_base, bytes, segments[0].iov_len);
	memcpy(segments[1].iov_base, bytes + segments[0].iov_len, segments[1].iov_len);
}

static int reserve_bytes(struct outbox *outbox, size_t n)
{
	size_t pending = outbox_pending(outbox), needed = pending + n;
	if (needed <= outbox->capacity)
		return 0;
	size_t capacity = outbox->capacity > 0 ? outbox->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;
	uint8_t *bytes = malloc(capacity);
	if (!bytes)
		return -ENOMEM;
	if (pending > 0) {
		struct iovec old[2];
		size_t n_old =
			ring_segments(outbox->bytes, outbox->capacity, outbox->head, pending, old);
		uint64_t at = outbox->head;
		for (size_t i = 0; i < n_old; at += old[i].iov_len, i++)
			ring_write(bytes, capacity, at, old[i].iov_base, old[i].iov_len);
	}
	free(outbox->bytes);
	outbox->bytes = bytes;
	outbox->capacity = capacity;
	return 0;
}

static int reserve_fds(struct outbox *outbox, size_t n)
{
	size_t needed = outbox->n_fds + n;
	if (needed <= outbox->fds_capacity)
		return 0;
	size_t capacity = outbox->fds_capacity > 0 ? outbox->fds_capacity : FIRST_FDS;
	while (capacity < needed)
		capacity *= 2;
	struct outbox_fd *fds = realloc(outbox->fds, capacity * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	outbox->fds = fds;
	outbox->fds_capacity = capacity;
	return 0;
}

int outbox_add(struct outbox *outbox, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	if (n_fds > FD_MESSAGE_MAX || (n_fds > 0 && n == 0))
		return -EINVAL;
	if (n > outbox->max_bytes - outbox_pending(outbox) || n_fds > MAX_FDS - outbox->n_fds)
		return -ENOBUFS;
	if (n == 0)
		return 0;
	int error = reserve_bytes(outbox, n);
	if (!error)
		error = reserve_fds(outbox, n_fds);
	if (error)
		return error;

	ring_write(outbox->bytes, outbox->capacity, outbox->tail, bytes, n);
	for (size_t i = 0; i < n_fds; i++)
		outbox->fds[outbox->n_fds++] =
			(struct outbox_fd){.fd = fds[i], .position = outbox->tail};
	outbox->tail += n;
	return 0;
}

/*
 * What one sendmsg may carry: bytes up to the first whose fds would be too many. @fds gets the fds
 * that go along; they travel with the chunk's first byte, so never after their own.
 */
static size_t next_chunk(const struct outbox *outbox, int fds[FD_MESSAGE_MAX], size_t *n_fds)
{
	size_t bytes = outbox_pending(outbox), taken = outbox->n_fds;
	if (taken > FD_MESSAGE_MAX) {
		uint64_t cut = outbox->fds[FD_MESSAGE_MAX].position;
		bytes = (size_t)(cut - outbox->head);
		for (taken = FD_MESSAGE_MAX; taken > 0 && outbox->fds[taken - 1].position == cut;)
			taken--;
	}
	for (size_t i = 0; i < taken; i++)
		fds[i] = outbox->fds[i].fd;
	*n_fds = taken;
	return bytes;
}

static void drop_sent(struct outbox *outbox, size_t bytes, size_t n_fds)
{
	outbox->head += bytes;
	for (size_t i = 0; i < n_fds; i++)
		fd_close(&outbox->fds[i].fd);
	outbox->n_fds -= n_fds;
	if (n_fds > 0)
		memmove(outbox->fds, outbox->fds + n_fds, outbox->n_fds * sizeof(*outbox->fds));
}

int outbox_flush(struct outbox *outbox, int socket)
{
	while (outbox_pending(outbox) > 0) {
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		struct iovec segments[2];
		size_t chunk = next_chunk(outbox, fds, &n_fds);
		size_t n_segments = ring_segments(
			outbox->bytes, outbox->capacity, outbox->head, chunk, segments);
		ssize_t sent = fd_send(socket, segments, n_segments, fds, n_fds);
		if (sent < 0)
			return (int)sent;
		drop_sent(outbox, (size_t)sent, n_fds);
	}
	if (outbox->capacity > KEPT_CAPACITY) {
		free(outbox->bytes);
		outbox->bytes = NULL;
		outbox->capacity = 0;
	}
	return 0;
}
