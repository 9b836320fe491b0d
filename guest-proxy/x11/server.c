/*
 * The X display: its sockets, and an Xwayland behind them whenever a client comes.
 *
 * The sockets are ours and stay; a lock file says that the display is taken, as every X server
 * writes it. Xwayland gets copies of them and ends by itself some seconds after its last client.
 * The service manager may have made the sockets: then they stay when this process goes, too.
 */
#include "guest-proxy/x11/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/base/unix_socket.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define SOCKET_DIRECTORY "/tmp/.X11-unix"
#define DISPLAYS 64
#define LISTEN_BACKLOG 128
#define LINGER_SECONDS "5" /* that Xwayland waits for another client */
#define STOP_MS 2000       /* that it has for ending */
#define RETRY_MS 1000      /* between two that do not start */
#define LOCK_BYTES 11      /* "%10d\n" */

struct server {
	struct wl_event_loop *loop;
	const struct server_listener *listener;
	const char *xwayland;
	int number;
	char display[16], lock[64], path[64];
	int fds[SERVER_SOCKETS];
	struct wl_event_source *sources[SERVER_SOCKETS];
	pid_t pid; /* 0: none */
	bool ready;
	int wm_fd, ready_fd; /* ours; -1: none */
	struct wl_event_source *ready_source, *retry;
};

/* The display */

/*
 * Nobody has the display's socket: whoever made it is gone. A stream socket would be a client, for
 * which a display like ours starts an X server, and would not be let in by one that does not listen
 * yet; a datagram socket is told that this is not its kind (EPROTOTYPE), and nobody else anything.
 */
static bool socket_is_stale(int number)
{
	char path[sizeof(SOCKET_DIRECTORY "/X") + 11];
	snprintf(path, sizeof(path), SOCKET_DIRECTORY "/X%d", number);
	int fd = unix_connect(path, SOCK_DGRAM | SOCK_NONBLOCK);
	bool stale = fd == -ECONNREFUSED;
	fd_close(&fd);
	return stale;
}

/* Whether the server that wrote the lock is gone; its number may be another process's by now. */
static bool lock_is_stale(const char *path, int number)
{
	char text[LOCK_BYTES + 1] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT;
	ssize_t n = read(fd, text, LOCK_BYTES);
	close(fd);
	long pid = strtol(text, NULL, 10);
	if (n != LOCK_BYTES || pid <= 0 || pid > INT32_MAX)
		return false;
	return (kill((pid_t)pid, 0) < 0 && errno == ESRCH) || socket_is_stale(number);
}

static int take_lock(struct server *server)
{
	char text[LOCK_BYTES + 1];
	snprintf(server->lock, sizeof(server->lock), "/tmp/.X%d-lock", server->number);
	for (int attempt = 0; attempt < 2; attempt++) {
		int fd = open(server->lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		if (fd >= 0) {
			snprintf(text, sizeof(text), "%10d\n", (int)getpid());
			bool written = write(fd, text, LOCK_BYTES) == LOCK_BYTES;
			close(fd);
			if (!written)
				unlink(server->lock);
			return written ? 0 : -EIO;
		}
		if (errno != EEXIST || !lock_is_stale(server->lock, server->number) ||
			unlink(server->lock) < 0)
			break;
	}
	return -EADDRINUSE;
}

static int listen_on(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, length) == 0 &&
		listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

static int open_sockets(struct server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[sizeof(server->path)];
	snprintf(path, sizeof(path), SOCKET_DIRECTORY "/X%d", server->number);
	size_t length = strlen(path);
	/* The abstract one has a NUL in front. Containers may share its name and not the directory.
	 */
	memcpy(address.sun_path + 1, path, length);
	server->fds[0] = listen_on(
		&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
	if (server->fds[0] < 0)
		return server->fds[0]; /* the path is somebody else's, too */
	memset(address.sun_path, 0, sizeof(address.sun_path));
	memcpy(address.sun_path, path, length + 1);
	memcpy(server->path, path, length + 1);
	unlink(server->path);
	server->fds[1] = listen_on(&address, sizeof(address));
	return server->fds[1] < 0 ? server->fds[1] : 0;
}

static void close_display(struct server *server)
{
	for (int i = 0; i < SERVER_SOCKETS; i++)
		fd_close(&server->fds[i]);
	if (server->path[0])
		unlink(server->path);
	if (server->lock[0])
		unlink(server->lock);
	server->path[0] = server->lock[0] = '\0';
}

static int open_display(struct server *server, int number)
{
	server->number = number;
	int result = take_lock(server);
	if (result < 0) {
		server->lock[0] = '\0'; /* another one's */
		return result;
	}
	result = open_sockets(server);
	if (result < 0)
		close_display(server);
	snprintf(server->display, sizeof(server->display), ":%d", number);
	return result;
}

static int find_display(struct server *server, int number)
{
	int result = -EADDRINUSE;
	mkdir(SOCKET_DIRECTORY, 01777);
	chmod(SOCKET_DIRECTORY, 01777); /* fails where it is root's, and is right already */
	if (number >= 0)
		return open_display(server, number);
	for (int i = 0; i < DISPLAYS && result < 0; i++)
		result = open_display(server, i);
	return result;
}

/* The number of the display that @fd is a socket of, or -EINVAL. */
static int number_of_socket(int fd)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address);
	char end;
	int number;
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
		size <= offsetof(struct sockaddr_un, sun_path) || size >= sizeof(address))
		return -EINVAL;
	const char *path = address.sun_path + (address.sun_path[0] == '\0');
	if (sscanf(path, SOCKET_DIRECTORY "/X%5d%c", &number, &end) != 1 || number < 0)
		return -EINVAL;
	return number;
}

