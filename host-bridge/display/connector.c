/* What a process needs from outside once it is confined, by way of a helper process. */
#include "host-bridge/display/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-bridge/confine/filter.h"
#include "host-bridge/confine/landlock.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/base/sanitizer.h"

#define CONNECTION_MS                                                                              \
	40 /* a compositor shall not see a second connection because of one late answer */
#define ANSWER_MS 1000 /* to what is asked seldom */
#define MAX_SPARE 16
#define SPARE_MS 1000

enum request_type {
	REQUEST_CONNECT, /* answered with an fd */
	REQUEST_PEER,    /* comes with a socket; answered with a peer */
	REQUEST_REMOVE,
};

struct request {
	uint32_t type;
	uint32_t serial;
};

struct answer {
	uint32_t serial;
	int32_t error; /* 0 or -errno */
	struct ucred peer;
	struct sockaddr_un taken; /* where the connection leads */
	uint32_t in_context, refused;
};

static struct {
	int socket;                     /* our end; -1: there is no connector */
	uint32_t last_serial, answered; /* the serial of the last answer */
	bool in_context, refused;
	/* Connections that came too late for who asked; the next one who asks gets them. */
	struct spare {
		int fd;
		int64_t since_ms;
		struct sockaddr_un taken;
	} spares[MAX_SPARE];
	size_t n_spares;
} connector = {.socket = -1};

/* --- what both can do --- */

static int read_peer(int socket, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);
	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &size) < 0 ? -errno : 0;
}

/* --- the connector --- */

struct served {
	int socket;
	bool has_compositor;
	struct display_search compositor;
	struct sockaddr_un taken;
	uid_t uid;
	struct security_context_config config;
	struct security_context context;
	pid_t frontend; /* who asked last was told of this one; 0: nobody was */
	/* Of our own, which are to be removed. */
	struct own_socket {
		const char *path; /* or NULL */
		struct stat status;
	} socket_file, control_file;
};

static void note_socket(struct own_socket *own, const char *path)
{
	if (path && lstat(path, &own->status) == 0)
		own->path = path;
}

static void remove_socket(const struct own_socket *own)
{
	struct stat status;

	if (own->path && lstat(own->path, &status) == 0 && status.st_dev == own->status.st_dev &&
		status.st_ino == own->status.st_ino)
		unlink(own->path);
}

static int open_connection(struct served *served)
{
	if (served->config.mode == SECURITY_CONTEXT_OFF)
		return display_search_connect(
			&served->compositor, &served->taken, served->uid, served->frontend);
	return security_context_connect(&served->context, &served->compositor, &served->taken,
		served->uid, served->frontend);
}

/* Answers one request. False: the process has left. */
static bool serve(struct served *served)
{
	struct request request;
	int peer, connection = -1;
	ssize_t n = fd_recv_one(served->socket, &request, sizeof(request), &peer);

	if (n == -EAGAIN)
		return true;
	if (n != (ssize_t)sizeof(request))
		return false;
	struct answer answer = {.serial = request.serial, .error = -EINVAL};
	if (request.type == REQUEST_CONNECT && served->has_compositor) {
		connection = open_connection(served);
		answer.error = connection < 0 ? connection : 0;
		answer.in_context = served->context.state == CONTEXT_IN_EFFECT;
		answer.refused = served->context.state == CONTEXT_REFUSED;
		answer.taken = served->taken;
	} else if (request.type == REQUEST_PEER && peer >= 0) {
		answer.error = read_peer(peer, &answer.peer);
		if (answer.error == 0 && answer.peer.uid == served->uid)
			served->frontend = answer.peer.pid;
	} else if (request.type == REQUEST_REMOVE) {
		remove_socket(&served->socket_file);
		remove_socket(&served->control_file);
		answer.error = 0;
	}
	const struct iovec iov = {.iov_base = &answer, .iov_len = sizeof(answer)};
	n = fd_send(served->socket, &iov, 1, &connection, connection >= 0);
	fd_close(&connection);
	fd_close(&peer);
	return n >= 0 || n == -EAGAIN;
}

/* The directory of the file @path; "": none. */
static void find_directory(const char *path, char *directory, size_t size)
{
	snprintf(directory, size, "%s", path ? path : "");
	char *slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = 0;
	else if (directory[0])
		strcpy(directory, ".");
}

