/* wayferry-renderer, as the device sees it: its start, its capsets, its workers. */
#include "host-bridge/render/renderer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/display/render_node.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define START_TIMEOUT_MS 60000 /* cold caches, a busy processor; LLVM is large */
/* Slow is not broken: a large frame on a busy processor takes its time. */
#define TIMEOUT_MS 60000
#define SOCKET_BUFFER_BYTES (1 << 20)
/* Then what the compositor saves by a buffer that it need not upload is less than it costs. */
#define MUCH_SLOWER 2

struct renderer {
	int spawner;
	uint32_t last_worker;
	int timeout_ms;
	size_t n_capsets;
	struct renderer_capset capsets[RENDERER_MAX_CAPSETS];
	bool has_gbm;
	struct renderer_speed gbm_speed;
};

static const struct {
	uint32_t id;
	enum renderer_kind kind;
} known_capsets[RENDERER_MAX_CAPSETS] = {
	{RENDERER_CAPSET_VIRGL, RENDERER_KIND_VIRGL},
	{RENDERER_CAPSET_VIRGL2, RENDERER_KIND_VIRGL},
	{RENDERER_CAPSET_VENUS, RENDERER_KIND_VENUS},
	{RENDERER_CAPSET_GFXSTREAM, RENDERER_KIND_GFXSTREAM},
	{RENDERER_CAPSET_DRM, RENDERER_KIND_DRM},
};

const char *renderer_kind_name(enum renderer_kind kind)
{
	static const char *const names[RENDERER_N_KINDS] = {
		"virgl", "venus", "gfxstream", "drm", "gbm"};
	return names[kind];
}

/* --- processes --- */

static int tell_spawner(struct renderer *renderer, const struct renderer_spawn *message, int fd)
{
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
	ssize_t n = fd_send(renderer->spawner, &iov, 1, &fd, fd >= 0);
	return n < 0 ? (int)n : 0;
}

int renderer_spawn(struct renderer *renderer, enum renderer_kind kind, uint32_t *worker)
{
	const int buffer_bytes = SOCKET_BUFFER_BYTES;
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
		return -errno;
	/* As large as the system allows; what does not fit is queued on our side. */
	setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	const struct renderer_spawn message = {
		.version = RENDERER_PROTOCOL_VERSION,
		.type = RENDERER_SPAWN,
		.id = ++renderer->last_worker,
		.kind = kind,
	};
	int error = tell_spawner(renderer, &message, sockets[1]);
	fd_close(&sockets[1]);
	if (error < 0) {
		fd_close(&sockets[0]);
		return error;
	}
	*worker = message.id;
	return sockets[0];
}

void renderer_kill(struct renderer *renderer, uint32_t worker)
{
	const struct renderer_spawn message = {
		.version = RENDERER_PROTOCOL_VERSION,
		.type = RENDERER_KILL,
		.id = worker,
	};
	/* If this fails, wayferry-renderer has ended, and its workers with it. */
	tell_spawner(renderer, &message, -1);
}

/* --- what it can do --- */

struct first_answer {
	struct renderer_answer answer;
	uint8_t data[RENDERER_MAX_CAPSET_BYTES]; /* answer.extra_bytes of them */
};

/* Asks a worker, and waits. 0 or -errno. */
static int ask(int socket, const struct renderer_request *request, int64_t deadline_ms,
	struct first_answer *message)
{
	const struct iovec iov = {
		.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof(*request)};

	ssize_t n = fd_send(socket, &iov, 1, NULL, 0);
	if (n < 0)
		return (int)n;
	for (;;) {
		int64_t left_ms = deadline_ms - monotonic_ms();
		struct pollfd pollfd = {.fd = socket, .events = POLLIN};
		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&pollfd, 1, (int)left_ms) < 0 && errno != EINTR)
			return -errno;
		n = fd_recv_bytes(socket, message, sizeof(*message));
		if (n != -EAGAIN)
			break;
	}
	if (n <= 0)
		return n == 0 ? -EPIPE : (int)n;
	const struct renderer_answer *answer = &message->answer;
	if (n < (ssize_t)sizeof(*answer) || answer->version != RENDERER_PROTOCOL_VERSION ||
		answer->serial != request->serial)
		return -EPROTO;
	if (answer->error != 0)
		return answer->error < 0 ? answer->error : -EPROTO;
	return answer->extra_bytes == (size_t)n - sizeof(*answer) ? 0 : -EPROTO;
}

