/* wayferry-guest: the Wayland compositor that applications of a guest connect to. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "guest-proxy/admission/refusal.h"
#include "guest-proxy/clients/clients.h"
#include "guest-proxy/clients/listener.h"
#include "guest-proxy/clients/window_watch.h"
#include "guest-proxy/command/child.h"
#include "guest-proxy/doctor/doctor.h"
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"
#include "guest-proxy/gpu/virtgpu/gpu_virtgpu.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/program/options.h"
#include "protocol/program/service.h"
#include "protocol/program/user_unit.h"
#include "protocol/relay/relay.h"

#define LOG_MODULE "guest"
#include "protocol/base/log.h"
#include "protocol/streams/shared_write.h"

#define EXIT_USAGE 2
#define FINISH_MS                                                                                  \
	3000 /* for what is to be done when the command has ended, besides clients that linger */

/* Found in $PATH. Not const: it becomes a word of a command line. */
static char x11_program[] = "wayferry-x11";
#define X11_WORDS 2 /* it and "--", before the command */

#define WINDOW_MS 10000 /* then a line says that the command shows nothing */

struct settings {
	const char *socket, *device, *vhost_user, *log_level, *trace;
	bool stats, x11, keep_environment, undo;
	const struct options_command *subcommand; /* NULL: none, as is COMMAND */
	const char *subcommand_argument;
	char **command;
};

struct guest {
	struct settings settings;
	struct rlimit files; /* as we found it */
	struct wl_event_loop *loop;
	struct wl_event_source *signals[4];
	struct gpu *gpu;
	struct clients *clients;
	struct service service;
	int passed_fd; /* systemd's socket, as we found it; -1: none */
	struct listener *listener;
	struct child child;
	struct window_watch watch; /* for the child's window */
	bool running, died;
};

static int run_doctor(void *data)
{
	const struct settings *settings = data;
	const struct doctor_settings doctor = {
		.socket = settings->socket,
		.device = settings->device,
		.vhost_user = settings->vhost_user,
	};
	return doctor_run(&doctor, stdout);
}

static int run_setup(void *data)
{
	const struct settings *settings = data;

	if (!user_unit_enable("wayferry-guest.socket", !settings->undo))
		return EXIT_FAILURE;
	if (!settings->undo)
		printf("From the next login on applications find it in $WAYLAND_DISPLAY; in a "
		       "shell of now:\n"
		       "  export WAYLAND_DISPLAY=wayferry-0\n");
	return EXIT_SUCCESS;
}

static const struct options_command subcommands[] = {
	{"doctor", NULL,
		"Looks for what is missing on this machine, line by line, and says how to mend it. "
		"Exit status: 0 when applications would have windows, else 1. Heeds --device, "
		"--vhost-user and --socket.",
		run_doctor},
	{"setup", NULL,
		"Has the user's service manager listen for applications, now and from each login "
		"on; --undo takes that back.",
		run_setup},
	{0},
};

/* What the command line and the environment say. */
static struct settings given;

static const struct option_description options[] = {
	{"socket", "NAME",
		"Name (in $XDG_RUNTIME_DIR) or absolute path of the display's socket. "
		"Default: the socket passed by systemd, else the first free one of "
		"wayland-0, wayland-1, ... (with --vhost-user wayferry-1, wayferry-2, ...).",
		.value = &given.socket},
	{"device", "PATH",
		"Render node of the virtio-gpu device. Default: the first one with "
		"cross-domain contexts.",
		.value = &given.device},
	{"vhost-user", "PATH",
		"Drive the device of wayferry-host behind this socket, without a virtual "
		"machine.",
		.value = &given.vhost_user},
	{"x11", NULL, "COMMAND is an X11 application: run it by way of wayferry-x11.",
		.flag = &given.x11},
	{"keep-environment", NULL,
		"COMMAND gets this environment as it is, but for WAYLAND_DISPLAY. By "
		"default DISPLAY and what else would lead it to another display is taken "
		"out, and toolkits are told to use Wayland.",
		.flag = &given.keep_environment},
	{"log-level", "LEVEL",
		"How much to say on standard error: error, warn, info (the default), debug or "
		"trace.",
		.value = &given.log_level, .common = true},
	{"trace", "SIDES",
		"Print every Wayland message on standard error, as WAYLAND_DEBUG does, if "
		"SIDES (a list with commas) has guest in it.",
		.value = &given.trace, .common = true},
	{"stats", NULL,
		"Print the counters at exit, as SIGUSR1 does at any time: \"name value\" lines on "
		"standard error.",
		.flag = &given.stats, .common = true},
	{"undo", NULL, "Of setup: take back what it has done.", .flag = &given.undo,
		.of_command = true},
	{0},
};

