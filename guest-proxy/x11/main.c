/* wayferry-x11: X11 applications as windows of $WAYLAND_DISPLAY's desktop. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-proxy/x11/life.h"
#include "guest-proxy/x11/server.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/unix_socket.h"
#include "protocol/program/options.h"
#include "protocol/program/service.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define EXIT_USAGE 2
#define DPI_MAX 2400

struct settings {
	const char *display, *wayland_display, *scale, *dpi, *xwayland, *log_level, *trace;
	bool check, stats;
	char **command; /* NULL: none */
};

struct x11 {
	struct settings settings;
	struct session_settings session_settings;
	int number; /* of the display; -1: the first free one */
	struct wl_event_loop *loop;
	struct wl_event_source *signals[4];
	struct server *server;
	struct life *life; /* NULL: no Xwayland runs */
	struct session_counters past;
	struct service service;
	int passed; /* sockets that the service manager passed, or -errno */
	int passed_fds[SERVER_SOCKETS];
	pid_t command;
	int status;
	bool running;
};

/* What the command line and the environment say. */
static struct settings given;

static const struct option_description options[] = {
	{"display", "NUMBER", "Number of the X display. Default: the first that is free.",
		.value = &given.display},
	{"check", NULL,
		"Only take the display and give it back: the exit status is 0 if it was "
		"free.",
		.flag = &given.check},
	{"wayland-display", "NAME",
		"The compositor: a name in $XDG_RUNTIME_DIR or an absolute path. Default: "
		"$WAYLAND_DISPLAY, else wayland-0.",
		.value = &given.wayland_display},
	{"scale", "FACTOR",
		"How many X pixels a unit of the desktop has, 1 to 8. Default: as many as "
		"the screen with the most, so that nothing is blurred. With 1 the "
		"compositor enlarges the windows.",
		.value = &given.scale},
	{"dpi", "NUMBER", "The size of texts at scale 1. Default: 96.", .value = &given.dpi},
	{"xwayland", "PATH", "The X server. Default: Xwayland, found in $PATH.",
		.value = &given.xwayland},
	{"log-level", "LEVEL",
		"How much to say on standard error: error, warn, info (the default), debug or "
		"trace.",
		.value = &given.log_level, .common = true},
	{"trace", "SIDES",
		"Print every Wayland message on standard error, as WAYLAND_DEBUG does, if "
		"SIDES (a list with commas) has x11 in it.",
		.value = &given.trace, .common = true},
	{"stats", NULL,
		"Print the counters at exit, as SIGUSR1 does at any time: \"name value\" lines on "
		"standard error.",
		.flag = &given.stats, .common = true},
	{0},
};

static const struct options_program program = {
	.name = "wayferry-x11",
	.usage = "[OPTION...] [-- COMMAND [ARGUMENT...]]",
	.summary = "An X11 display whose windows are windows of the Wayland desktop. "
		   "Xwayland starts with the first client and ends after the last. With a "
		   "COMMAND it runs until that ends and exits with its status.",
	.options = options,
};

static bool parse(struct settings *settings, int argc, char **argv, int *status)
{
	int first = argc;
	enum options_result result = options_parse(&program, argc, argv, &first);
	*status = result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
	if (result != OPTIONS_RUN)
		return false;
	*settings = given;
	return options_take_command(argc, argv, first, &settings->command);
}

/* @text as a number of [@least, @most]; NULL leaves *@value as it is. */
static bool parse_number(
	const char *name, const char *text, double least, double most, double *value)
{
	char *end = NULL;
	if (!text)
		return true;
	*value = strtod(text, &end);
	if (*end == '\0' && end != text && *value >= least && *value <= most)
		return true;
	log_err("--%s must be a number from %g to %g, not %s", name, least, most, text);
	return false;
}

static bool apply(struct x11 *x11)
{
	struct settings *settings = &x11->settings;
	double scale = 0, dpi = 0, number = -1;
	bool traces;
	if (!options_apply_logging(settings->log_level, settings->trace, "x11", &traces) ||
		!parse_number("scale", settings->scale, 1, SCALE_MAX / (double)SCALE_ONE, &scale) ||
		!parse_number("dpi", settings->dpi, 24, DPI_MAX, &dpi) ||
		!parse_number("display", settings->display, 0, 65535, &number))
		return false;
	x11->session_settings.scale = (uint32_t)lround(scale * SCALE_ONE);
	x11->session_settings.dpi = (uint32_t)lround(dpi);
	x11->number = (int)number;
	if (!settings->xwayland)
		settings->xwayland = "Xwayland";
	relay_set_trace(traces);
	return true;
}

/* Lives of Xwayland */

/* A connection to the compositor, or -errno. */
static int connect_wayland(const char *name)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	char path[PATH_MAX];
	if (!name)
		name = getenv("WAYLAND_DISPLAY");
	if (!name || !*name)
		name = "wayland-0";
	if (*name != '/' && !directory)
		return -ENOENT;
	if (*name == '/')
		return unix_connect(name, SOCK_STREAM);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return -ENAMETOOLONG;
	return unix_connect(path, SOCK_STREAM);
}

static void end_life(struct x11 *x11, const char *why)
{
	if (!x11->life)
		return;
	const struct session_counters *counters = &life_session(x11->life)->counters;
	log_debug("the end: %s", why);
	x11->past.commits += counters->commits;
	x11->past.windows += counters->windows;
	x11->past.copied_bytes += counters->copied_bytes;
	life_destroy(x11->life);
	x11->life = NULL;
}

