/*
 * A compositor for tests of the whole bridge: speaks just enough Wayland on bare sockets, in a
 * process of its own, and keeps what it saw where the test can look at it. By itself it does
 * nothing; requests tell it what to do:
 * - wl_seat.get_keyboard gives the client a serial, with wl_keyboard.modifiers;
 * - wl_display.sync is answered, numbered per connection from 1;
 * - wl_shm_pool.create_buffer notes the checksum of the buffer's bytes (one row of width bytes
 * each);
 * - wl_data_source.offer("take INDEX") sends a pipe to the source and notes what comes out of it;
 * - wl_data_offer.receive("give SIZE SEED") writes that much of pattern() into the pipe;
 * - wl_data_source.set_actions(1): from then on nothing is read any more.
 */
#ifndef TESTS_UNIT_SOCKET_COMPOSITOR_H
#define TESTS_UNIT_SOCKET_COMPOSITOR_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/wayland_messages.h"

#define FAKE_TAKEN 16
#define FAKE_SERIAL 7
#define FAKE_CLIENTS 64
#define FAKE_OBJECTS 200000

struct fake_seen {          /* shared with the test */
	atomic_int clients; /* connected now */
	atomic_uint buffers, buffer_sum;
	struct {
		_Atomic uint64_t bytes;
		atomic_uint sum;
		atomic_bool ended;
	} taken[FAKE_TAKEN];
};

static inline uint8_t pattern(uint64_t i, uint32_t seed)
{
	return (uint8_t)(i * 131 + seed * 7 + (i >> 12));
}

static inline uint32_t checksum(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}
#define CHECKSUM_START 2166136261u

struct fake_client {
	int fd;
	uint8_t in[1 << 17];
	size_t in_bytes;
	struct wire_handles handles;
	const char **interfaces; /* by id */
	struct {
		int fd;
	} pools[FAKE_OBJECTS / 1000];
	uint32_t syncs, last_server_id;
	uint8_t *out;
	size_t out_bytes, out_capacity;
	bool unread;
};

struct fake_pipe {
	int fd;
	uint64_t size;
	uint32_t seed, index;
};

static struct fake_seen *fake_seen;