static int adopt_display(struct server *server)
{
	server->number = number_of_socket(server->fds[0]);
	if (server->number < 0 || number_of_socket(server->fds[1]) != server->number)
		return -EINVAL;
	int result = take_lock(server);
	if (result < 0)
		server->lock[0] = '\0'; /* another one's */
	snprintf(server->display, sizeof(server->display), ":%d", server->number);
	return result;
}

/* Clients that come while no Xwayland runs */

static void stop_waiting(struct server *server)
{
	for (int i = 0; i < SERVER_SOCKETS; i++)
		event_source_remove(&server->sources[i]);
}

static int handle_client(int fd, uint32_t mask, void *data)
{
	struct server *server = data;
	server->listener->wanted(server->listener->data);
	return 0;
}

static void wait_for_clients(struct server *server)
{
	for (int i = 0; i < SERVER_SOCKETS; i++) {
		if (!server->sources[i])
			server->sources[i] = wl_event_loop_add_fd(server->loop, server->fds[i],
				WL_EVENT_READABLE, handle_client, server);
	}
}

static int handle_retry(void *data)
{
	wait_for_clients(data);
	return 0;
}

void server_refuse(struct server *server)
{
	for (int i = 0; i < SERVER_SOCKETS; i++) {
		fd_set_nonblock(server->fds[i]);
		for (int n = 0; n < LISTEN_BACKLOG; n++) {
			int fd = accept4(server->fds[i], NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				break;
			close(fd);
		}
	}
	/* They may try again at once. */
	stop_waiting(server);
	wl_event_source_timer_update(server->retry, RETRY_MS);
}

/* Xwayland */

static void forget(struct server *server)
{
	event_source_remove(&server->ready_source);
	fd_close(&server->ready_fd);
	fd_close(&server->wm_fd);
	server->pid = 0;
	server->ready = false;
}

/* Xwayland writes the display's number when its event loop is about to run. */
static int handle_ready(int fd, uint32_t mask, void *data)
{
	struct server *server = data;
	char line[32];
	ssize_t n = read(fd, line, sizeof(line));
	/* It may come in pieces, and Xwayland dies of a pipe that is closed too early. */
	if (n > 0 && !memchr(line, '\n', (size_t)n))
		return 0;
	event_source_remove(&server->ready_source);
	fd_close(&server->ready_fd);
	if (n <= 0)
		return 0; /* its end is reported as a child's */
	int wm_fd = server->wm_fd;
	server->wm_fd = -1;
	server->ready = true;
	server->listener->ready(server->listener->data, wm_fd);
	return 0;
}

enum child_fd {
	CHILD_WAYLAND,
	CHILD_WM,
	CHILD_READY,
	CHILD_LISTEN,
	N_CHILD_FDS = CHILD_LISTEN + SERVER_SOCKETS,
};

/* In the child: only these fds stay open in what it becomes. */
static void run_xwayland(const struct server *server, const int fds[N_CHILD_FDS])
{
	char numbers[N_CHILD_FDS][16];
	sigset_t none;
	for (int i = 0; i < N_CHILD_FDS; i++) {
		fcntl(fds[i], F_SETFD, 0);
		snprintf(numbers[i], sizeof(numbers[i]), "%d", fds[i]);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("WAYLAND_SOCKET", numbers[CHILD_WAYLAND], 1);
	execlp(server->xwayland, server->xwayland, server->display, "-rootless", "-terminate",
		LINGER_SECONDS, "-core", "-wm", numbers[CHILD_WM], "-displayfd",
		numbers[CHILD_READY], "-listenfd", numbers[CHILD_LISTEN], "-listenfd",
		numbers[CHILD_LISTEN + 1], NULL);
	log_err("cannot run %s: %s", server->xwayland, strerror(errno));
	_exit(127);
}

int server_start(struct server *server, int wayland_fd)
{
	int wm[2] = {-1, -1}, ready[2] = {-1, -1}, result = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wm) < 0 ||
		pipe2(ready, O_CLOEXEC) < 0)
		result = -errno;
	if (result == 0) {
		server->ready_source = wl_event_loop_add_fd(
			server->loop, ready[0], WL_EVENT_READABLE, handle_ready, server);
		server->pid = server->ready_source ? fork() : -1;
		if (server->pid < 0)
			result = -ENOMEM;
	}
	if (result == 0 && server->pid == 0)
		run_xwayland(server,
			(const int[N_CHILD_FDS]){
				wayland_fd, wm[1], ready[1], server->fds[0], server->fds[1]});
	fd_close(&wm[1]);
	fd_close(&ready[1]);
	server->wm_fd = wm[0];
	server->ready_fd = ready[0];
	if (result < 0)
		forget(server);
	else
		stop_waiting(server);
	return result;
}

