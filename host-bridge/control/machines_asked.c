/* `wayferry-host list` and `wayferry-host show`. */
#include "host-bridge/control/machines_asked.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/control/control.h"
#include "host-bridge/control/control_names.h"
#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"
#include "protocol/base/monotonic.h"
#include "protocol/program/json.h"

#define MACHINES_MAX 512
#define LOOK_MS 100 /* how often those that are silent are looked at */
#define READ_BYTES 65536
#define ALL_BYTES ((size_t)64 << 20) /* of all answers together */

struct machine {
	struct control_name name;
	int fd;     /* -1: nothing more comes */
	pid_t pid;  /* as the kernel has it */
	char *text; /* the answer; NULL: none yet */
	size_t n;
	int64_t heard_ms; /* when it said something, or was asked */
	const char *why;  /* there is no answer; NULL: there is one, or it is still to come */
};

struct machines {
	struct machine *list;
	size_t n;
	size_t held_bytes; /* of their answers */
	char directory[CONTROL_PATH_BYTES];
};

static const char broken_off[] = "it has broken off";

/* --- finding them --- */

/* A connection that has said @request. -errno; -ECONNREFUSED: nobody is there any more. */
static int ask(const char *path, const char *request, pid_t *pid)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	char line[CONTROL_REQUEST_BYTES];

	snprintf(line, sizeof(line), "%s\n", request);
	int fd = unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		int error = -errno;
		fd_close(&fd);
		return error;
	}
	*pid = peer.pid;
	return fd;
}

static int by_name(const void *a, const void *b)
{
	const struct machine *one = a, *other = b;
	int order = strcmp(one->name.vm, other->name.vm);

	return order ? order : one->name.pid - other->name.pid;
}

/* Asks the machine of the socket @file. */
static void add_machine(
	struct machines *machines, const char *file, const char *word, const char *request)
{
	struct machine machine = {.fd = -1};
	char path[CONTROL_PATH_BYTES];

	if (machines->n == MACHINES_MAX || !control_name_parse(file, &machine.name) ||
		(word && !control_name_is(&machine.name, word)))
		return;
	machine.pid = machine.name.pid;
	size_t length = (size_t)snprintf(path, sizeof(path), "%s/%s", machines->directory, file);
	if (length >= sizeof(path))
		return;
	machine.heard_ms = monotonic_ms();
	machine.fd = ask(path, request, &machine.pid);
	if (machine.fd == -ENOENT)
		return;
	if (machine.fd == -ECONNREFUSED) {
		unlink(path);
		return;
	}
	if (machine.fd == -EAGAIN)
		machine.why = "too many ask it at once";
	else if (machine.fd == -EPIPE)
		machine.why = broken_off;
	else if (machine.fd < 0)
		machine.why = strerror(-machine.fd);
	machines->list[machines->n++] = machine;
}

/* @word: only those that are called so; NULL: all. 0 or -errno. */
static int find_machines(struct machines *machines, const char *word, const char *request)
{
	const struct dirent *entry;
	int error = control_directory(machines->directory);

	if (error < 0)
		return error;
	machines->list = calloc(MACHINES_MAX, sizeof(*machines->list));
	if (!machines->list)
		return -ENOMEM;
	DIR *directory = opendir(machines->directory);
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(directory)))
		add_machine(machines, entry->d_name, word, request);
	closedir(directory);
	qsort(machines->list, machines->n, sizeof(*machines->list), by_name);
	return 0;
}

/* --- their answers --- */

