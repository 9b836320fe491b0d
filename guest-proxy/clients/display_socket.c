/* The listening socket of a Wayland display, with its lock file or from systemd. */
#include "guest-proxy/clients/display_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "listener"
#include "protocol/base/log.h"
#include "protocol/program/unix_listener.h"

#define DISPLAYS_MAX 33 /* wayland-0 to wayland-32, as libwayland has it */
#define PATH_BYTES DISPLAY_SOCKET_PATH_BYTES

/* Whether others could put their socket where ours should be. */
static bool directory_is_safe(const char *directory)
{
	struct stat status;
	if (directory[0] != '/') {
		log_err("XDG_RUNTIME_DIR is no absolute path: %s", directory);
		return false;
	}
	if (stat(directory, &status) < 0) {
		log_err("cannot use XDG_RUNTIME_DIR %s: %s", directory, strerror(errno));
		return false;
	}
	if (!S_ISDIR(status.st_mode) || (geteuid() != 0 && status.st_uid != geteuid()) ||
		(status.st_mode & 022)) {
		log_err("XDG_RUNTIME_DIR %s must be a directory of yours that others cannot write "
			"to (mode 700)",
			directory);
		return false;
	}
	return true;
}

/* Takes the lock file beside the socket's path: whoever holds it owns the path. 0 or -errno. */
static int take_lock(struct display_socket *display)
{
	snprintf(display->lock_path, sizeof(display->lock_path), "%s.lock", display->path);
	display->lock_fd =
		open(display->lock_path, O_CREAT | O_CLOEXEC | O_RDWR | O_NOFOLLOW, 0660);
	int result = display->lock_fd < 0 ? -errno : 0;
	if (result == 0 && flock(display->lock_fd, LOCK_EX | LOCK_NB) < 0)
		result = -errno;
	if (result < 0) {
		fd_close(&display->lock_fd);
		display->lock_path[0] = 0;
	}
	return result;
}

void display_socket_close(struct display_socket *display)
{
	if (display->lock_path[0]) {
		unlink(display->path);
		unlink(display->lock_path);
	}
	display->lock_path[0] = 0;
	fd_close(&display->lock_fd);
	fd_close(&display->fd);
}

/*
 * @name in @directory, or an absolute path (@directory NULL). 0 or -errno; -EWOULDBLOCK: somebody
 * else listens there.
 */
static int bind_name(struct display_socket *display, const char *directory, const char *name)
{
	int length = snprintf(display->path, PATH_BYTES, "%s%s%s", directory ? directory : "",
		directory ? "/" : "", name);
	if (length < 0 || (size_t)length >= PATH_BYTES)
		return -ENAMETOOLONG;
	snprintf(display->name, sizeof(display->name), "%s", name);
	struct stat status;
	if (lstat(display->path, &status) == 0 && !S_ISSOCK(status.st_mode))
		return -EEXIST;
	int result = take_lock(display);
	if (result < 0)
		return result;
	unlink(display->path); /* left behind by one that died: the lock is ours */
	display->fd = unix_listener_create(display->path, 0, 128);
	if (display->fd < 0) {
		result = display->fd;
		display_socket_close(display);
	}
	return result;
}

static int bind_first_free(
	struct display_socket *display, const char *directory, bool beside_others)
{
	int result = -EWOULDBLOCK;

	for (int i = beside_others; i < DISPLAYS_MAX && result == -EWOULDBLOCK; i++) {
		char candidate[16];
		snprintf(candidate, sizeof(candidate), "%s-%d",
			beside_others ? "wayferry" : "wayland", i);
		result = bind_name(display, directory, candidate);
	}
	return result;
}

bool display_socket_bind(struct display_socket *display, const char *name, bool beside_others)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	int result;

	if (name && name[0] == '/') {
		result = bind_name(display, NULL, name);
	} else if (!directory || !directory[0]) {
		log_err("XDG_RUNTIME_DIR is not set: give --socket an absolute path, or set it to "
			"a directory of yours");
		return false;
	} else if (!directory_is_safe(directory)) {
		return false;
	} else if (name && strchr(name, '/')) {
		log_err("%s is neither a socket's name nor an absolute path", name);
		return false;
	} else if (name) {
		result = bind_name(display, directory, name);
	} else {
		result = bind_first_free(display, directory, beside_others);
	}
	if (result == -EWOULDBLOCK)
		log_err("another display server listens on %s already", display->path);
	else if (result == -EEXIST)
		log_err("%s is there and is no socket: give --socket another name", display->path);
	else if (result < 0)
		log_err("cannot listen on %s: %s", name ? name : display->path,
			unix_listener_why(result));
	return result == 0;
}

bool display_socket_adopt(struct display_socket *display, int fd)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);

	display->fd = fd;
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
		address.sun_path[0] != '/') {
		log_err("the socket that systemd passed has no path");
		return false;
	}
	fd_set_nonblock(fd);
	snprintf(display->path, PATH_BYTES, "%.*s", (int)PATH_BYTES - 1, address.sun_path);

	const char *directory = getenv("XDG_RUNTIME_DIR");
	const char *name = strrchr(display->path, '/') + 1;
	size_t directory_length = (size_t)(name - 1 - display->path);
	bool inside = directory && strlen(directory) == directory_length &&
		strncmp(directory, display->path, directory_length) == 0;
	snprintf(display->name, sizeof(display->name), "%s", inside ? name : display->path);
	return true;
}
