/* File descriptors: ownership, sealed memory, and passing them over sockets. */
#ifndef PROTOCOL_BASE_FD_H
#define PROTOCOL_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most fds one message may carry; libwayland's limit, which compositors enforce. */
#define FD_MESSAGE_MAX 28

/* Closes *@fd if it is open and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* A close-on-exec duplicate, or -errno. */
int fd_dup(int fd);

/* 0 or -errno. */
int fd_set_nonblock(int fd);

/* A memfd of @size bytes that can neither shrink nor grow (size 0: grow-able, unsealed), or -errno.
 */
int fd_memfd(const char *name, size_t size);

/* As fd_memfd with @size bytes from @data, sealed against every change. */
int fd_memfd_constant(const char *name, const void *data, size_t size);

/*
 * Whether @fd is memory that whoever maps all of its first @size bytes can rely on: a memfd of
 * ordinary pages, sealed so that it cannot become smaller, open for reading and writing.
 */
bool fd_is_lasting_memory(int fd, uint64_t size);

/*
 * One recvmsg without blocking. At most FD_MESSAGE_MAX fds come into @fds (all
 * close-on-exec, the caller owns them); *@n_fds is how many. Interrupted calls are
 * repeated. Returns bytes, 0 at end of file, -EAGAIN, or -errno. More fds than fit:
 * the surplus is closed by the kernel and -EMSGSIZE returned (the n_fds received are closed).
 */
ssize_t fd_recv(int socket, void *data, size_t size, int fds[FD_MESSAGE_MAX], size_t *n_fds);

/* As fd_recv where fds are of no use: what comes is closed. */
ssize_t fd_recv_bytes(int socket, void *data, size_t size);

/* As fd_recv where one fd may come: *@fd, -1 for none. -EMSGSIZE: there were more. */
ssize_t fd_recv_one(int socket, void *data, size_t size, int *fd);

/*
 * One sendmsg without blocking or SIGPIPE; the fds are borrowed. Returns the bytes
 * taken (fds travel with the first of them; of some never 0), -EAGAIN, or -errno.
 */
ssize_t fd_send(int socket, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds);

#endif
