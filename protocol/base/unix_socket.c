/* Connections to Unix sockets. */
#include "protocol/base/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "protocol/base/fd.h"

int unix_connect(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int error = -errno;
	fd_close(&fd);
	return error;
}
