/* The control socket: the user asks a machine's wayferry-host what there is of the machine. */
#include "host-bridge/control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/streams/byte_queue.h"

#define LOG_MODULE "control"
#include "protocol/base/log.h"
#include "protocol/program/acceptor.h"
#include "protocol/program/unix_listener.h"

#define BACKLOG 16

struct client {
	struct wl_list link; /* control::clients */
	struct control *control;
	int fd;
	struct wl_event_source *source;
	char request[CONTROL_REQUEST_BYTES];
	size_t n;
	struct byte_queue answer;
	bool answered;
};

struct control {
	struct wl_event_loop *loop;
	control_answer *answer;
	void *data;
	int fd;
	struct acceptor acceptor;
	struct wl_list clients; /* the newest first */
	unsigned n_clients;
};

/* --- requests --- */

static const char *const words[CONTROL_N_REQUESTS][2] = {
	[CONTROL_LIST] = {"list", "list json"},
	[CONTROL_SHOW] = {"show", "show json"},
};

const char *control_request_text(enum control_request request, bool json)
{
	return words[request][json];
}

/* From a line without its end. False: there is no such request. */
static bool parse_request(const char *line, enum control_request *request, bool *json)
{
	for (int i = 0; i < 2 * CONTROL_N_REQUESTS; i++) {
		if (strcmp(line, words[i / 2][i % 2]) == 0) {
			*request = (enum control_request)(i / 2);
			*json = i % 2 == 1;
			return true;
		}
	}
	return false;
}

/* --- clients --- */

static void client_destroy(struct client *client)
{
	event_source_remove(&client->source);
	fd_close(&client->fd);
	byte_queue_clear(&client->answer);
	wl_list_remove(&client->link);
	client->control->n_clients--;
	free(client);
}

static void write_answer(struct client *client, FILE *out)
{
	const struct control *control = client->control;
	enum control_request request;
	bool json;

	if (parse_request(client->request, &request, &json))
		control->answer(control->data, request, json, out);
	else
		fprintf(out, "there is no such request\n");
	fputs(CONTROL_END, out);
}

/* Has the answer ready to be sent. False: no memory, or it would be too long. */
static bool prepare_answer(struct client *client)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return false;
	write_answer(client, out);
	bool good = fclose(out) == 0 && byte_queue_add(&client->answer, text, size) == 0;
	free(text);
	client->answered = true;
	return good && wl_event_source_fd_update(client->source, WL_EVENT_WRITABLE) == 0;
}

/* Reads some of the request's line. False: that is no request of ours. */
static bool read_request(struct client *client)
{
	const size_t room = sizeof(client->request) - client->n;
	ssize_t n = recv(client->fd, client->request + client->n, room, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->n += (size_t)n;
	char *end = memchr(client->request, '\n', client->n);
	if (!end)
		return n > 0 && client->n < sizeof(client->request);
	*end = 0;
	return prepare_answer(client);
}

static int handle_client(int fd, uint32_t mask, void *data)
{
	struct client *client = data;
	bool good = true;

	if (client->answered)
		good = byte_queue_send(&client->answer, client->fd) == -EAGAIN;
	else if (mask & WL_EVENT_READABLE)
		good = read_request(client);
	else
		good = false;
	if (!good)
		client_destroy(client);
	return 0;
}

/* In the namespace of our own there are no other users: each of them reads as the overflow id. */
static bool is_user(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

/* Takes @fd. */
static void add_client(struct control *control, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		fd_close(&fd);
		return;
	}
	if (control->n_clients == CONTROL_CONNECTIONS) {
		struct client *oldest = wl_container_of(control->clients.prev, oldest, link);
		client_destroy(oldest);
	}
	*client = (struct client){.control = control, .fd = fd};
	byte_queue_init(&client->answer, CONTROL_ANSWER_BYTES);
	wl_list_insert(&control->clients, &client->link);
	control->n_clients++;
	client->source =
		wl_event_loop_add_fd(control->loop, fd, WL_EVENT_READABLE, handle_client, client);
	if (!client->source)
		client_destroy(client);
}

static void handle_connection(void *data, int fd)
{
	struct control *control = data;

	acceptor_pause(&control->acceptor, CONTROL_ACCEPT_MS);
	if (is_user(fd)) {
		add_client(control, fd);
		return;
	}
	log_limited(LOG_LEVEL_WARN, "somebody else has asked, and is refused");
	fd_close(&fd);
}

/* --- the socket --- */

/* The directory of @path is there, and nobody else's. 0 or -errno. */
static int check_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat status;
	const char *slash = strrchr(path, '/');

	if (!slash || (size_t)(slash - path) >= sizeof(directory))
		return -ENAMETOOLONG;
	memcpy(directory, path, (size_t)(slash - path));
	directory[slash - path] = 0;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(directory, &status) < 0)
		return -errno;
	bool good = S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
		(status.st_mode & 077) == 0;
	return good ? 0 : -EPERM;
}

static int listen_at(const char *path)
{
	int error = check_directory(path);

	if (error < 0)
		return error;
	/* The name has our process id: one that is there is left of a process that is not. */
	unlink(path);
	return unix_listener_create(path, 0177, BACKLOG);
}

struct control *control_create(
	struct wl_event_loop *loop, const char *path, control_answer *answer, void *data)
{
	struct control *control = calloc(1, sizeof(*control));
	int fd = control ? listen_at(path) : -ENOMEM;

	if (fd < 0) {
		log_warn("%s: %s: list and show will not find this machine", path,
			fd == -EPERM ? "its directory is not the user's alone"
				     : unix_listener_why(fd));
		free(control);
		return NULL;
	}
	*control = (struct control){.loop = loop, .answer = answer, .data = data, .fd = fd};
	wl_list_init(&control->clients);
	control->acceptor = (struct acceptor){.accepted = handle_connection, .data = control};
	if (acceptor_start(&control->acceptor, loop, fd))
		return control;
	log_warn("no memory for the control socket");
	control_destroy(control);
	return NULL;
}

void control_destroy(struct control *control)
{
	struct client *client, *next;

	if (!control)
		return;
	wl_list_for_each_safe(client, next, &control->clients, link) client_destroy(client);
	acceptor_stop(&control->acceptor);
	fd_close(&control->fd);
	free(control);
}