static void handle_wanted(void *data)
{
	struct x11 *x11 = data;
	int pair[2] = {-1, -1};
	int up = connect_wayland(x11->settings.wayland_display);
	if (up < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_limited(LOG_LEVEL_ERROR, "cannot reach the compositor: %s",
			strerror(up < 0 ? -up : errno));
		fd_close(&up);
		server_refuse(x11->server);
		return;
	}
	x11->life = life_create(x11->loop, &x11->session_settings, up, pair[0]);
	int result = x11->life ? server_start(x11->server, pair[1]) : -ENOMEM;
	fd_close(&pair[1]);
	if (result == 0)
		return;
	log_limited(LOG_LEVEL_ERROR, "cannot start Xwayland: %s", strerror(-result));
	life_destroy(x11->life);
	x11->life = NULL;
	server_refuse(x11->server);
}

static void handle_ready(void *data, int wm_fd)
{
	struct x11 *x11 = data;
	if (!x11->life) {
		fd_close(&wm_fd);
	} else if (life_manage(x11->life, wm_fd) < 0) {
		end_life(x11, "Xwayland takes no window manager");
		server_stop(x11->server);
	}
}

/* False when there is more to do at once. */
static bool settle(struct x11 *x11)
{
	bool more = false;
	const char *over = x11->life ? life_settle(x11->life, &more) : NULL;
	if (over) {
		end_life(x11, over);
		server_stop(x11->server);
	}
	return !more;
}

static void print_counters(const struct x11 *x11)
{
	struct session_counters sum = x11->past;
	const struct session *session = x11->life ? life_session(x11->life) : NULL;
	if (session) {
		sum.commits += session->counters.commits;
		sum.windows += session->counters.windows;
		sum.copied_bytes += session->counters.copied_bytes;
	}
	fprintf(stderr,
		"commits %" PRIu64 "\nwindows %" PRIu64 "\ncopied_bytes %" PRIu64
		"\nwindows_now %u\nreplies_awaited %u\n",
		sum.commits, sum.windows, sum.copied_bytes, session ? session->windows.count : 0,
		session ? session->replies.count : 0);
}

/* The process */

static void reap(struct x11 *x11)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (server_child_ended(x11->server, pid, status)) {
			end_life(x11, "no longer wanted");
		} else if (pid == x11->command) {
			x11->command = 0;
			x11->status =
				WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
			x11->running = false;
		}
	}
}

static int handle_signal(int number, void *data)
{
	struct x11 *x11 = data;
	if (number == SIGUSR1)
		print_counters(x11);
	else if (number == SIGCHLD)
		reap(x11);
	else if (x11->command > 0)
		kill(x11->command, number);
	else
		x11->running = false;
	return 0;
}

/* 0 or -errno. */
static int run_command(struct x11 *x11)
{
	x11->command = fork();
	if (x11->command < 0)
		return -errno;
	if (x11->command > 0)
		return 0;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("DISPLAY", server_display(x11->server), 1);
	execvp(x11->settings.command[0], x11->settings.command);
	log_err("cannot run %s: %s", x11->settings.command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static struct server *open_server(struct x11 *x11, const struct server_listener *listener)
{
	const char *xwayland = x11->settings.xwayland;
	if (x11->passed == -ENOENT)
		return server_create(x11->loop, x11->number, xwayland, listener);
	if (x11->passed == SERVER_SOCKETS)
		return server_adopt(x11->loop, x11->passed_fds, xwayland, listener);
	log_err("the service manager has to pass the display's path and its abstract name");
	return NULL;
}

static bool open_all(struct x11 *x11)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGCHLD};
	static struct server_listener listener = {.wanted = handle_wanted, .ready = handle_ready};
	signal(SIGPIPE, SIG_IGN);
	x11->loop = wl_event_loop_create();
	if (!x11->loop)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		x11->signals[i] =
			wl_event_loop_add_signal(x11->loop, numbers[i], handle_signal, x11);
	listener.data = x11;
	x11->server = open_server(x11, &listener);
	if (!x11->server)
		return false;
	if (x11->settings.check) {
		x11->running = false;
		return true;
	}
	log_info("display %s", server_display(x11->server));
	service_notify(&x11->service, "READY=1\nSTATUS=Display %s", server_display(x11->server));
	int result = x11->settings.command ? run_command(x11) : 0;
	if (result < 0)
		log_err("cannot run %s: %s", x11->settings.command[0], strerror(-result));
	return result == 0;
}

static void close_all(struct x11 *x11)
{
	service_notify(&x11->service, "STOPPING=1");
	if (x11->settings.stats)
		print_counters(x11);
	end_life(x11, "no longer wanted");
	server_destroy(x11->server);
	for (size_t i = 0; i < ARRAY_LENGTH(x11->signals); i++)
		event_source_remove(&x11->signals[i]);
	if (x11->loop)
		wl_event_loop_destroy(x11->loop);
	service_close(&x11->service);
}

int main(int argc, char **argv)
{
	struct x11 x11 = {.running = true};
	int status;
	if (!parse(&x11.settings, argc, argv, &status))
		return status;
	if (!apply(&x11))
		return EXIT_USAGE;
	service_open(&x11.service);
	x11.passed = service_listen_fds(x11.passed_fds, SERVER_SOCKETS);
	if (!open_all(&x11)) {
		close_all(&x11);
		return EXIT_FAILURE;
	}
	bool idle = true;
	while (x11.running &&
		(wl_event_loop_dispatch(x11.loop, idle ? -1 : 0) >= 0 || errno == EINTR))
		idle = settle(&x11);
	close_all(&x11);
	return x11.status;
}
