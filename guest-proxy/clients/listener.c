/*
 * A Wayland display's socket: its lock file, systemd's socket activation, and accepting without
 * spinning.
 */
#include "guest-proxy/clients/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "listener"
#include "protocol/base/log.h"

#define DISPLAYS_MAX 33 /* wayland-0 to wayland-32, as libwayland has it */
#define RETRY_MS 250
#define REFUSAL_BYTES 256
#define IMPLEMENTATION 3 /* wl_display.error: our own fault */

#define PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

struct listener {
	struct wl_event_loop *loop;
	struct clients *clients;
	int fd, lock_fd;
	char path[PATH_BYTES];          /* of the socket */
	char lock_path[PATH_BYTES + 8]; /* empty: not ours to remove (systemd's) */
	char display[PATH_BYTES];
	struct wl_event_source *source, *retry;
	struct log_limit limit;
};

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

/* Takes the lock beside the socket's path: whoever holds it owns the path. 0 or -errno. */
static int take_lock(struct listener *listener)
{
	snprintf(listener->lock_path, sizeof(listener->lock_path), "%s.lock", listener->path);
	listener->lock_fd =
		open(listener->lock_path, O_CREAT | O_CLOEXEC | O_RDWR | O_NOFOLLOW, 0660);
	int result = listener->lock_fd < 0 ? -errno : 0;
	if (result == 0 && flock(listener->lock_fd, LOCK_EX | LOCK_NB) < 0)
		result = -errno;
	if (result < 0) {
		fd_close(&listener->lock_fd);
		listener->lock_path[0] = 0;
	}
	return result;
}

static void remove_files(struct listener *listener)
{
	if (listener->lock_path[0]) {
		unlink(listener->path);
		unlink(listener->lock_path);
	}
	listener->lock_path[0] = 0;
	fd_close(&listener->lock_fd);
	fd_close(&listener->fd);
}

/*
 * @name in @directory, or an absolute path (@directory NULL). 0 or -errno; -EWOULDBLOCK: somebody
 * else listens there.
 */
static int bind_name(struct listener *listener, const char *directory, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(listener->path, PATH_BYTES, "%s%s%s", directory ? directory : "",
		directory ? "/" : "", name);
	if (length < 0 || (size_t)length >= PATH_BYTES)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, listener->path, PATH_BYTES);
	snprintf(listener->display, sizeof(listener->display), "%s", name);
	int result = take_lock(listener);
	if (result < 0)
		return result;
	unlink(listener->path); /* left behind by one that died: the lock is ours */
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 ||
		bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener->fd, 128) < 0) {
		result = -errno;
		remove_files(listener);
	}
	return result;
}

static bool bind_path(struct listener *listener, const char *name)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	int result;

	if (name && name[0] == '/') {
		result = bind_name(listener, NULL, name);
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
		result = bind_name(listener, directory, name);
	} else {
		result = -EWOULDBLOCK;
		for (int i = 0; i < DISPLAYS_MAX && result == -EWOULDBLOCK; i++) {
			char candidate[16];
			snprintf(candidate, sizeof(candidate), "wayland-%d", i);
			result = bind_name(listener, directory, candidate);
		}
	}
	if (result == -EWOULDBLOCK)
		log_err("another display server listens on %s already", listener->path);
	else if (result < 0)
		log_err("cannot listen on %s: %s", name ? name : listener->path, strerror(-result));
	return result == 0;
}

/* Takes the socket that systemd passed, whose files stay systemd's. False: its name is of no use.
 */
static bool adopt_systemd_socket(struct listener *listener, int fd)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);

	listener->fd = fd;
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
		address.sun_path[0] != '/') {
		log_err("the socket that systemd passed has no path");
		return false;
	}
	fd_set_nonblock(fd);
	snprintf(listener->path, PATH_BYTES, "%.*s", (int)PATH_BYTES - 1, address.sun_path);

	const char *directory = getenv("XDG_RUNTIME_DIR");
	const char *name = strrchr(listener->path, '/') + 1;
	size_t directory_length = (size_t)(name - 1 - listener->path);
	bool inside = directory && strlen(directory) == directory_length &&
		strncmp(directory, listener->path, directory_length) == 0;
	snprintf(
		listener->display, sizeof(listener->display), "%s", inside ? name : listener->path);
	return true;
}

static int handle_retry(void *data)
{
	struct listener *listener = data;
	wl_event_source_fd_update(listener->source, WL_EVENT_READABLE);
	return 0;
}

static int handle_connection(int fd, uint32_t mask, void *data)
{
	struct listener *listener = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0) {
		clients_add(listener->clients, client);
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	/* Out of fds or memory: the one that waits would be reported again at once. */
	log_limited(&listener->limit, LOG_LEVEL_WARN, "cannot accept a client now: %s",
		strerror(errno));
	wl_event_source_fd_update(listener->source, 0);
	wl_event_source_timer_update(listener->retry, RETRY_MS);
	return 0;
}

struct listener *listener_create(
	struct wl_event_loop *loop, struct clients *clients, const char *name, int passed_fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener) {
		fd_close(&passed_fd);
		log_err("no memory");
		return NULL;
	}
	listener->loop = loop;
	listener->clients = clients;
	listener->fd = listener->lock_fd = -1;
	if (passed_fd >= 0 ? !adopt_systemd_socket(listener, passed_fd)
			   : !bind_path(listener, name))
		goto fail;
	listener->retry = wl_event_loop_add_timer(loop, handle_retry, listener);
	listener->source = wl_event_loop_add_fd(
		loop, listener->fd, WL_EVENT_READABLE, handle_connection, listener);
	if (!listener->retry || !listener->source) {
		log_err("no memory");
		goto fail;
	}
	return listener;

fail:
	listener_destroy(listener);
	return NULL;
}

void listener_destroy(struct listener *listener)
{
	if (!listener)
		return;
	if (listener->source)
		wl_event_source_remove(listener->source);
	if (listener->retry)
		wl_event_source_remove(listener->retry);
	remove_files(listener);
	free(listener);
}

void listener_refuse(int fd, const char *why)
{
	struct refusal {
		uint32_t object, size_and_opcode, culprit, code, text_bytes;
		char text[REFUSAL_BYTES];
	} error = {.object = 1, .culprit = 1, .code = IMPLEMENTATION};
	const size_t header_bytes = offsetof(struct refusal, text);
	int client;

	snprintf(error.text, sizeof(error.text), "%s", why);
	error.text_bytes = (uint32_t)strlen(error.text) + 1;
	size_t size = header_bytes + align_up(error.text_bytes, 4);
	error.size_and_opcode = (uint32_t)size << 16;
	fd_set_nonblock(fd);
	while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		send(client, &error, size, MSG_NOSIGNAL);
		fd_close(&client);
	}
}

const char *listener_display(const struct listener *listener)
{
	return listener->display;
}
