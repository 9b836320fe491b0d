/* One context's worker: requests in, answers and retired fences out. */
#include "host-bridge/render/worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/render/worker/library.h"
#include "host-bridge/render/worker/memory.h"
#include "host-bridge/render/worker/sandbox.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

/*
 * The library's fds say when fences retire, but not in every version and not when one of its own
 * processes has died.
 */
#define FENCE_POLL_MS 10

static const struct library *library; /* the worker's */

static struct {
	int socket;
	union {
		struct renderer_request request;
		uint8_t bytes[RENDERER_MESSAGE_BYTES];
	} message;
	size_t extra_bytes; /* that follow the request */
	int fd;             /* that came with it, or -1; handlers that take it set it to -1 */
	_Alignas(16) uint8_t commands[RENDERER_MAX_SUBMISSION_BYTES];
	uint32_t commands_bytes;
	bool commands_bad; /* too many bytes, or a malformed request */
} worker;

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
	/* Without the exit handlers of the library and its drivers: the kernel cleans up. */
	_exit(status);
}

static void send_answer(
	const struct renderer_answer *answer, const void *extra, size_t extra_bytes, int fd)
{
	const struct iovec iov[] = {
		{.iov_base = (void *)(uintptr_t)answer, .iov_len = sizeof(*answer)},
		{.iov_base = (void *)(uintptr_t)extra, .iov_len = extra_bytes},
	};
	for (;;) {
		ssize_t n = fd_send(worker.socket, iov, 2, &fd, fd >= 0);
		if (n >= 0)
			return;
		if (n != -EAGAIN)
			leave(EXIT_SUCCESS); /* the host has left */
		struct pollfd wait = {.fd = worker.socket, .events = POLLOUT};
		poll(&wait, 1, -1);
	}
}

static void answer_error(uint32_t serial, int error)
{
	const struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = serial, .error = error};
	send_answer(&answer, NULL, 0, -1);
}

static void handle_retired(uint32_t serial)
{
	answer_error(serial, 0);
}

/* --- requests. Each returns 0 or -errno, or ANSWERED: it has answered itself. --- */

#define ANSWERED 1

static int handle_ping(const struct renderer_request *request)
{
	return 0;
}

static int handle_get_capset(const struct renderer_request *request)
{
	static uint8_t data[RENDERER_MAX_CAPSET_BYTES];
	struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = request->serial};
	int size = library->capset(request->get_capset.capset_id, &answer.capset.max_version, data);
	if (size < 0)
		return size;
	answer.extra_bytes = (uint32_t)size;
	answer.capset.private_textures = !library->shares_textures();
	send_answer(&answer, data, (size_t)size, -1);
	return ANSWERED;
}

static int handle_ctx_create(const struct renderer_request *request)
{
	int error =
		library->create_context(request->ctx_create.capset_id, request->ctx_create.name);
	if (error < 0) {
		log_err("no context: %s", strerror(-error));
		leave(EXIT_FAILURE); /* the host sees the end of file */
	}
	return 0;
}

static int take_fd(void)
{
	int fd = worker.fd;
	worker.fd = -1;
	return fd;
}

static int handle_region(const struct renderer_request *request)
{
	return memory_add_region(
		request->region.region, take_fd(), request->region.fd_offset, request->region.size);
}

static int handle_create_3d(const struct renderer_request *request)
{
	struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = request->serial};
	int fd = -1;

	if (request->create_3d.shared_bytes == 0)
		return library->create_3d(request->resource_id, request);
	int error = library->create_shared(request->resource_id, request, &answer, &fd);
	if (error < 0)
		return error;
	send_answer(&answer, NULL, 0, fd);
	fd_close(&fd);
	return ANSWERED;
}

static int handle_backing(const struct renderer_request *request)
{
	if (worker.extra_bytes != request->list.n * sizeof(struct renderer_segment))
		return -EINVAL;
	if (request->list.n == 0) {
		uint32_t n;
		free(memory_take(&n));
		return 0;
	}
	return memory_add_segments(
		(const struct renderer_segment *)(const void *)(worker.message.bytes +
			sizeof(*request)),
		request->list.n);
}

static int handle_attach_backing(const struct renderer_request *request)
{
	uint32_t n;
	struct iovec *iov = memory_take(&n);
	if (!iov)
		return -EINVAL;
	int error = library->attach_backing(request->resource_id, iov, n);
	if (error < 0) {
		free(iov);
		return error;
	}
	error = memory_set_backing(request->resource_id, iov);
	if (error < 0)
		leave(EXIT_FAILURE); /* the library now holds a pointer to freed memory */
	return 0;
}