static inline void fake_event(struct fake_client *client, const char *interface, const char *event,
	uint32_t id, const union wire_arg *args, int fd)
{
	if (client->out_capacity - client->out_bytes < 4096) {
		client->out_capacity = client->out_capacity ? 2 * client->out_capacity : 1 << 16;
		client->out = realloc(client->out, client->out_capacity);
	}
	uint8_t *at = client->out + client->out_bytes;
	size_t size = encode_message(RELAY_UP, interface, event, id, args, at, 4096);
	if (fd < 0) {
		client->out_bytes += size;
		return;
	}
	/* With an fd: at once, behind what waits. */
	int flags = fcntl(client->fd, F_GETFL);
	fcntl(client->fd, F_SETFL, flags & ~O_NONBLOCK);
	for (size_t done = 0; done < client->out_bytes;) {
		ssize_t n = send(
			client->fd, client->out + done, client->out_bytes - done, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	client->out_bytes = 0;
	memmove(client->out, at, size);
	const struct iovec iov = {client->out, size};
	fd_send(client->fd, &iov, 1, &fd, 1);
	fcntl(client->fd, F_SETFL, flags);
	close(fd);
}

static void *fake_take(void *data)
{
	struct fake_pipe *pipe = data;
	uint32_t sum = CHECKSUM_START;
	static _Thread_local uint8_t bytes[65536];
	ssize_t n;
	while ((n = read(pipe->fd, bytes, sizeof(bytes))) > 0) {
		sum = checksum(sum, bytes, (size_t)n);
		fake_seen->taken[pipe->index].bytes += (uint64_t)n;
		fake_seen->taken[pipe->index].sum = sum;
	}
	fake_seen->taken[pipe->index].ended = true;
	close(pipe->fd);
	free(pipe);
	return NULL;
}

static void *fake_give(void *data)
{
	struct fake_pipe *pipe = data;
	static _Thread_local uint8_t bytes[10000];
	for (uint64_t done = 0; done < pipe->size;) {
		size_t n = min_u64(sizeof(bytes), pipe->size - done);
		for (size_t i = 0; i < n; i++)
			bytes[i] = pattern(done + i, pipe->seed);
		ssize_t written = write(pipe->fd, bytes, n);
		if (written <= 0)
			break;
		done += (uint64_t)written;
	}
	close(pipe->fd);
	free(pipe);
	return NULL;
}

static inline void fake_thread(void *(*run)(void *), struct fake_pipe pipe)
{
	struct fake_pipe *copy = malloc(sizeof(*copy));
	pthread_t thread;
	*copy = pipe;
	if (pthread_create(&thread, NULL, run, copy) == 0)
		pthread_detach(thread);
}

static inline void fake_new(struct fake_client *client, uint32_t id, const char *interface)
{
	if (id < FAKE_OBJECTS)
		client->interfaces[id] = interface;
}

static inline void fake_get_registry(struct fake_client *client, uint32_t id)
{
	static const struct {
		const char *interface;
		uint32_t version;
	} globals[] = {{"wl_shm", 1}, {"wl_seat", 1}, {"wl_data_device_manager", 3}};
	fake_new(client, id, "wl_registry");
	for (uint32_t i = 0; i < ARRAY_LENGTH(globals); i++)
		fake_event(client, "wl_registry", "global", id,
			ARGS({.u = i + 1}, {.s = globals[i].interface}, {.u = globals[i].version}),
			-1);
}

static inline void fake_create_buffer(
	struct fake_client *client, uint32_t pool, const union wire_arg *args)
{
	size_t offset = (size_t)args[1].i, size = (size_t)args[3].i * (size_t)args[4].i;
	uint8_t *map = mmap(NULL, offset + size, PROT_READ, MAP_SHARED, client->pools[pool].fd, 0);
	fake_seen->buffer_sum =
		map == MAP_FAILED ? 0 : checksum(CHECKSUM_START, map + offset, size);
	fake_seen->buffers++;
	if (map != MAP_FAILED)
		munmap(map, offset + size);
	fake_new(client, args[0].id, "wl_buffer");
}

static inline void fake_data_request(
	struct fake_client *client, uint32_t id, const char *request, union wire_arg *args)
{
	struct fake_pipe pipe_of = {0};
	int ends[2];
	unsigned long size;
	if (strcmp(request, "offer") == 0 && sscanf(args[0].s, "take %u", &pipe_of.index) == 1) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return;
		pipe_of.fd = ends[0];
		fake_thread(fake_take, pipe_of);
		fake_event(client, "wl_data_source", "send", id, ARGS({.s = args[0].s}), ends[1]);
	} else if (strcmp(request, "receive") == 0 &&
		sscanf(args[0].s, "give %lu %u", &size, &pipe_of.seed) == 2) {
		pipe_of.size = size;
		pipe_of.fd = args[1].handle.fd;
		args[1].handle.kind = WIRE_NONE;
		fake_thread(fake_give, pipe_of);
	} else if (strcmp(request, "set_actions") == 0) {
		client->unread = true;
	}
}

static inline void fake_request(struct fake_client *client, uint32_t id, const char *interface,
	const char *request, union wire_arg *args)
{
	if (strcmp(request, "sync") == 0) {
		fake_event(client, "wl_callback", "done", args[0].id, ARGS({.u = ++client->syncs}),
			-1);
		fake_event(client, "wl_display", "delete_id", 1, ARGS({.u = args[0].id}), -1);
	} else if (strcmp(request, "get_registry") == 0) {
		fake_get_registry(client, args[0].id);
	} else if (strcmp(request, "bind") == 0) {
		/* "usun" is how wire.h sees an interface that is named in the message. */
		static const char *const names[] = {"wl_shm", "wl_seat", "wl_data_device_manager"};
		fake_new(client, args[3].id, names[(args[0].u - 1) % ARRAY_LENGTH(names)]);
	} else if (strcmp(request, "create_pool") == 0) {
		client->pools[args[0].id % ARRAY_LENGTH(client->pools)].fd = args[1].handle.fd;
		args[1].handle.kind = WIRE_NONE;
		fake_new(client, args[0].id, "wl_shm_pool");
	} else if (strcmp(request, "create_buffer") == 0) {
		fake_create_buffer(client, id % ARRAY_LENGTH(client->pools), args);
	} else if (strcmp(request, "create_data_source") == 0) {
		fake_new(client, args[0].id, "wl_data_source");
	} else if (strcmp(request, "get_keyboard") == 0) {
		fake_new(client, args[0].id, "wl_keyboard");
		fake_event(client, "wl_keyboard", "modifiers", args[0].id,
			ARGS({.u = FAKE_SERIAL}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}), -1);
	} else if (strcmp(request, "get_data_device") == 0) {
		uint32_t offer = 0xff000000 + client->last_server_id++;
		fake_new(client, args[0].id, "wl_data_device");
		fake_event(client, "wl_data_device", "data_offer", args[0].id, ARGS({.id = offer}),
			-1);
		fake_event(client, "wl_data_offer", "offer", offer, ARGS({.s = "bytes"}), -1);
		fake_event(
			client, "wl_data_device", "selection", args[0].id, ARGS({.id = offer}), -1);
	} else if (strcmp(request, "destroy") == 0) {
		if (strcmp(interface, "wl_shm_pool") == 0)
			close(client->pools[id % ARRAY_LENGTH(client->pools)].fd);
		if (id < FAKE_OBJECTS)
			fake_event(client, "wl_display", "delete_id", 1, ARGS({.u = id}), -1);
	} else {
		fake_data_request(client, id, request, args);
	}
}