static int ask_capset(int socket, uint32_t id, int64_t deadline_ms, struct renderer_capset *capset)
{
	const struct renderer_request request = {
		.type = RENDERER_GET_CAPSET, .serial = id, .get_capset = {.capset_id = id}};
	struct first_answer message;

	int error = ask(socket, &request, deadline_ms, &message);
	if (error < 0)
		return error;
	if (message.answer.extra_bytes == 0)
		return -EPROTO;
	capset->id = id;
	capset->max_version = message.answer.capset.max_version;
	capset->private_textures = message.answer.capset.private_textures != 0;
	capset->size = message.answer.extra_bytes;
	memcpy(capset->data, message.data, capset->size);
	return 0;
}

static const char *start_error(int error)
{
	return error == -EPIPE || error == -ECONNRESET ? "its process has ended" : strerror(-error);
}

/* Asks how fast buffers are. 0 or -errno. */
static int ask_speed(int socket, int64_t deadline_ms, struct renderer_speed *speed)
{
	const struct renderer_request request = {.type = RENDERER_MEASURE, .serial = 1};
	struct first_answer message;

	int error = ask(socket, &request, deadline_ms, &message);
	if (error == 0)
		*speed = (struct renderer_speed){
			.buffer_written = message.answer.speed.buffer_written,
			.memory_written = message.answer.speed.memory_written,
		};
	return error;
}

/* Whether there are buffers of a GPU, and how fast they are. 0 or -errno: there will be no start.
 */
static int ask_gbm(struct renderer *renderer, const struct renderer_config *config)
{
	struct renderer_speed *speed = &renderer->gbm_speed;
	uint32_t worker = 0;
	int socket = renderer_spawn(renderer, RENDERER_KIND_GBM, &worker);
	int error =
		socket < 0 ? socket : ask_speed(socket, monotonic_ms() + START_TIMEOUT_MS, speed);

	fd_close(&socket);
	renderer_kill(renderer, worker);
	if (error < 0) {
		log_write(config->gbm_if_good ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, LOG_MODULE,
			"no buffers of %s: %s", config->render_node, start_error(error));
		return config->gbm_if_good ? 0 : error;
	}
	renderer->has_gbm = !config->gbm_if_good ||
		speed->buffer_written >= speed->memory_written / MUCH_SLOWER;
	log_info("buffers of %s %s: written at %u MiB/s, memory at %u MiB/s", config->render_node,
		renderer->has_gbm ? "are used" : "are not used", speed->buffer_written,
		speed->memory_written);
	return 0;
}

bool renderer_has_gbm(const struct renderer *renderer)
{
	return renderer && renderer->has_gbm;
}

const struct renderer_speed *renderer_gbm_speed(const struct renderer *renderer)
{
	return &renderer->gbm_speed;
}

static int ask_kind(struct renderer *renderer, enum renderer_kind kind)
{
	uint32_t worker = 0;
	int64_t deadline_ms = monotonic_ms() + START_TIMEOUT_MS;
	int socket = renderer_spawn(renderer, kind, &worker);
	int error = socket < 0 ? socket : 0;

	for (size_t i = 0; i < ARRAY_LENGTH(known_capsets) && error == 0; i++) {
		if (known_capsets[i].kind != kind)
			continue;
		struct renderer_capset *capset = &renderer->capsets[renderer->n_capsets];
		error = ask_capset(socket, known_capsets[i].id, deadline_ms, capset);
		capset->kind = kind;
		renderer->n_capsets += error == 0;
	}
	fd_close(&socket);
	renderer_kill(renderer, worker);
	if (error < 0)
		log_err("%s does not start: %s", renderer_kind_name(kind), start_error(error));
	return error;
}

