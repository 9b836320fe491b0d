/*
 * wayferry-renderer: starts a worker process for each 3D context of a virtual machine, when
 * wayferry-host asks for it. Libraries are loaded here, but initialised in the workers only. The
 * process that does so is the child of one that does nothing but start it: see keeper.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/render/worker/keeper.h"
#include "host-bridge/render/worker/library.h"
#include "host-bridge/render/worker/sandbox.h"
#include "host-bridge/render/worker/worker.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define MAX_WORKERS 4096
#define PAUSE_MS 1000

struct child {
	uint32_t id;
	pid_t pid; /* and process group */
};

static struct {
	int socket, signals;
	const char *render_node;
	enum sandbox_mode sandbox;
	struct child children[MAX_WORKERS];
	size_t n_children;
} spawner;

static const char *const process_names[RENDERER_N_KINDS] = {
	"wayferry-virgl", "wayferry-venus", "wayferry-gfx", "wayferry-drm", "wayferry-gbm"};

static void end_group(pid_t pid)
{
	kill(-pid, SIGKILL);
}

static void child_main(int socket, enum renderer_kind kind, pid_t parent) __attribute__((noreturn));
static void child_main(int socket, enum renderer_kind kind, pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	fd_close(&spawner.socket);
	fd_close(&spawner.signals);
	prctl(PR_SET_NAME, process_names[kind]);
	_exit(worker_run(socket, kind, spawner.render_node, spawner.sandbox));
}

/* Takes @fd. */
static void spawn(const struct renderer_spawn *message, int fd)
{
	if (fd < 0 || message->kind >= RENDERER_N_KINDS || spawner.n_children == MAX_WORKERS) {
		fd_close(&fd); /* the host then sees the worker as ended */
		return;
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		child_main(fd, message->kind, parent);
	fd_close(&fd);
	if (pid < 0) {
		log_err("no process for a context: %s", strerror(errno));
		return;
	}
	setpgid(pid, pid); /* parent and child both do it: either may run first */
	spawner.children[spawner.n_children++] = (struct child){.id = message->id, .pid = pid};
	keeper_useful();
	log_debug("worker %u is process %d", message->id, (int)pid);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < spawner.n_children; i++) {
			if (spawner.children[i].pid != pid)
				continue;
			if (WIFSIGNALED(status))
				log_debug("worker %u was ended by signal %d",
					spawner.children[i].id, WTERMSIG(status));
			end_group(pid); /* processes that it has started */
			spawner.children[i] = spawner.children[--spawner.n_children];
			break;
		}
	}
}

static void end_worker(uint32_t id)
{
	for (size_t i = 0; i < spawner.n_children; i++)
		if (spawner.children[i].id == id)
			end_group(spawner.children[i].pid);
}

/* False: the host has closed the socket, or sent something malformed. */
static bool serve(void)
{
	struct renderer_spawn message;
	int socket;
	ssize_t n = fd_recv_one(spawner.socket, &message, sizeof(message), &socket);

	if (n == -EAGAIN)
		return true;
	bool good = n == (ssize_t)sizeof(message) && message.version == RENDERER_PROTOCOL_VERSION;
	if (n > 0 && !good)
		log_err("the host is of another version");
	if (good && message.type == RENDERER_SPAWN && socket >= 0) {
		spawn(&message, socket);
		socket = -1;
	} else if (good && message.type == RENDERER_KILL) {
		end_worker(message.id);
	}
	fd_close(&socket);
	return good;
}

/* Until the host leaves; false: something else is wrong. */
static bool serve_all(void)
{
	for (;;) {
		struct pollfd pollfds[] = {
			{.fd = spawner.socket, .events = POLLIN},
			{.fd = spawner.signals, .events = POLLIN},
		};
		if (poll(pollfds, ARRAY_LENGTH(pollfds), -1) < 0 && errno != EINTR)
			return false;
		if (pollfds[1].revents) {
			struct signalfd_siginfo info;
			if (read(spawner.signals, &info, sizeof(info)) < 0 && errno != EAGAIN)
				return false;
			reap();
		}
		if (pollfds[0].revents && !serve())
			return true;
	}
}

/* In a process of its own. Its exit status. */
static int run(void)
{
	sigset_t mask;

	if (!sandbox_spawner(spawner.sandbox))
		return EXIT_FAILURE;
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	spawner.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (spawner.signals < 0)
		return EXIT_FAILURE;
	keeper_ready();
	bool good = serve_all();
	for (size_t i = 0; i < spawner.n_children; i++)
		end_group(spawner.children[i].pid);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Who ends everybody (^C, a terminal that hangs up, a service that is stopped) ends the host, too,
 * and that ends us. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};

	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		signal(signals[i], SIG_IGN);
}

int main(int argc, char **argv)
{
	enum log_level level;

	if (argc != 6 || !sandbox_mode_from_name(argv[4], &spawner.sandbox)) {
		fprintf(stderr,
			"wayferry-renderer %s: started by wayferry-host, for its 3D contexts.\n"
			"usage: wayferry-renderer SOCKET-FD LOG-LEVEL RENDER-NODE|- "
			"on|require|off gfxstream|-\n",
			WAYFERRY_VERSION);
		return 2;
	}
	spawner.socket = atoi(argv[1]);
	if (log_level_from_name(argv[2], &level))
		log_set_level(level);
	spawner.render_node = strcmp(argv[3], "-") == 0 ? NULL : argv[3];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ignore_signals();
	/* Workers may not write files, so there are no caches on disk. */
	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	setenv("MESA_GLSL_CACHE_DISABLE", "true", 1);
	if (strcmp(argv[5], "gfxstream") == 0 && !gfxstream_load())
		return EXIT_FAILURE;
	if (!sandbox_find(spawner.sandbox, spawner.render_node))
		return EXIT_FAILURE;
	keeper_run(spawner.socket, sandbox_fork, PAUSE_MS);
	return run();
}
