/* The listening Unix socket to which vhost-user frontends connect. */
#include "host-bridge/vhost/frontend_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"

#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"
#include "protocol/program/acceptor.h"
#include "protocol/program/unix_listener.h"

struct frontend_listener {
	struct acceptor acceptor;
	char *path; /* of the socket that we made, or NULL */
	uint64_t inode;
	int fd;
};

/* Removes a socket at @path that nobody listens on any more. 0, also when nothing is there. */
static int remove_stale(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int probe = unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);
	bool stale = probe == -ECONNREFUSED;
	fd_close(&probe);
	if (!stale)
		return -EADDRINUSE;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* A listening socket at @path that only its owner may connect to, or -errno. */
static int listen_at(const char *path, uint64_t *inode)
{
	struct stat st;
	int error = remove_stale(path);
	if (error < 0)
		return error;
	int fd = unix_listener_create(path, 0177, 4);
	if (fd < 0)
		return fd;
	*inode = stat(path, &st) == 0 ? st.st_ino : 0;
	return fd;
}

struct frontend_listener *frontend_listener_create(struct wl_event_loop *loop, const char *path,
	int fd, void (*accepted)(void *data, int socket), void *data)
{
	uint64_t inode = 0;
	if (path) {
		fd = listen_at(path, &inode);
		if (fd < 0) {
			log_err("%s: %s", path, unix_listener_why(fd));
			return NULL;
		}
	}
	struct frontend_listener *listener = calloc(1, sizeof(*listener));
	if (!listener) {
		close(fd);
		return NULL;
	}
	fd_set_nonblock(fd);
	*listener = (struct frontend_listener){
		.acceptor = {.accepted = accepted, .data = data},
		.path = path ? strdup(path) : NULL,
		.inode = inode,
		.fd = fd,
	};
	if ((path && !listener->path) || !acceptor_start(&listener->acceptor, loop, fd)) {
		log_err("listen: %s", strerror(errno));
		frontend_listener_destroy(listener);
		return NULL;
	}
	return listener;
}

void frontend_listener_destroy(struct frontend_listener *listener)
{
	struct stat st;
	if (!listener)
		return;
	acceptor_stop(&listener->acceptor);
	fd_close(&listener->fd);
	/* Another process may have put its own socket there. */
	if (listener->path && stat(listener->path, &st) == 0 && st.st_ino == listener->inode)
		unlink(listener->path);
	free(listener->path);
	free(listener);
}
