/* Listening first, then getting the name. */
#include "protocol/program/unix_listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/fd.h"

/* Binds @fd to @address and listens; -errno. */
static int bind_and_listen(int fd, const struct sockaddr_un *address, mode_t mask, int backlog)
{
	mode_t old = umask(0777);
	umask(old | mask);
	int error = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(old);
	if (error == 0 && listen(fd, backlog) < 0)
		error = -errno;
	return error;
}

int unix_listener_create(const char *path, mode_t mask, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = strrchr(path, '/');
	int directory = name ? (int)(name + 1 - path) : 0;
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%.*s.%d", directory,
		path, (int)getpid());

	if (length < 0 || (size_t)length >= sizeof(address.sun_path) ||
		strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(address.sun_path); /* left of a process that had our number */
	int error = bind_and_listen(fd, &address, mask, backlog);
	/* Not a rename, which would take the name from somebody who listens. */
	if (error == 0 && link(address.sun_path, path) < 0)
		error = errno == EEXIST ? -EADDRINUSE : -errno;
	unlink(address.sun_path);
	if (error == 0)
		return fd;
	fd_close(&fd);
	return error;
}
