/*
 * Writing to fds that somebody else has given us and goes on using: pipes that a pasting
 * application reads, say. It never blocks, and changes no flags: O_NONBLOCK belongs to the open
 * file description, which all share, so that setting it would break the others' writes, and relying
 * on it would let any of them make us block.
 */
#ifndef PROTOCOL_STREAMS_SHARED_WRITE_H
#define PROTOCOL_STREAMS_SHARED_WRITE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Has the two fds made that all writes need, so that later ones do not fail for want of them.
 * Processes that fork first and write later each make their own. 0 or -errno.
 */
int shared_write_prepare(void);

/*
 * As many of @size bytes as @fd, a pipe, a socket, a regular file or a device that is open without
 * blocking, takes now. More than 0; -EAGAIN: it takes none, poll tells when; -EOPNOTSUPP: there is
 * no way to write to it without blocking; or -errno. The process ignores SIGPIPE.
 */
ssize_t shared_write(int fd, const void *bytes, size_t size);
/* The same for bytes in several pieces. */
ssize_t shared_writev(int fd, const struct iovec *iov, int n_iov);

/* As shared_write, until it takes no more; *@done: how many. 0: all of them, or -errno as above. */
int shared_write_all(int fd, const void *bytes, size_t size, size_t *done);
/* The same for bytes in several pieces; *@iov and *@n_iov become what is left. */
int shared_writev_all(int fd, struct iovec **iov, int *n_iov);

#endif