void server_stop(struct server *server)
{
	if (server->pid == 0)
		return;
	kill(server->pid, SIGTERM);
	for (int64_t end = monotonic_ms() + STOP_MS;
		waitpid(server->pid, NULL, WNOHANG) != server->pid;) {
		if (monotonic_ms() > end) {
			kill(server->pid, SIGKILL);
			waitpid(server->pid, NULL, 0);
			break;
		}
		usleep(5000);
	}
	forget(server);
	wait_for_clients(server);
}

bool server_child_ended(struct server *server, pid_t pid, int status)
{
	if (pid <= 0 || pid != server->pid)
		return false;
	bool started = server->ready;
	log_debug("%s ended, status %#x", server->xwayland, status);
	forget(server);
	if (started) {
		wait_for_clients(server);
	} else {
		log_err("%s did not start", server->xwayland);
		server_refuse(server);
	}
	return true;
}

const char *server_display(const struct server *server)
{
	return server->display;
}

static struct server *create(
	struct wl_event_loop *loop, const char *xwayland, const struct server_listener *listener)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return NULL;
	server->loop = loop;
	server->listener = listener;
	server->xwayland = xwayland;
	server->fds[0] = server->fds[1] = server->wm_fd = server->ready_fd = -1;
	server->retry = wl_event_loop_add_timer(loop, handle_retry, server);
	return server;
}

/* @result: of looking for the display. */
static struct server *begin(struct server *server, int result)
{
	if (result < 0) {
		log_err("no X display: %s",
			result == -EINVAL ? "what the service manager passed are not the two "
					    "sockets of one"
					  : strerror(-result));
		server_destroy(server);
		return NULL;
	}
	wait_for_clients(server);
	return server;
}

struct server *server_create(struct wl_event_loop *loop, int number, const char *xwayland,
	const struct server_listener *listener)
{
	struct server *server = create(loop, xwayland, listener);
	if (!server)
		return NULL;
	return begin(server, server->retry ? find_display(server, number) : -ENOMEM);
}

struct server *server_adopt(struct wl_event_loop *loop, const int *fds, const char *xwayland,
	const struct server_listener *listener)
{
	struct server *server = create(loop, xwayland, listener);
	if (!server) {
		for (int i = 0; i < SERVER_SOCKETS; i++)
			close(fds[i]);
		return NULL;
	}
	memcpy(server->fds, fds, sizeof(server->fds));
	return begin(server, server->retry ? adopt_display(server) : -ENOMEM);
}

void server_destroy(struct server *server)
{
	if (!server)
		return;
	server_stop(server);
	stop_waiting(server);
	event_source_remove(&server->retry);
	close_display(server);
	free(server);
}