size_t renderer_n_capsets(const struct renderer *renderer)
{
	return renderer ? renderer->n_capsets : 0;
}

const struct renderer_capset *renderer_capset_at(const struct renderer *renderer, size_t index)
{
	return &renderer->capsets[index];
}

const struct renderer_capset *renderer_capset(const struct renderer *renderer, uint32_t id)
{
	for (size_t i = 0; i < renderer_n_capsets(renderer); i++)
		if (renderer->capsets[i].id == id)
			return &renderer->capsets[i];
	return NULL;
}

int renderer_timeout_ms(const struct renderer *renderer)
{
	return renderer->timeout_ms;
}

void renderer_set_timeout_ms(struct renderer *renderer, int ms)
{
	renderer->timeout_ms = ms;
}

/* --- life --- */

struct renderer *renderer_create_on(int spawner, const struct renderer_config *config)
{
	struct renderer *renderer = calloc(1, sizeof(*renderer));
	int error = renderer ? 0 : -ENOMEM;

	if (!renderer) {
		fd_close(&spawner);
		return NULL;
	}
	renderer->spawner = spawner;
	renderer->timeout_ms = TIMEOUT_MS;
	for (enum renderer_kind kind = 0; kind < RENDERER_N_KINDS && error == 0; kind++)
		if (config->kinds[kind])
			error = kind == RENDERER_KIND_GBM ? ask_gbm(renderer, config)
							  : ask_kind(renderer, kind);
	if (error == 0)
		return renderer;
	renderer_destroy(renderer);
	return NULL;
}

static void run_program(const struct renderer_config *config, int socket) __attribute__((noreturn));
static void run_program(const struct renderer_config *config, int socket)
{
	char number[16];
	sigset_t none;

	/* It ends when its socket is closed; this is for when another process has a copy of it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	int fd = dup(socket);               /* without close-on-exec */
	dup2(STDERR_FILENO, STDOUT_FILENO); /* messages of Mesa are not output of ours */
	snprintf(number, sizeof(number), "%d", fd);
	execl(config->program, "wayferry-renderer", number, config->log_level,
		config->render_node ? config->render_node : "-", sandbox_mode_name(config->sandbox),
		config->kinds[RENDERER_KIND_GFXSTREAM] ? "gfxstream" : "-", (char *)NULL);
	log_err("%s: %s", config->program, strerror(errno));
	_exit(127);
}

/* @config with the GPU found. */
static bool find_gpu(struct renderer_config *config, char path[PATH_MAX])
{
	char why[1024];

	if (!config->render_node)
		return true;
	if (!render_node_find(
		    config->render_node, config->display, config->wait, path, why, sizeof(why))) {
		log_err("--render-node %s: %s", config->render_node, why);
		return false;
	}
	if (strcmp(path, config->render_node) != 0)
		log_info("the GPU %s is %s", config->render_node, path);
	config->render_node = path;
	return true;
}

struct renderer *renderer_create(const struct renderer_config *asked)
{
	struct renderer_config found = *asked;
	const struct renderer_config *config = &found;
	char node[PATH_MAX];
	int sockets[2];

	if (access(config->program, X_OK) < 0) {
		log_err("%s: %s (3D needs it: it is built where libvirglrenderer is)",
			config->program, strerror(errno));
		return NULL;
	}
	if (!find_gpu(&found, node))
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0) {
		log_err("no socket: %s", strerror(errno));
		return NULL;
	}
	pid_t pid = fork();
	if (pid == 0)
		run_program(config, sockets[1]);
	fd_close(&sockets[1]);
	if (pid < 0) {
		log_err("no process: %s", strerror(errno));
		fd_close(&sockets[0]);
		return NULL;
	}
	return renderer_create_on(sockets[0], config);
}

void renderer_destroy(struct renderer *renderer)
{
	if (!renderer)
		return;
	fd_close(&renderer->spawner);
	/* It is not waited for: the sandbox does not allow that, and we end, too. */
	free(renderer);
}