static bool stopped(pid_t pid)
{
	char path[32], line[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	if (file)
		fclose(file);
	line[n] = 0;
	/* The state stands behind the program's name, which is in brackets and may have any in it.
	 */
	const char *bracket = strrchr(line, ')');
	return bracket && bracket[1] && (bracket[2] == 'T' || bracket[2] == 't');
}

static bool is_complete(const struct machine *machine)
{
	const size_t end = strlen(CONTROL_END);

	return machine->n > end &&
		memcmp(machine->text + machine->n - end, CONTROL_END, end) == 0 &&
		machine->text[machine->n - end - 1] == '\n';
}

/* Of one that has not answered nothing is kept. */
static void end(struct machines *machines, struct machine *machine, const char *why)
{
	fd_close(&machine->fd);
	machine->why = why;
	if (why) {
		machines->held_bytes -= machine->n;
		free(machine->text);
		machine->text = NULL;
		machine->n = 0;
	}
}

/* Some of the answer. */
static void receive(struct machines *machines, struct machine *machine)
{
	if (machine->n > CONTROL_ANSWER_BYTES || machines->held_bytes > ALL_BYTES) {
		end(machines, machine, "it says too much");
		return;
	}
	char *text = realloc(machine->text, machine->n + READ_BYTES);
	if (!text) {
		end(machines, machine, "no memory for what it says");
		return;
	}
	machine->text = text;
	ssize_t n = recv(machine->fd, text + machine->n, READ_BYTES, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		machine->n += (size_t)n;
		machines->held_bytes += (size_t)n;
		machine->heard_ms = monotonic_ms();
		return;
	}
	end(machines, machine, is_complete(machine) ? NULL : broken_off);
}

/* Gives up those that will not answer. How many are still to answer. */
static size_t look_at_silent(struct machines *machines)
{
	size_t waiting = 0;

	for (size_t i = 0; i < machines->n; i++) {
		struct machine *machine = &machines->list[i];
		if (machine->fd < 0)
			continue;
		if (stopped(machine->pid))
			end(machines, machine, "its process is stopped");
		else if (monotonic_ms() - machine->heard_ms >= MACHINES_SILENCE_MS)
			end(machines, machine, "it has said nothing for five seconds");
		else
			waiting++;
	}
	return waiting;
}

static void collect(struct machines *machines)
{
	struct pollfd *pollfds = calloc(machines->n + 1, sizeof(*pollfds));
	size_t waiting = machines->n;

	while (pollfds && waiting > 0) {
		for (size_t i = 0; i < machines->n; i++)
			pollfds[i] = (struct pollfd){.fd = machines->list[i].fd, .events = POLLIN};
		int n = poll(pollfds, machines->n, LOOK_MS);
		for (size_t i = 0; i < machines->n && n > 0; i++) {
			if (machines->list[i].fd >= 0 && pollfds[i].revents)
				receive(machines, &machines->list[i]);
		}
		waiting = 0;
		for (size_t i = 0; i < machines->n; i++)
			waiting += machines->list[i].fd >= 0;
		if (n == 0)
			waiting = look_at_silent(machines);
	}
	free(pollfds);
}

/* --- what is printed --- */

/* What stands for a machine that has not answered: @why. */
static void print_silent(const char *vm, int pid, const char *why, bool json, FILE *out)
{
	if (!json) {
		fprintf(out, "%-20s %8d  not answering: %s\n", vm[0] ? vm : "-", pid, why);
		return;
	}
	fputs("{\"name\": ", out);
	json_print_string(out, vm);
	fprintf(out, ", \"pid\": %d, \"answers\": false, \"why\": ", pid);
	json_print_string(out, why);
	fputs("}\n", out);
}

/* Frees what there is of them. Whether all have answered. */
static bool print_all(struct machines *machines, bool json, FILE *out)
{
	bool all = true;

	for (size_t i = 0; i < machines->n; i++) {
		struct machine *machine = &machines->list[i];
		if (machine->why)
			print_silent(machine->name.vm, (int)machine->pid, machine->why, json, out);
		else
			fwrite(machine->text, 1, machine->n - strlen(CONTROL_END), out);
		all &= !machine->why;
		fd_close(&machine->fd);
		free(machine->text);
	}
	free(machines->list);
	return all;
}

/* How many were asked, or, with a line on standard error, -errno. */
static int ask_all(
	struct machines *machines, const char *word, enum control_request request, bool json)
{
	int error = find_machines(machines, word, control_request_text(request, json));

	if (error < 0) {
		fprintf(stderr, "wayferry-host: %s: %s\n",
			error == -ENOENT ? "$XDG_RUNTIME_DIR" : machines->directory,
			error == -ENOENT ? "it is not set" : strerror(-error));
		free(machines->list);
		return error;
	}
	collect(machines);
	return (int)machines->n;
}

int machines_list(bool json, FILE *out)
{
	struct machines machines = {0};
	int n = ask_all(&machines, NULL, CONTROL_LIST, json);

	if (n < 0)
		return EXIT_FAILURE;
	if (!json && n == 0)
		fputs("wayferry-host: no machine is served\n", stderr);
	if (!json && n > 0)
		fprintf(out, "%-20s %8s %8s  %-12s %s\n", "MACHINE", "PROCESS", "WINDOWS", "UP",
			"COMPOSITOR");
	return print_all(&machines, json, out) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int machines_show(const char *word, bool json, FILE *out)
{
	struct machines machines = {0};
	int n = ask_all(&machines, word, CONTROL_SHOW, json);

	if (n < 0)
		return EXIT_FAILURE;
	bool all = print_all(&machines, json, out);
	if (n == 0)
		fprintf(stderr, "wayferry-host: no machine %s is served (see wayferry-host list)\n",
			word);
	return all && n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