static const struct options_program program = {
	.name = "wayferry-guest",
	.usage = "[OPTION...] [-- COMMAND [ARGUMENT...]]\n"
		 "       wayferry-guest doctor | setup [OPTION...]",
	.summary = "A Wayland display for the applications of a virtual machine, whose "
		   "windows appear on the host's "
		   "desktop. With a COMMAND it runs until that ends and exits with its "
		   "status.",
	.options = options,
	.commands = subcommands,
	.command = &given.subcommand,
	.command_argument = &given.subcommand_argument,
};

/* False: there is nothing to run, and *@status is what to exit with. */
static bool parse(struct settings *settings, int argc, char **argv, int *status)
{
	int first = argc;
	enum options_result result = options_parse(&program, argc, argv, &first);
	if (result != OPTIONS_RUN) {
		*status = result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
		return false;
	}
	*status = EXIT_USAGE;
	*settings = given;
	if (!options_take_command(argc, argv, first, &settings->command))
		return false;
	if (settings->x11 && !settings->command) {
		log_err("--x11 needs a command (after --; see --help)");
		return false;
	}
	if (settings->keep_environment && !settings->command) {
		log_err("--keep-environment needs a command (after --; see --help)");
		return false;
	}
	if (settings->x11) {
		/* Its command line: both words in front of the command are read already. */
		settings->command = &argv[first - X11_WORDS];
		settings->command[0] = x11_program;
	}
	if (settings->command && settings->subcommand) {
		log_err("%s runs no command (see --help)", settings->subcommand->name);
		return false;
	}
	return true;
}

/* False (with a log line): a value is wrong. */
static bool apply(const struct settings *settings)
{
	bool traces;

	if (!options_apply_logging(settings->log_level, settings->trace, "guest", &traces))
		return false;
	if (settings->device && settings->vhost_user) {
		log_err("--device and --vhost-user exclude each other");
		return false;
	}
	relay_set_trace(traces);
	return true;
}

static int handle_signal(int number, void *data)
{
	struct guest *guest = data;
	if (number == SIGUSR1)
		clients_print_counters(guest->clients, stderr);
	else if (number == SIGCHLD)
		guest->running &= !child_reap(&guest->child);
	else if (guest->child.pid > 0)
		child_signal(&guest->child, number);
	else
		guest->running = false;
	return 0;
}

/* The device is gone; the log says why. */
static void handle_death(void *data)
{
	struct guest *guest = data;
	guest->died = true;
	guest->running = false;
}

static struct gpu *open_gpu(struct guest *guest)
{
	const struct settings *settings = &guest->settings;
	if (settings->vhost_user)
		return gpu_vhost_user_open(guest->loop, settings->vhost_user);
	return gpu_virtgpu_open(guest->loop, settings->device);
}

/* Many clients, many pipes: as many fds as we may have. */
static void raise_file_limit(struct rlimit *found)
{
	if (getrlimit(RLIMIT_NOFILE, found) < 0)
		return;
	struct rlimit files = {.rlim_cur = found->rlim_max, .rlim_max = found->rlim_max};
	setrlimit(RLIMIT_NOFILE, &files);
}

static bool start_command(struct guest *guest)
{
	const struct settings *settings = &guest->settings;
	const struct child_settings command = {
		.argv = settings->command,
		.display = listener_display(guest->listener),
		.lead = settings->keep_environment ? ENVIRONMENT_KEEP
			: settings->x11            ? ENVIRONMENT_X11
						   : ENVIRONMENT_WAYLAND,
		.files = guest->files,
	};
	int result = child_start(&guest->child, &command);

	if (result < 0) {
		log_err("cannot run %s: %s", settings->command[0], strerror(-result));
		guest->child.status = result == -ENOENT ? 127 : 126;
		return false;
	}
	window_watch_start(&guest->watch, guest->loop, guest->clients,
		settings->command[settings->x11 ? X11_WORDS : 0], WINDOW_MS);
	return true;
}

