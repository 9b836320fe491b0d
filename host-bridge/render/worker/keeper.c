/* The process that starts the one that serves the host, and starts it again. */
#include "host-bridge/render/worker/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/monotonic.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

/* After so many in a row that did nothing, none of which lasted so long, there is no other one. */
#define MAX_USELESS 5
#define LONG_MS 60000
#define END_TEXT 64

/* Shared by the keeper and the process that serves; what that one starts does not have it. */
static struct life {
	atomic_bool ready, useful;
} * life;

static struct {
	int socket, pause_ms;
	bool was_ready; /* one of them */
	unsigned useless;
} keeper;

struct end {
	int signal; /* 0: it ended itself, with this status */
	int status;
};

void keeper_ready(void)
{
	life->ready = true;
}

void keeper_useful(void)
{
	life->useful = true;
}

/* The host has closed its end within this time. */
static bool host_left(int ms)
{
	struct pollfd pollfd = {.fd = keeper.socket};

	return poll(&pollfd, 1, ms) > 0;
}

static struct end wait_for(pid_t pid)
{
	int status;

	if (pid < 0) {
		log_limited(LOG_LEVEL_ERROR, "no process: %s", strerror(errno));
		return (struct end){.status = EXIT_FAILURE};
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return (struct end){.status = EXIT_FAILURE};
	return WIFSIGNALED(status) ? (struct end){.signal = WTERMSIG(status)}
				   : (struct end){.status = WEXITSTATUS(status)};
}

static const char *describe(const struct end *end, char text[END_TEXT])
{
	if (end->signal)
		snprintf(text, END_TEXT, "by signal %d (%s)", end->signal, strsignal(end->signal));
	else
		snprintf(text, END_TEXT, "with status %d", end->status);
	return text;
}

/* How long to wait before the next one. */
static int count(int64_t lasted_ms)
{
	if (life->useful || lasted_ms >= LONG_MS)
		keeper.useless = 0;
	if (!life->useful)
		keeper.useless++;
	return keeper.useless < 2 ? 0 : keeper.pause_ms << (keeper.useless - 2);
}

/* Returns when another one is to be started. */
static void handle_end(const struct end *end, int64_t lasted_ms)
{
	char text[END_TEXT];

	keeper.was_ready |= life->ready;
	if (end->signal == 0 && (end->status == EXIT_SUCCESS || !keeper.was_ready))
		_exit(end->status);
	if (host_left(0))
		_exit(EXIT_SUCCESS);
	int pause_ms = count(lasted_ms);
	if (keeper.useless >= MAX_USELESS) {
		log_err("the process that starts workers of 3D contexts has ended %u times before "
			"it had started one, now %s: there is no 3D until wayferry-host is "
			"restarted (journalctl -k says whether memory ran out)",
			keeper.useless, describe(end, text));
		_exit(EXIT_FAILURE);
	}
	log_limited(LOG_LEVEL_WARN,
		"the process that starts workers of 3D contexts ended %s, and all of them with it: "
		"another one is started, for new contexts",
		describe(end, text));
	if (host_left(pause_ms))
		_exit(EXIT_SUCCESS);
}

static void begin_to_serve(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* 0: it is outside of this process namespace. */
	if (getppid() != parent && getppid() != 0)
		_exit(EXIT_FAILURE);
	madvise(life, sizeof(*life), MADV_DONTFORK);
}

void keeper_run(int socket, pid_t (*start)(void), int pause_ms)
{
	const pid_t own = getpid();

	keeper.socket = socket;
	keeper.pause_ms = pause_ms;
	signal(SIGCHLD, SIG_DFL);
	life = mmap(NULL, sizeof(*life), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (life == MAP_FAILED) {
		log_err("no memory: %s", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	for (;;) {
		life->ready = life->useful = false;
		int64_t began_ms = monotonic_ms();
		pid_t pid = start();
		if (pid == 0) {
			begin_to_serve(own);
			return;
		}
		const struct end end = wait_for(pid);
		handle_end(&end, monotonic_ms() - began_ms);
	}
}
