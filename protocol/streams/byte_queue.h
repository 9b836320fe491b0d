/*
 * A bounded queue of bytes on their way to a socket, a pipe or a reader of our own, with fds at
 * their places among them.
 */
#ifndef PROTOCOL_STREAMS_BYTE_QUEUE_H
#define PROTOCOL_STREAMS_BYTE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define BYTE_QUEUE_MAX_FDS 1024

struct byte_queue_fd;

struct byte_queue {
	uint8_t *bytes; /* capacity of them; queued are those from start to end */
	size_t start, end, capacity;
	size_t max_bytes;
	uint64_t position; /* in the stream of all bytes that ever went in: that of bytes[start] */
	struct byte_queue_fd *fds;
	size_t n_fds, fds_capacity;
};

/* Nothing is allocated until the first byte comes. */
void byte_queue_init(struct byte_queue *queue, size_t max_bytes);
/* Drops what is queued, closes its fds and frees the memory; the queue is empty and usable. */
void byte_queue_clear(struct byte_queue *queue);

static inline size_t byte_queue_size(const struct byte_queue *queue)
{
	return queue->end - queue->start;
}

/* All that is queued, in one piece; good until the queue changes. */
static inline const uint8_t *byte_queue_data(const struct byte_queue *queue)
{
	return queue->bytes + queue->start;
}

/* 0; -ENOBUFS past max_bytes, or -ENOMEM: nothing was queued. */
int byte_queue_add(struct byte_queue *queue, const void *bytes, size_t n);

/*
 * As byte_queue_add, and takes @n_fds fds that travel with the first of the bytes (n_fds > 0 needs
 * n > 0; n_fds <= FD_MESSAGE_MAX). Also -ENOBUFS past BYTE_QUEUE_MAX_FDS, -EINVAL for fds that
 * break these rules. On error the fds stay the caller's.
 */
int byte_queue_add_fds(
	struct byte_queue *queue, const void *bytes, size_t n, const int *fds, size_t n_fds);

/* Drops the first @n bytes (no more than are queued) and closes the fds that belong to them. */
void byte_queue_take(struct byte_queue *queue, size_t n);

/* Drops the last @n bytes (no more than are queued), with which no fds were queued. */
void byte_queue_undo(struct byte_queue *queue, size_t n);

/*
 * Sends what the socket takes, without blocking; fds are closed when sent and never arrive after
 * the byte they were queued with. 0 when all went out, -EAGAIN with a rest, or -errno of the
 * socket.
 */
int byte_queue_send(struct byte_queue *queue, int socket);

/*
 * As byte_queue_send for a pipe, a socket or a file that others share, whose flags do not matter
 * and stay (shared_write); there are no fds in the queue. After a MiB it is -EAGAIN, too.
 */
int byte_queue_write(struct byte_queue *queue, int fd);

#endif