static int handle_detach_backing(const struct renderer_request *request)
{
	library->detach_backing(request->resource_id);
	memory_drop_backing(request->resource_id);
	return 0;
}

static int handle_guest_blob(const struct renderer_request *request)
{
	uint32_t n;
	struct iovec *iov = memory_take(&n);
	if (!iov)
		return -EINVAL;
	int error = library->guest_blob(request->resource_id, request->guest_blob.size, iov, n);
	if (error < 0) {
		free(iov);
		return error;
	}
	if (memory_set_backing(request->resource_id, iov) < 0)
		leave(EXIT_FAILURE);
	return 0;
}

static int handle_create_blob(const struct renderer_request *request)
{
	struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = request->serial};
	int fd = -1;
	int error = library->create_blob(request->resource_id, request, &answer, &fd);
	if (error < 0)
		return error;
	send_answer(&answer, NULL, 0, fd);
	fd_close(&fd);
	return ANSWERED;
}

static int handle_import(const struct renderer_request *request)
{
	int fd = take_fd();
	if (fd < 0)
		return -EINVAL;
	return library->import(request->resource_id, request, fd);
}

static int handle_attach(const struct renderer_request *request)
{
	library->attach(request->resource_id);
	return 0;
}

static int handle_detach(const struct renderer_request *request)
{
	library->detach(request->resource_id);
	return 0;
}

static int handle_unref(const struct renderer_request *request)
{
	library->detach_backing(request->resource_id);
	library->unref(request->resource_id);
	memory_drop_backing(request->resource_id);
	return 0;
}

static int handle_transfer(const struct renderer_request *request)
{
	return library->transfer(request->resource_id, request);
}

static int handle_commands(const struct renderer_request *request)
{
	if (worker.extra_bytes != request->list.n ||
		worker.extra_bytes > sizeof(worker.commands) - worker.commands_bytes) {
		worker.commands_bad = true;
		return -EINVAL;
	}
	memcpy(worker.commands + worker.commands_bytes, worker.message.bytes + sizeof(*request),
		worker.extra_bytes);
	worker.commands_bytes += (uint32_t)worker.extra_bytes;
	return 0;
}

static int handle_submit(const struct renderer_request *request)
{
	uint32_t bytes = worker.commands_bytes;
	bool bad = worker.commands_bad || bytes % 4 != 0;
	worker.commands_bytes = 0;
	worker.commands_bad = false;
	if (bad)
		return -EINVAL;
	return bytes > 0 ? library->submit(worker.commands, bytes) : 0;
}

static int handle_measure(const struct renderer_request *request)
{
	struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = request->serial};
	int error = library->measure(&answer);
	if (error < 0)
		return error;
	send_answer(&answer, NULL, 0, -1);
	return ANSWERED;
}

static int handle_allocate(const struct renderer_request *request)
{
	struct renderer_answer answer = {
		.version = RENDERER_PROTOCOL_VERSION, .serial = request->serial};
	int fd = -1;
	if (request->allocate.n_modifiers > RENDERER_MAX_MODIFIERS ||
		worker.extra_bytes != request->allocate.n_modifiers * sizeof(uint64_t))
		return -EINVAL;
	static_assert(sizeof(*request) % sizeof(uint64_t) == 0, "");
	int error = library->allocate(request,
		(const uint64_t *)(const void *)(worker.message.bytes + sizeof(*request)), &answer,
		&fd);
	if (error < 0)
		return error;
	send_answer(&answer, NULL, 0, fd);
	fd_close(&fd);
	return ANSWERED;
}

static const struct {
	const char *name;
	int (*handle)(const struct renderer_request *request);
} handlers[RENDERER_N_REQUESTS] = {
	[RENDERER_PING] = {"PING", handle_ping},
	[RENDERER_GET_CAPSET] = {"GET_CAPSET", handle_get_capset},
	[RENDERER_CTX_CREATE] = {"CTX_CREATE", handle_ctx_create},
	[RENDERER_REGION] = {"REGION", handle_region},
	[RENDERER_CREATE_3D] = {"CREATE_3D", handle_create_3d},
	[RENDERER_BACKING] = {"BACKING", handle_backing},
	[RENDERER_ATTACH_BACKING] = {"ATTACH_BACKING", handle_attach_backing},
	[RENDERER_DETACH_BACKING] = {"DETACH_BACKING", handle_detach_backing},
	[RENDERER_GUEST_BLOB] = {"GUEST_BLOB", handle_guest_blob},
	[RENDERER_CREATE_BLOB] = {"CREATE_BLOB", handle_create_blob},
	[RENDERER_IMPORT] = {"IMPORT", handle_import},
	[RENDERER_ATTACH] = {"ATTACH", handle_attach},
	[RENDERER_DETACH] = {"DETACH", handle_detach},
	[RENDERER_UNREF] = {"UNREF", handle_unref},
	[RENDERER_TRANSFER] = {"TRANSFER", handle_transfer},
	[RENDERER_COMMANDS] = {"COMMANDS", handle_commands},
	[RENDERER_SUBMIT] = {"SUBMIT", handle_submit},
	[RENDERER_MEASURE] = {"MEASURE", handle_measure},
	[RENDERER_ALLOCATE] = {"ALLOCATE", handle_allocate},
};

