/* Finding the compositor among the sockets of the user's runtime directory. */
#include "host-bridge/display/display_search.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"

#define DISPLAYS_MAX 33 /* wayland-0 to wayland-32, as libwayland makes them */

static int connect_to(const struct sockaddr_un *address)
{
	return unix_connect(address->sun_path, SOCK_STREAM | SOCK_NONBLOCK);
}

/*
 * Whether the process is a guest of ours, by the mark that wayferry-guest has made of it, a socket
 * that takes connections while it lives: a desktop among a machine's windows has a display of its
 * own.
 */
static bool is_guest(const char *directory, pid_t pid, uid_t uid)
{
	struct sockaddr_un mark = {.sun_family = AF_UNIX};
	struct stat status;
	const int length = snprintf(
		mark.sun_path, sizeof(mark.sun_path), "%s/wayferry/guest.%d", directory, (int)pid);

	if ((size_t)length >= sizeof(mark.sun_path) || lstat(mark.sun_path, &status) < 0 ||
		!S_ISSOCK(status.st_mode) || status.st_uid != uid)
		return false;
	int fd = connect_to(&mark);
	if (fd == -ECONNREFUSED)
		return false; /* left of one that was killed: the process is another one now */
	fd_close(&fd);
	return true;
}

/* Whether who listens at the other end may be taken for the compositor. */
static bool is_of(const struct display_search *search, int fd, uid_t uid, pid_t not_pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == uid &&
		(not_pid == 0 || peer.pid != not_pid) &&
		!is_guest(search->directory, peer.pid, uid);
}

/* As connect_to, for a place that nobody has named. */
static int connect_to_found(const struct display_search *search, const struct sockaddr_un *address,
	uid_t uid, pid_t not_pid)
{
	int fd = connect_to(address);

	if (fd < 0 || is_of(search, fd, uid, not_pid))
		return fd;
	fd_close(&fd);
	return -EPERM;
}

static bool nth_display(const char *directory, int n, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(
		address->sun_path, sizeof(address->sun_path), "%s/wayland-%d", directory, n);
	return (size_t)length < sizeof(address->sun_path);
}

/* Nobody is there: not yet, or not any more. */
static bool absent(int result)
{
	return result < 0 && result != -EAGAIN && result != -EMFILE && result != -ENFILE;
}

/* Whether the compositor was found at a place that nobody has named. */
static bool was_found(const struct display_search *search, const struct sockaddr_un *taken)
{
	return search->directory[0] && taken->sun_family == AF_UNIX &&
		(search->first.sun_family != AF_UNIX ||
			strcmp(taken->sun_path, search->first.sun_path) != 0);
}

int display_search_named(const struct display_search *search, struct sockaddr_un *taken)
{
	if (!was_found(search, taken) || search->first.sun_family != AF_UNIX)
		return -ENOENT;
	int fd = connect_to(&search->first);
	if (fd >= 0)
		*taken = search->first;
	return fd;
}

int display_search_connect(
	const struct display_search *search, struct sockaddr_un *taken, uid_t uid, pid_t not_pid)
{
	const bool named = search->first.sun_family == AF_UNIX;
	struct sockaddr_un address = search->first;
	int error = -ENOENT, result = -ENOENT;

	if (named)
		result = error = connect_to(&address);
	if (absent(result) && was_found(search, taken)) {
		result = connect_to_found(search, taken, uid, not_pid);
		if (!absent(result))
			return result;
	}
	for (int n = 0; n < DISPLAYS_MAX && absent(result) && search->directory[0]; n++) {
		if (nth_display(search->directory, n, &address))
			result = connect_to_found(search, &address, uid, not_pid);
	}
	if (absent(result))
		return error;
	*taken = address;
	return result;
}
