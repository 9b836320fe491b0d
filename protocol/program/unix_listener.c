/* Listening first, then getting the name. */
#include "protocol/program/unix_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

/*
 * The name that the socket is bound to first, beside @path, where there is room for it: it is up to
 * eight characters long, and @path may have used all but one. False: there is none.
 */
static bool first_name(const char *path, struct sockaddr_un *address, int *directory)
{
	const size_t size = sizeof(address->sun_path);
	const char *slash = strrchr(path, '/');
	const int length = slash ? (int)(slash + 1 - path) : 0;
	char parent[sizeof(address->sun_path)];

	if ((size_t)snprintf(address->sun_path, size, "%.*s.%d", length, path, (int)getpid()) <
		size)
		return true;
	/* By the directory, where /proc has it. */
	snprintf(parent, sizeof(parent), "%.*s", length, path);
	*directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *directory >= 0 &&
		(size_t)snprintf(address->sun_path, size, "/proc/self/fd/%d/.%d", *directory,
			(int)getpid()) < size;
}

const char *unix_listener_why(int error)
{
	return error == -ENAMETOOLONG ? "the path is too long: that of a socket has at most 107 "
					"characters"
				      : strerror(-error);
}

int unix_listener_create(const char *path, mode_t mask, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int directory = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (!first_name(path, &address, &directory))
		return -errno;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		fd_close(&directory);
		return -errno;
	}
	unlink(address.sun_path); /* left of a process that had our number */
	int error = bind_and_listen(fd, &address, mask, backlog);
	/* Not a rename, which would take the name from somebody who listens. */
	if (error == 0 && link(address.sun_path, path) < 0)
		error = errno == EEXIST ? -EADDRINUSE : -errno;
	unlink(address.sun_path);
	fd_close(&directory);
	if (error == 0)
		return fd;
	fd_close(&fd);
	return error;
}