/* A worker has contexts, or makes buffers. */
static bool is_for_us(const struct renderer_request *request)
{
	bool buffers = request->type == RENDERER_MEASURE || request->type == RENDERER_ALLOCATE;
	return request->type == RENDERER_PING || buffers == (library->allocate != NULL);
}

static void execute(const struct renderer_request *request)
{
	if (request->type == 0 || request->type >= RENDERER_N_REQUESTS) {
		log_err("unknown request %u: host and renderer are not of one version",
			request->type);
		leave(EXIT_FAILURE);
	}
	int error = is_for_us(request) ? handlers[request->type].handle(request) : -EOPNOTSUPP;
	if (error == ANSWERED)
		return;
	if (error < 0)
		log_limited(LOG_LEVEL_WARN, "%s of resource %u: %s", handlers[request->type].name,
			request->resource_id, strerror(-error));
	if (request->serial == 0)
		return;
	if (error == 0 && request->fenced) {
		error = library->fence(request->ring, request->serial);
		if (error == 0)
			return; /* until it retires */
		log_limited(
			LOG_LEVEL_WARN, "no fence on ring %u: %s", request->ring, strerror(-error));
	}
	answer_error(request->serial, error);
}

/* False: there is no request. */
static bool serve_one(void)
{
	ssize_t n = fd_recv_one(
		worker.socket, worker.message.bytes, sizeof(worker.message), &worker.fd);

	if (n == -EAGAIN)
		return false;
	if (n < (ssize_t)sizeof(struct renderer_request))
		leave(n == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	worker.extra_bytes = (size_t)n - sizeof(struct renderer_request);
	/* Handlers get a copy of the request, and read the list that follows it in the original. */
	struct renderer_request request = worker.message.request;
	if (request.type == RENDERER_CTX_CREATE)
		request.ctx_create.name[RENDERER_NAME_BYTES - 1] = '\0';
	execute(&request);
	fd_close(&worker.fd);
	return true;
}

#ifdef RENDER_SERVER_PATH
#define LIBRARY_VIRGL &library_virgl
#else
#define LIBRARY_VIRGL NULL
#endif

static const struct library *const libraries[RENDERER_N_KINDS] = {
	[RENDERER_KIND_VIRGL] = LIBRARY_VIRGL,
	[RENDERER_KIND_VENUS] = LIBRARY_VIRGL,
	[RENDERER_KIND_GFXSTREAM] = &library_gfxstream,
	[RENDERER_KIND_DRM] = LIBRARY_VIRGL,
	[RENDERER_KIND_GBM] = &library_gbm,
};

int worker_run(
	int socket, enum renderer_kind kind, const char *render_node, enum sandbox_mode sandbox)
{
	worker.socket = socket;
	worker.fd = -1;
	library = libraries[kind];
	if (!library) {
		log_err("built without libvirglrenderer");
		return EXIT_FAILURE;
	}
	if (!sandbox_worker(sandbox))
		return EXIT_FAILURE;
	int error = library->init(kind, render_node, handle_retired);
	if (error < 0) {
		log_err("%s does not start: %s", library->name, strerror(-error));
		return EXIT_FAILURE;
	}
	if (!sandbox_worker_started(sandbox))
		return EXIT_FAILURE;

	for (;;) {
		struct pollfd pollfds[1 + LIBRARY_MAX_POLL_FDS] = {
			{.fd = socket, .events = POLLIN}};
		int fds[LIBRARY_MAX_POLL_FDS];
		unsigned n_fds = library->fences_pending() ? library->poll_fds(fds) : 0;
		for (unsigned i = 0; i < n_fds; i++)
			pollfds[1 + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		poll(pollfds, 1 + n_fds, library->fences_pending() ? FENCE_POLL_MS : -1);
		if (library->fences_pending())
			library->poll();
		if (pollfds[0].revents)
			serve_one();
	}
}
