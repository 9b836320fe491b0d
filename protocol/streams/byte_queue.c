/*
 * A bounded queue of bytes with fds at their places among them.
 *
 * The queued bytes are in one piece, so that messages can be read in place. They move to the front
 * of the memory when they reach its end; since the memory is at least half as large again as what
 * was queued when it was allocated, and they move only when at least half as many were taken, the
 * copying is proportional to the bytes that pass.
 */
#include "protocol/streams/byte_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/streams/shared_write.h"

#define FIRST_FDS 16
#define WRITE_BYTES                                                                                \
	((size_t)1 << 20) /* at a time: a reader that keeps up would keep us from others */
/* An empty queue that had grown past this gives its memory back. */
#define KEPT_CAPACITY 16384

struct byte_queue_fd {
	int fd;
	uint64_t position; /* in the stream, of the first byte it may travel with */
};

void byte_queue_init(struct byte_queue *queue, size_t max_bytes)
{
	*queue = (struct byte_queue){.max_bytes = max_bytes};
}

void byte_queue_clear(struct byte_queue *queue)
{
	for (size_t i = 0; i < queue->n_fds; i++)
		fd_close(&queue->fds[i].fd);
	free(queue->bytes);
	free(queue->fds);
	byte_queue_init(queue, queue->max_bytes);
}

/* Makes room for @n bytes behind the end. 0 or -ENOMEM. */
static int reserve_bytes(struct byte_queue *queue, size_t n)
{
	size_t used = byte_queue_size(queue);
	if (n <= queue->capacity - queue->end)
		return 0;
	if (queue->start >= used / 2 && n <= queue->capacity - used) {
		memmove(queue->bytes, queue->bytes + queue->start, used);
	} else {
		size_t capacity = (size_t)align_up(used + n + used / 2, PAGE_BYTES);
		uint8_t *bytes = malloc(capacity);
		if (!bytes)
			return -ENOMEM;
		if (used > 0)
			memcpy(bytes, queue->bytes + queue->start, used);
		free(queue->bytes);
		queue->bytes = bytes;
		queue->capacity = capacity;
	}
	queue->start = 0;
	queue->end = used;
	return 0;
}

static int reserve_fds(struct byte_queue *queue, size_t n)
{
	size_t needed = queue->n_fds + n;
	if (needed <= queue->fds_capacity)
		return 0;
	size_t capacity = queue->fds_capacity > 0 ? queue->fds_capacity : FIRST_FDS;
	while (capacity < needed)
		capacity *= 2;
	struct byte_queue_fd *fds = reallocarray(queue->fds, capacity, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	queue->fds = fds;
	queue->fds_capacity = capacity;
	return 0;
}

int byte_queue_add_fds(
	struct byte_queue *queue, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	if (n_fds > FD_MESSAGE_MAX || (n_fds > 0 && n == 0))
		return -EINVAL;
	if (n > queue->max_bytes - byte_queue_size(queue) ||
		n_fds > BYTE_QUEUE_MAX_FDS - queue->n_fds)
		return -ENOBUFS;
	if (n == 0)
		return 0;
	if (reserve_bytes(queue, n) < 0 || reserve_fds(queue, n_fds) < 0)
		return -ENOMEM;
	uint64_t position = queue->position + byte_queue_size(queue);
	for (size_t i = 0; i < n_fds; i++)
		queue->fds[queue->n_fds++] =
			(struct byte_queue_fd){.fd = fds[i], .position = position};
	memcpy(queue->bytes + queue->end, bytes, n);
	queue->end += n;
	return 0;
}

int byte_queue_add(struct byte_queue *queue, const void *bytes, size_t n)
{
	return byte_queue_add_fds(queue, bytes, n, NULL, 0);
}

static void drop_fds(struct byte_queue *queue, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fd_close(&queue->fds[i].fd);
	queue->n_fds -= n;
	if (n > 0)
		memmove(queue->fds, queue->fds + n, queue->n_fds * sizeof(*queue->fds));
}

void byte_queue_take(struct byte_queue *queue, size_t n)
{
	size_t n_fds = 0;
	assert(n <= byte_queue_size(queue));
	queue->start += n;
	queue->position += n;
	while (n_fds < queue->n_fds && queue->fds[n_fds].position < queue->position)
		n_fds++;
	drop_fds(queue, n_fds);
	if (queue->start < queue->end)
		return;
	queue->start = queue->end = 0;
	if (queue->capacity > KEPT_CAPACITY) {
		free(queue->bytes);
		queue->bytes = NULL;
		queue->capacity = 0;
	}
}

void byte_queue_undo(struct byte_queue *queue, size_t n)
{
	assert(n <= byte_queue_size(queue));
	queue->end -= n;
}

/*
 * What one sendmsg may carry: bytes up to the first whose fds would be too many. @fds gets the fds
 * that go along; they travel with the chunk's first byte, so never after their own.
 */
static size_t next_chunk(const struct byte_queue *queue, int fds[FD_MESSAGE_MAX], size_t *n_fds)
{
	size_t bytes = byte_queue_size(queue), taken = queue->n_fds;
	if (taken > FD_MESSAGE_MAX) {
		uint64_t cut = queue->fds[FD_MESSAGE_MAX].position;
		bytes = (size_t)(cut - queue->position);
		for (taken = FD_MESSAGE_MAX; taken > 0 && queue->fds[taken - 1].position == cut;)
			taken--;
	}
	for (size_t i = 0; i < taken; i++)
		fds[i] = queue->fds[i].fd;
	*n_fds = taken;
	return bytes;
}

int byte_queue_send(struct byte_queue *queue, int socket)
{
	while (byte_queue_size(queue) > 0) {
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		struct iovec chunk = {.iov_base = queue->bytes + queue->start};
		chunk.iov_len = next_chunk(queue, fds, &n_fds);
		ssize_t sent = fd_send(socket, &chunk, 1, fds, n_fds);
		if (sent < 0)
			return (int)sent;
		drop_fds(queue, n_fds);
		byte_queue_take(queue, (size_t)sent);
	}
	return 0;
}

int byte_queue_write(struct byte_queue *queue, int fd)
{
	size_t done;

	assert(queue->n_fds == 0);
	int error = shared_write_all(
		fd, byte_queue_data(queue), min_u64(byte_queue_size(queue), WRITE_BYTES), &done);
	byte_queue_take(queue, done);
	return error == 0 && byte_queue_size(queue) > 0 ? -EAGAIN : error;
}
