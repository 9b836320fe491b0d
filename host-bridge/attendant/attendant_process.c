/*
 * The attendant's own side. It is not confined, since the user's program shall have the user's
 * rights, so what it does is little: one program at a time, beside those that were told to end,
 * and one file, whose paths it knows from the start.
 */
#include "host-bridge/attendant/attendant_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/attendant/attendant_protocol.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"

#define EXIT_NOT_RUN 127 /* as shells have it */
#define SIGNAL_STATUS 128
/* Programs that nobody waits for any more, but that have not ended: a machine can have its user
 * asked, and withdraw that, faster than they end. */
#define LEFT_MAX 8
/* How long a question stands before its program starts. Users do not see it; a machine that
 * withdraws its questions starts no programs by that, and none starts more than so often. */
#define STANDING_MS 50

struct serving {
	int socket;
	const struct attendant_config *config;
	pid_t pid;       /* of the program; 0: none runs */
	uint32_t serial; /* of the request that it runs for */
	unsigned n_left; /* programs that were withdrawn and run still */
	struct attendant_request asked;
	bool has_asked; /* and its program starts */
	int64_t due_ms; /* then */
};

/* The field of @size bytes holds a text that may be shown. */
static bool is_text(const char *field, size_t size)
{
	size_t length = strnlen(field, size);

	for (size_t i = 0; i < length; i++) {
		if (field[i] < ' ' || field[i] > '~')
			return false;
	}
	return length < size;
}

static bool is_good(const struct attendant_request *request)
{
	const struct question *question = &request->question;

	return is_text(question->direction, sizeof(question->direction)) &&
		is_text(question->kind, sizeof(question->kind)) &&
		is_text(question->type, sizeof(question->type)) &&
		is_text(question->max_bytes, sizeof(question->max_bytes)) &&
		is_text(question->text, sizeof(question->text)) &&
		memchr(request->display, 0, sizeof(request->display)) &&
		(!request->display[0] || request->display[0] == '/');
}

static void set_environment(
	const struct attendant_config *config, const struct attendant_request *request)
{
	const struct question *question = &request->question;

	setenv("WAYFERRY_MACHINE", config->machine ? config->machine : "", 1);
	setenv("WAYFERRY_DIRECTION", question->direction, 1);
	setenv("WAYFERRY_KIND", question->kind, 1);
	setenv("WAYFERRY_TYPE", question->type, 1);
	setenv("WAYFERRY_MAX_BYTES", question->max_bytes, 1);
	if (request->display[0])
		setenv("WAYLAND_DISPLAY", request->display, 1);
	unsetenv("WAYLAND_SOCKET"); /* the same for libwayland, and closed */
	unsetenv("NOTIFY_SOCKET");  /* the service is somebody else */
}

/*
 * The child's part. It has the signals of a program that is started anew, and no input. It may be
 * withdrawn already: what has come is blocked, so it counts once signals are not ignored any more.
 */
static void run_program(const struct attendant_config *config,
	const struct attendant_request *request) __attribute__((noreturn));
static void run_program(
	const struct attendant_config *config, const struct attendant_request *request)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	setpgid(0, 0); /* what it starts is ended with it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		fd_close(&null);
	}
	dup2(STDERR_FILENO, STDOUT_FILENO);
	set_environment(config, request);
	execl(config->ask_program, config->ask_program, request->question.text, (char *)NULL);
	fprintf(stderr, "wayferry-host: %s: %s\n", config->ask_program, strerror(errno));
	_exit(EXIT_NOT_RUN);
}

/* It may go on for a while, but nobody waits for it. */
static void withdraw(struct serving *serving)
{
	serving->has_asked = false;
	if (serving->pid <= 0)
		return;
	kill(-serving->pid, SIGTERM);
	serving->pid = 0;
	serving->n_left++;
}

/* 0 or -errno. */
static int take(struct serving *serving, const struct attendant_request *request)
{
	if (!is_good(request))
		return -EINVAL;
	withdraw(serving); /* nobody asks while an answer is waited for: that was not told */
	serving->asked = *request;
	serving->has_asked = true;
	serving->due_ms = monotonic_ms() + STANDING_MS;
	return 0;
}

