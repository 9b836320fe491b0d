/*
 * A way for raw Wayland bytes to a server: a compositor's socket, or a cross-domain context of a
 * virtio-gpu device (link_device.c), where the same bytes arrive without a guest proxy in between.
 */
#ifndef TESTS_FAULTS_LINK_H
#define TESTS_FAULTS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct link;

struct link_ops {
	/* 0, or -errno (-EPIPE: the server is gone). @pool: bytes of memory that travel with the
	 * message as its fd; 0: none. */
	int (*send)(struct link *link, const void *bytes, size_t size, size_t pool);
	/* Bytes; 0 at end of file; -ETIMEDOUT; or -errno. Fds that come along are closed. */
	ssize_t (*receive)(struct link *link, void *bytes, size_t size, int timeout_ms);
	/* The client says that it will send no more. */
	void (*finish_sending)(struct link *link);
	void (*close)(struct link *link);
};

struct link {
	const struct link_ops *ops;
};

/* Connects to a Wayland display (a name in $XDG_RUNTIME_DIR, or a path). NULL with a message on
 * standard error. */
struct link *link_open_display(const char *display);

/* On such a connection: bytes, and up to LINK_MAX_FDS fds (borrowed) with them. 0 or -errno. */
#define LINK_MAX_FDS 28
int link_send_fds(struct link *link, const void *bytes, size_t size, const int *fds, size_t n_fds);

#endif