/* One message out of @client->in; false: none is whole. */
static inline bool fake_dispatch(struct fake_client *client, size_t *at)
{
	struct wire_header header;
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why = NULL;
	const uint8_t *bytes = client->in + *at;
	if (client->in_bytes - *at < WIRE_HEADER_BYTES || wire_header_decode(bytes, &header) < 0 ||
		client->in_bytes - *at < header.size)
		return false;
	const char *interface = header.id >= 0xff000000 ? "wl_data_offer"
		: header.id < FAKE_OBJECTS              ? client->interfaces[header.id]
							: NULL;
	const struct interface *found = interface ? interface_find(interface) : NULL;
	if (!found || header.opcode >= found->wl->method_count)
		abort();
	const struct wl_message *message = &found->wl->methods[header.opcode];
	wire_signature_parse(message->signature, &signature);
	if (wire_decode(&signature, bytes + WIRE_HEADER_BYTES, header.size - WIRE_HEADER_BYTES,
		    &client->handles, args, &why) < 0)
		abort();
	fake_request(client, header.id, interface, message->name, args);
	for (unsigned i = 0; i < signature.n_args; i++)
		if (signature.args[i].type == 'h')
			wire_handle_finish(&args[i].handle);
	*at += header.size;
	return true;
}

static inline bool fake_read(struct fake_client *client)
{
	int fds[FD_MESSAGE_MAX];
	size_t n_fds, at = 0;
	ssize_t n = fd_recv(client->fd, client->in + client->in_bytes,
		sizeof(client->in) - client->in_bytes, fds, &n_fds);
	if (n == -EAGAIN)
		return true;
	for (size_t i = 0; i < n_fds; i++)
		if (wire_handles_push(&client->handles, wire_handle_fd(fds[i])) < 0)
			abort();
	if (n <= 0)
		return false;
	client->in_bytes += (size_t)n;
	while (fake_dispatch(client, &at))
		;
	client->in_bytes -= at;
	memmove(client->in, client->in + at, client->in_bytes);
	return true;
}

static inline bool fake_write(struct fake_client *client)
{
	ssize_t n = send(client->fd, client->out, client->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN;
	client->out_bytes -= (size_t)n;
	memmove(client->out, client->out + n, client->out_bytes);
	return true;
}

static inline void fake_accept(int listener, struct fake_client **clients)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < FAKE_CLIENTS; i++) {
		if (clients[i])
			continue;
		clients[i] = calloc(1, sizeof(*clients[i]));
		clients[i]->fd = fd;
		clients[i]->interfaces = calloc(FAKE_OBJECTS, sizeof(char *));
		clients[i]->interfaces[1] = "wl_display";
		fake_seen->clients++;
		return;
	}
}

static inline void fake_drop(struct fake_client **client)
{
	close((*client)->fd);
	wire_handles_finish(&(*client)->handles);
	free((*client)->interfaces);
	free((*client)->out);
	free(*client);
	*client = NULL;
	fake_seen->clients--;
}

static inline void fake_run(int listener)
{
	static struct fake_client *clients[FAKE_CLIENTS];
	for (;;) {
		struct pollfd pollfds[FAKE_CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
		for (size_t i = 0; i < FAKE_CLIENTS; i++) {
			pollfds[i + 1].fd = clients[i] ? clients[i]->fd : -1;
			if (clients[i] && !clients[i]->unread)
				pollfds[i + 1].events = POLLIN;
			if (clients[i] && clients[i]->out_bytes > 0)
				pollfds[i + 1].events |= POLLOUT;
		}
		if (poll(pollfds, FAKE_CLIENTS + 1, -1) < 0)
			continue;
		for (size_t i = 0; i < FAKE_CLIENTS; i++) {
			if (!clients[i] || !pollfds[i + 1].revents)
				continue;
			bool alive = true;
			if (pollfds[i + 1].revents & (POLLIN | POLLHUP))
				alive = fake_read(clients[i]);
			if (alive && clients[i]->out_bytes > 0)
				alive = fake_write(clients[i]);
			if (!alive)
				fake_drop(&clients[i]);
		}
		if (pollfds[0].revents)
			fake_accept(listener, clients);
	}
}

/* Starts it at @path; its pid. It ends with this process. */
static inline pid_t fake_compositor_start(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!fake_seen)
		fake_seen = mmap(NULL, sizeof(*fake_seen), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(fake_seen, 0, sizeof(*fake_seen));
	strcpy(address.sun_path, path);
	unlink(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 64) < 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		fake_run(listener);
	}
	close(listener);
	return pid;
}

#endif