static bool open_all(struct guest *guest)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGCHLD};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	raise_file_limit(&guest->files);
	guest->loop = wl_event_loop_create();
	if (!guest->loop)
		return false;
	guest->gpu = open_gpu(guest);
	if (!guest->gpu)
		return false;
	/* Not before: the device may be waited for, and what is to end us ends that. */
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		guest->signals[i] =
			wl_event_loop_add_signal(guest->loop, numbers[i], handle_signal, guest);
	signal(SIGUSR1, SIG_DFL); /* the command shall not inherit that it is ignored */
	guest->gpu->died = handle_death;
	guest->gpu->died_data = guest;
	guest->clients = clients_create(guest->loop, guest->gpu);
	if (!guest->clients) {
		log_err("no memory");
		return false;
	}
	guest->listener = listener_create(guest->loop, guest->clients, guest->settings.socket,
		guest->settings.vhost_user != NULL,
		guest->settings.socket ? -1 : fd_dup(guest->passed_fd));
	if (!guest->listener)
		return false;
	log_info("display %s, by way of %s", listener_display(guest->listener),
		guest->gpu->ops->describe(guest->gpu));
	service_notify(&guest->service, "READY=1\nSTATUS=Display %s, by way of %s",
		listener_display(guest->listener), guest->gpu->ops->describe(guest->gpu));
	return !guest->settings.command || start_command(guest);
}

/*
 * What applications wrote before they ended still goes to the host, for as long as clients that
 * have ended are kept for it (client.c bounds that). A signal ends that, too.
 */
static void finish(struct guest *guest)
{
	const int64_t deadline = monotonic_ms() + FINISH_MS;
	struct pollfd events = {.fd = wl_event_loop_get_fd(guest->loop), .events = POLLIN};

	guest->running = true;
	while (!guest->died && guest->running &&
		(clients_lingering(guest->clients) > 0 ||
			(monotonic_ms() < deadline && poll(&events, 1, 0) > 0)))
		wl_event_loop_dispatch(guest->loop, 100);
}

static void close_all(struct guest *guest, bool failed)
{
	service_notify(&guest->service, "STOPPING=1\nSTATUS=%s",
		failed ? "The device cannot be used (wayferry-guest doctor says more)" : "");
	if (failed && guest->passed_fd >= 0)
		refusal_send_to_waiting(guest->passed_fd,
			"wayferry-guest does not reach the host; wayferry-guest doctor says why");
	fd_close(&guest->passed_fd);
	window_watch_stop(&guest->watch);
	listener_destroy(guest->listener);
	if (guest->clients && guest->settings.stats)
		clients_print_counters(guest->clients, stderr);
	clients_destroy(guest->clients);
	if (guest->gpu)
		guest->gpu->ops->destroy(guest->gpu);
	for (size_t i = 0; i < ARRAY_LENGTH(guest->signals); i++)
		event_source_remove(&guest->signals[i]);
	if (guest->loop)
		wl_event_loop_destroy(guest->loop);
	service_close(&guest->service);
}

int main(int argc, char **argv)
{
	struct guest guest = {.passed_fd = -1};
	int status;

	if (!parse(&guest.settings, argc, argv, &status) || !apply(&guest.settings))
		return status;
	if (guest.settings.subcommand)
		return guest.settings.subcommand->run(&guest.settings);
	service_open(&guest.service);
	guest.passed_fd = service_listen_fd();
	if (!open_all(&guest)) {
		close_all(&guest, true);
		return guest.child.status ? guest.child.status : EXIT_FAILURE;
	}
	guest.running = true;
	shared_write_prepare();
	/* EINTR: a debugger came or went. */
	while (guest.running && (wl_event_loop_dispatch(guest.loop, -1) >= 0 || errno == EINTR))
		;
	window_watch_stop(&guest.watch);
	if (guest.settings.command)
		finish(&guest);
	close_all(&guest, guest.died);
	return guest.died ? EXIT_FAILURE : guest.child.status;
}