/* Its own confinement: it can connect, and remove files in three directories. */
static void confine(const struct served *served)
{
	static const struct filter_rule rules[] = {
		FILTER_CALL(accept4, 0),
		FILTER_CALL(close, 0),
		FILTER_CALL(connect, 0),
		FILTER_CALL(exit_group, 0),
		FILTER_CALL(getsockopt, 0),
		FILTER_CALL(lstat, 0),
		FILTER_CALL(newfstatat, 0),
		FILTER_CALL(pipe2, 0),
		FILTER_CALL(poll, 0),
		FILTER_CALL(ppoll, 0),
		FILTER_CALL(recvmsg, 0),
		FILTER_CALL(restart_syscall, 0),
		FILTER_CALL(rt_sigreturn, 0),
		FILTER_CALL(sendmsg, 0),
		FILTER_CALL_IF(socket, 0, 0, EQ, AF_UNIX, 0),
		FILTER_CALL(unlink, 0),
		FILTER_CALL(unlinkat, 0),
	};
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "";
	char control_directory[sizeof(directory)] = "";
	struct place places[3];
	size_t n_places = 0;

	find_directory(served->socket_file.path, directory, sizeof(directory));
	find_directory(served->control_file.path, control_directory, sizeof(control_directory));
	if (directory[0])
		places[n_places++] = (struct place){directory, PLACE_REMOVE};
	if (control_directory[0])
		places[n_places++] = (struct place){control_directory, PLACE_REMOVE};
	if (served->context.listener >= 0)
		places[n_places++] = (struct place){served->config.directory, PLACE_REMOVE};
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* It is told nothing that a guest can influence: what this machine lacks is no obstacle. */
	landlock_enter(places, n_places);
	filter_load(EPERM, rules, ARRAY_LENGTH(rules));
}

static void run_connector(struct served *served, bool confined) __attribute__((noreturn));
static void run_connector(struct served *served, bool confined)
{
	sigset_t none;

	/* It ends when its socket does, so that the socket's file can go at the end of all. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "wayferry-conn");
	if (served->socket > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)served->socket - 1, 0);
	close_range((unsigned)served->socket + 1, UINT32_MAX, 0);
	security_context_open(&served->context, &served->config);
	if (confined && !ADDRESS_SANITIZER)
		confine(served);
	/* The compositor is asked now, so that the first guest need not wait for its answer. */
	if (served->context.listener >= 0) {
		int fd = open_connection(served);
		fd_close(&fd);
	}
	for (;;) {
		struct pollfd pollfds[] = {{.fd = served->socket, .events = POLLIN},
			{.fd = served->context.fd, .events = POLLIN}};
		if (poll(pollfds, ARRAY_LENGTH(pollfds), -1) < 0 && errno != EINTR)
			break;
		if (pollfds[1].revents)
			security_context_handle(&served->context);
		if (pollfds[0].revents && !serve(served))
			break;
	}
	security_context_close(&served->context);
	remove_socket(&served->control_file);
	_exit(EXIT_SUCCESS);
}

/* --- our side of it --- */

