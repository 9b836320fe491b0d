/*
 * Plays wayferry-renderer in the test's own process: the spawner's socket, and workers that do what
 * the test says. One program includes it once.
 */
#ifndef TESTS_UNIT_FAKE_WORKER_H
#define TESTS_UNIT_FAKE_WORKER_H

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/render/renderer.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

struct fake_worker {
	int socket; /* the worker's end */
	uint32_t id, kind;
	union {
		struct renderer_request request; /* the last one received */
		uint8_t bytes[RENDERER_MESSAGE_BYTES];
	} in;
	size_t in_bytes;
	int in_fd; /* that came with it, or -1; closed with the next */
};

static int fake_spawner = -1; /* wayferry-renderer's end */
static uint32_t fake_killed;  /* the last worker that was to be ended */

#define FAKE_HANGS_MS 60000

/* One message of the spawner's socket; RENDERER_SPAWN fills in @worker. Its type, or -1: none. */
static inline int fake_spawner_serve(struct fake_worker *worker, int timeout_ms)
{
	struct renderer_spawn message;
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	struct pollfd pollfd = {.fd = fake_spawner, .events = POLLIN};
	if (poll(&pollfd, 1, timeout_ms) <= 0)
		return -1;
	ssize_t n = fd_recv(fake_spawner, &message, sizeof(message), fds, &n_fds);
	if (n != sizeof(message))
		return -1;
	assert(message.version == RENDERER_PROTOCOL_VERSION);
	if (message.type == RENDERER_KILL) {
		assert(n_fds == 0);
		fake_killed = message.id;
		return RENDERER_KILL;
	}
	assert(message.type == RENDERER_SPAWN && n_fds == 1);
	*worker = (struct fake_worker){
		.socket = fds[0], .id = message.id, .kind = message.kind, .in_fd = -1};
	return RENDERER_SPAWN;
}

/* The next request: its type; 0: none has come; -1: the host has hung up. */
static inline int fake_worker_receive(struct fake_worker *worker)
{
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	fd_close(&worker->in_fd);
	ssize_t n =
		fd_recv(worker->socket, worker->in.bytes, sizeof(worker->in.bytes), fds, &n_fds);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	assert(n >= (ssize_t)sizeof(struct renderer_request) && n_fds <= 1);
	worker->in_bytes = (size_t)n;
	worker->in_fd = n_fds == 1 ? fds[0] : -1;
	return (int)worker->in.request.type;
}

/* The next request of this type, those before it skipped; 0: none. */
static inline int fake_worker_find(struct fake_worker *worker, int type)
{
	int got;
	while ((got = fake_worker_receive(worker)) > 0 && got != type)
		continue;
	return got;
}

static inline void fake_worker_send(
	struct fake_worker *worker, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	const struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	ssize_t n = fd_send(worker->socket, &iov, 1, fds, n_fds);
	assert(n == (ssize_t)size);
}

static inline struct renderer_answer fake_answer(const struct fake_worker *worker, int error)
{
	return (struct renderer_answer){.version = RENDERER_PROTOCOL_VERSION,
		.serial = worker->in.request.serial,
		.error = error};
}

/* Answers the last request. */
static inline void fake_worker_answer(struct fake_worker *worker, int error)
{
	struct renderer_answer answer = fake_answer(worker, error);
	fake_worker_send(worker, &answer, sizeof(answer), NULL, 0);
}

static inline void fake_worker_close(struct fake_worker *worker)
{
	fd_close(&worker->in_fd);
	fd_close(&worker->socket);
}

/* --- the start, which waits for answers --- */

static inline void *fake_start(void *data)
{
	unsigned *n_kinds = data;
	struct {
		struct renderer_answer answer;
		uint8_t capset[64];
	} message;
	while (*n_kinds > 0) {
		struct fake_worker worker;
		int type = fake_spawner_serve(&worker, FAKE_HANGS_MS);
		if (type == RENDERER_KILL) {
			--*n_kinds;
			continue;
		}
		assert(type == RENDERER_SPAWN);
		for (;;) {
			struct pollfd pollfd = {.fd = worker.socket, .events = POLLIN};
			poll(&pollfd, 1, FAKE_HANGS_MS);
			if (fake_worker_receive(&worker) != RENDERER_GET_CAPSET)
				break;
			memset(&message, 0, sizeof(message));
			message.answer = fake_answer(&worker, 0);
			message.answer.extra_bytes = sizeof(message.capset);
			message.capset[0] = (uint8_t)worker.in.request.get_capset.capset_id;
			fake_worker_send(&worker, &message, sizeof(message), NULL, 0);
		}
		fake_worker_close(&worker);
	}
	return NULL;
}

/* A renderer of virgl and venus. */
static inline struct renderer *fake_renderer_create(void)
{
	const struct renderer_config config = {.kinds = {true, true}};
	unsigned n_kinds = 2;
	int sockets[2];
	pthread_t thread;
	int err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets);
	assert(err == 0);
	fake_spawner = sockets[1];
	err = pthread_create(&thread, NULL, fake_start, &n_kinds);
	assert(err == 0);
	struct renderer *renderer = renderer_create_on(sockets[0], &config);
	pthread_join(thread, NULL);
	assert(renderer);
	return renderer;
}

#endif