/* 0 or -errno. */
static int start(struct serving *serving)
{
	serving->has_asked = false;
	if (serving->n_left == LEFT_MAX)
		return -EAGAIN;
	pid_t pid = fork();
	if (pid == 0)
		run_program(serving->config, &serving->asked);
	if (pid < 0)
		return -errno;
	setpgid(pid, pid); /* whoever of the two is first */
	serving->pid = pid;
	serving->serial = serving->asked.serial;
	return 0;
}

static bool reply(const struct serving *serving, uint32_t serial, int status)
{
	const struct attendant_reply message = {.serial = serial, .status = status};
	const struct iovec iov = {.iov_base = (void *)&message, .iov_len = sizeof(message)};

	return fd_send(serving->socket, &iov, 1, NULL, 0) == (ssize_t)sizeof(message);
}

/* A regular file, so that reading it takes no longer than disks do. An fd or -errno. */
static int open_file(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	fd_close(&fd);
	return -EINVAL;
}

static bool send_file(const struct serving *serving, uint32_t serial)
{
	const char *const *paths = serving->config->config_paths;
	int fd = -ENOENT, which = 0;

	for (; paths[which] && fd == -ENOENT; which++)
		fd = open_file(paths[which]);
	if (fd < 0)
		return reply(serving, serial, fd);
	const struct attendant_reply message = {.serial = serial, .status = which - 1};
	const struct iovec iov = {.iov_base = (void *)&message, .iov_len = sizeof(message)};
	bool sent = fd_send(serving->socket, &iov, 1, &fd, 1) == (ssize_t)sizeof(message);

	fd_close(&fd);
	return sent;
}

/* Who has ended: the program, or one that was withdrawn. False: nobody wants to know. */
static bool collect(struct serving *serving)
{
	bool wanted = true;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != serving->pid) {
			serving->n_left--;
			continue;
		}
		serving->pid = 0;
		wanted = reply(serving, serving->serial,
			WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_STATUS + WTERMSIG(status));
	}
	return wanted;
}

/* One request. False: the other side has left. */
static bool serve(struct serving *serving)
{
	struct attendant_request request;
	ssize_t n = fd_recv_bytes(serving->socket, &request, sizeof(request));

	if (n == -EAGAIN)
		return true;
	if (n != (ssize_t)sizeof(request))
		return false;
	if (request.type == ATTENDANT_WITHDRAW) {
		withdraw(serving);
		return true;
	}
	if (request.type == ATTENDANT_OPEN)
		return send_file(serving, request.serial);
	int error = request.type == ATTENDANT_ASK ? take(serving, &request) : -EINVAL;
	return error == 0 || reply(serving, request.serial, error);
}

static void handle_child(int number)
{
	/* ppoll returns */
}

/*
 * Signals that end others leave it: it ends when its socket does. Children's come in ppoll. The one
 * that withdraws a program is blocked outside of that, for run_program.
 */
static void set_signals(void)
{
	const struct sigaction action = {.sa_handler = handle_child, .sa_flags = SA_NOCLDSTOP};
	sigset_t blocked;

	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* What comes next: a request, the end of a program, or that the question has stood long enough,
 * which counts once no request is left. False: that was all. */
static bool serve_next(struct serving *serving, const sigset_t *signals)
{
	struct pollfd pollfd = {.fd = serving->socket, .events = POLLIN};
	const int64_t now = monotonic_ms(),
		      wait_ms = serving->due_ms > now ? serving->due_ms - now : 0;
	const struct timespec wait = {.tv_nsec = (long)wait_ms * 1000000};
	int n = ppoll(&pollfd, 1, serving->has_asked ? &wait : NULL, signals);

	if (n < 0 && errno != EINTR)
		return false;
	if (!collect(serving))
		return false;
	if (n > 0)
		return serve(serving);
	if (n < 0 || !serving->has_asked)
		return true;
	int error = start(serving);
	return error == 0 || reply(serving, serving->asked.serial, error);
}

void attendant_run(int socket, const struct attendant_config *config)
{
	struct serving serving = {.socket = socket, .config = config};
	sigset_t none;

	set_signals();
	sigemptyset(&none);
	prctl(PR_SET_NAME, "wayferry-att");
	if (socket > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0);
	close_range((unsigned)socket + 1, UINT32_MAX, 0);
	while (serve_next(&serving, &none))
		;
	withdraw(&serving);
	_exit(EXIT_SUCCESS);
}
