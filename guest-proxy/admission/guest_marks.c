/* Which processes are guests, for a wayferry-host on the same kernel. */
#include "guest-proxy/admission/guest_marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"
#include "protocol/program/unix_listener.h"

#define PREFIX "guest."
#define NAME_BYTES 32
#define BACKLOG 4 /* nobody is taken; who looks is content with being refused for want of room */

struct guest_marks {
	int directory;
	int socket; /* which all our marks are names of */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of the directory */
	pid_t *pids;                                            /* of those that we have marked */
	size_t n, capacity;
};

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static void name_of(pid_t pid, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, PREFIX "%d", (int)pid);
}

static void remove_mark(const struct guest_marks *marks, pid_t pid)
{
	char name[NAME_BYTES];

	name_of(pid, name);
	unlinkat(marks->directory, name, 0);
}

/* Whether whoever has made the mark lives. */
static bool answers(const struct guest_marks *marks, const char *name)
{
	char path[sizeof(marks->path)];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", marks->path, name) >= sizeof(path))
		return true;
	int fd = unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);
	bool refused = fd == -ECONNREFUSED;
	fd_close(&fd);
	return !refused;
}

/* What those left behind that were killed: a process id comes again some day. */
static void sweep_directory(const struct guest_marks *marks)
{
	int fd = fd_dup(marks->directory);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!directory) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(directory))) {
		int pid = 0;
		char end;
		if (sscanf(entry->d_name, PREFIX "%d%c", &pid, &end) == 1 && pid > 0 &&
			(is_gone(pid) || !answers(marks, entry->d_name)))
			remove_mark(marks, pid);
	}
	closedir(directory);
}

/* Forgets clients that are gone. */
static void sweep(struct guest_marks *marks)
{
	size_t left = 0;

	for (size_t i = 0; i < marks->n; i++) {
		if (is_gone(marks->pids[i]))
			remove_mark(marks, marks->pids[i]);
		else
			marks->pids[left++] = marks->pids[i];
	}
	marks->n = left;
}

static bool has(const struct guest_marks *marks, pid_t pid)
{
	for (size_t i = 0; i < marks->n; i++) {
		if (marks->pids[i] == pid)
			return true;
	}
	return false;
}

static bool make_room(struct guest_marks *marks)
{
	if (marks->n < marks->capacity)
		return true;
	size_t capacity = marks->capacity > 0 ? 2 * marks->capacity : 8;
	pid_t *pids = reallocarray(marks->pids, capacity, sizeof(*pids));
	if (!pids)
		return false;
	marks->pids = pids;
	marks->capacity = capacity;
	return true;
}

static void mark(struct guest_marks *marks, pid_t pid)
{
	char own[NAME_BYTES], name[NAME_BYTES];

	if (has(marks, pid) || !make_room(marks))
		return;
	name_of(getpid(), own);
	name_of(pid, name);
	int error = linkat(marks->directory, own, marks->directory, name, 0);
	if (error < 0 && errno == EEXIST && !answers(marks, name)) {
		remove_mark(marks, pid);
		error = linkat(marks->directory, own, marks->directory, name, 0);
	}
	if (error == 0) /* else it is another one's, if it is there */
		marks->pids[marks->n++] = pid;
}

/* False: there is none that can be used. */
static bool open_directory(struct guest_marks *marks)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (!runtime || runtime[0] != '/' ||
		snprintf(marks->path, sizeof(marks->path), "%s/wayferry", runtime) >=
			(int)sizeof(marks->path))
		return false;
	mkdir(marks->path, 0700); /* it may be there */
	marks->directory = open(marks->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return marks->directory >= 0;
}

/* Our own, which the others are made from. */
static bool mark_self(struct guest_marks *marks)
{
	char path[sizeof(marks->path) + NAME_BYTES], name[NAME_BYTES];

	name_of(getpid(), name);
	snprintf(path, sizeof(path), "%s/%s", marks->path, name);
	marks->socket = make_room(marks) ? unix_listener_create(path, 0177, BACKLOG) : -ENOMEM;
	if (marks->socket < 0)
		return false;
	marks->pids[marks->n++] = getpid();
	return true;
}

struct guest_marks *guest_marks_create(void)
{
	struct guest_marks *marks = calloc(1, sizeof(*marks));

	if (!marks)
		return NULL;
	marks->directory = marks->socket = -1;
	if (open_directory(marks)) {
		sweep_directory(marks);
		if (mark_self(marks))
			return marks;
	}
	guest_marks_destroy(marks);
	return NULL;
}

void guest_marks_destroy(struct guest_marks *marks)
{
	if (!marks)
		return;
	for (size_t i = 0; i < marks->n; i++)
		remove_mark(marks, marks->pids[i]);
	fd_close(&marks->directory);
	fd_close(&marks->socket);
	free(marks->pids);
	free(marks);
}

void guest_marks_add(struct guest_marks *marks, int client)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (!marks || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return;
	sweep(marks);
	/* 0: of another process namespace, where it is no display of this directory either */
	if (peer.pid > 0)
		mark(marks, peer.pid);
}