int connector_start(const struct display_search *compositor,
	const struct security_context_config *context, const char *socket_path,
	const char *control_path, bool confined)
{
	struct served served = {.has_compositor = compositor != NULL,
		.uid = geteuid(),
		.config.mode = SECURITY_CONTEXT_OFF};
	int sockets[2];

	if (compositor)
		served.compositor = *compositor;
	if (context && compositor)
		served.config = *context;
	note_socket(&served.socket_file, socket_path);
	note_socket(&served.control_file, control_path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
		return -errno;
	served.socket = sockets[1];
	pid_t pid = fork();
	if (pid == 0)
		run_connector(&served, confined);
	int error = pid < 0 ? -errno : 0;
	fd_close(&sockets[1]);
	if (error < 0)
		fd_close(&sockets[0]);
	connector.socket = sockets[0];
	return error;
}

static void keep_spare(int fd, const struct sockaddr_un *taken)
{
	if (connector.n_spares == MAX_SPARE)
		fd_close(&fd);
	else
		connector.spares[connector.n_spares++] = (struct spare){fd, monotonic_ms(), *taken};
}

/* A connection that is new enough: the compositor may have gone since. -1: there is none. */
static int take_spare(struct sockaddr_un *taken)
{
	while (connector.n_spares > 0) {
		struct spare spare = connector.spares[--connector.n_spares];
		if (monotonic_ms() - spare.since_ms < SPARE_MS) {
			*taken = spare.taken;
			return spare.fd;
		}
		fd_close(&spare.fd);
	}
	return -1;
}

/* One answer; its fd, if there is one, to *@fd. 0, -EAGAIN: none is there, or -errno. */
static int receive(struct answer *answer, int *fd)
{
	ssize_t n = fd_recv_one(connector.socket, answer, sizeof(*answer), fd);

	if (n != (ssize_t)sizeof(*answer))
		return n < 0 ? (int)n : -EPIPE;
	connector.answered = answer->serial;
	if (*fd >= 0) { /* it may be one for later */
		connector.in_context = answer->in_context;
		connector.refused = answer->refused;
	}
	return 0;
}

/* Answers to questions that were given up. -EAGAIN, or -errno: the connector has ended. */
static int receive_late(void)
{
	struct answer answer;
	int fd, error;

	while ((error = receive(&answer, &fd)) == 0)
		if (fd >= 0)
			keep_spare(fd, &answer.taken);
	return error;
}

/*
 * Asks, and waits for the answer, at most @timeout_ms. The connector never waits itself, so this
 * takes no longer than the kernel needs to run it. One that is stopped is given up for now:
 * -EAGAIN.
 */
static int ask(
	enum request_type type, int fd, int timeout_ms, struct answer *answer, int *answer_fd)
{
	const int64_t deadline_ms = monotonic_ms() + timeout_ms;
	struct request request = {.type = type, .serial = connector.last_serial + 1};
	const struct iovec iov = {.iov_base = &request, .iov_len = sizeof(request)};
	int64_t left_ms;

	*answer_fd = -1;
	ssize_t n = fd_send(connector.socket, &iov, 1, &fd, fd >= 0);
	if (n < 0)
		return (int)n;
	connector.last_serial = request.serial;
	while ((left_ms = deadline_ms - monotonic_ms()) > 0) {
		struct pollfd pollfd = {.fd = connector.socket, .events = POLLIN};
		if (poll(&pollfd, 1, (int)left_ms) <= 0)
			continue;
		int error = receive(answer, answer_fd);
		if (error == 0 && answer->serial == request.serial)
			return answer->error;
		if (error == 0 && *answer_fd >= 0)
			keep_spare(*answer_fd, &answer->taken);
		else if (error < 0 && error != -EAGAIN)
			return error;
		*answer_fd = -1;
	}
	return -EAGAIN;
}

int connector_connect(const struct display_search *compositor, struct sockaddr_un *taken)
{
	struct answer answer;
	int fd;

	if (connector.socket < 0)
		return display_search_connect(compositor, taken, geteuid(), 0);
	int error = receive_late();
	fd = take_spare(taken);
	if (fd >= 0)
		return fd;
	/* Who asks again gets the answer that is still to come: the compositor shall not see more
	 * connections than are asked for. */
	if (connector.last_serial != connector.answered)
		return error;
	error = ask(REQUEST_CONNECT, -1, CONNECTION_MS, &answer, &fd);
	if (error == 0)
		*taken = answer.taken;
	return error < 0 ? error : fd >= 0 ? fd : -EPROTO;
}

bool connector_in_context(void)
{
	return connector.in_context;
}

bool connector_context_refused(void)
{
	return connector.refused;
}

int connector_peer(int socket, struct ucred *peer)
{
	struct answer answer;
	int fd;

	if (connector.socket < 0)
		return read_peer(socket, peer);
	int error = ask(REQUEST_PEER, socket, ANSWER_MS, &answer, &fd);
	fd_close(&fd);
	if (error == 0)
		*peer = answer.peer;
	return error;
}

void connector_finish(bool remove_socket)
{
	struct answer answer;
	int fd;

	if (connector.socket < 0)
		return;
	if (remove_socket) {
		ask(REQUEST_REMOVE, -1, ANSWER_MS, &answer, &fd);
		fd_close(&fd);
	}
	fd_close(&connector.socket);
	while (connector.n_spares > 0)
		fd_close(&connector.spares[--connector.n_spares].fd);
}
