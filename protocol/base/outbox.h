/* A bounded queue of bytes and fds on their way out of a stream socket. */
#ifndef PROTOCOL_BASE_OUTBOX_H
#define PROTOCOL_BASE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox_fd {
	int fd;
	uint64_t position; /* the stream offset of the first byte it may travel with */
};

struct outbox {
	uint8_t *bytes; /* ring of capacity bytes (a power of two, grown on demand) */
	size_t capacity;
	size_t max_bytes;
	uint64_t head; /* stream offset of the first byte not sent */
	uint64_t tail; /* stream offset behind the last byte queued */
	struct outbox_fd *fds;
	size_t n_fds, fds_capacity;
};

/* Nothing is allocated until the first byte comes. */
void outbox_init(struct outbox *outbox, size_t max_bytes);
/* Frees the memory and closes the fds that were not sent. */
void outbox_finish(struct outbox *outbox);

size_t outbox_pending(const struct outbox *outbox);

/*
 * Queues @n bytes and takes @n_fds fds that travel with the first of them (n_fds > 0 needs n > 0;
 * n_fds <= FD_MESSAGE_MAX). 0, -ENOBUFS past max_bytes (or 1024 fds), -ENOMEM,
 * -EINVAL for fds that break these rules; on error nothing is
 * queued and the fds stay the caller's.
 */
int outbox_add(struct outbox *outbox, const void *bytes, size_t n, const int *fds, size_t n_fds);

/*
 * Sends what the socket takes, without blocking; fds are closed when sent and never arrive after
 * the byte they were queued with. 0 when all went out, -EAGAIN with a rest, or -errno of the
 * socket.
 */
int outbox_flush(struct outbox *outbox, int socket);

#endif
