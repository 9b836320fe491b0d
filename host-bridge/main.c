/* wayferry-host: one virtual machine's virtio-gpu device, and its guests' way to the compositor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "host-bridge/config.h"
#include "host-bridge/confine/connector.h"
#include "host-bridge/cross_domain/compositor.h"
#include "host-bridge/doctor.h"
#include "host-bridge/gpu/device.h"
#include "host-bridge/resources/quota.h"
#include "host-bridge/kinds.h"
#include "host-bridge/policy/policy.h"
#include "host-bridge/render/renderer.h"
#include "host-bridge/sandbox.h"
#include "host-bridge/virtio/udmabuf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/program/options.h"
#include "protocol/program/service.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "host"

#define EXIT_USAGE 2
#define REGION_BYTES (1ull << 30)
#define REGION_BYTES_MIN (1ull << 20)
#define REGION_BYTES_MAX (1ull << 40)

struct host_options {
	const char *config, *socket, *fd, *wayland_display, *vm, *clipboard, *renderer,
		*renderer_program, *render_node, *window_size, *log_level, *trace, *sandbox;
	bool print_capabilities, stats, no_sandbox, doctor;
};

struct host {
	const char *socket_path; /* NULL: socket_fd */
	int socket_fd;
	uint64_t region_bytes;
	bool print_capabilities, stats, doctor, wants_renderer;
	enum sandbox_mode sandbox;
	struct renderer_config renderer_config;
	char renderer_program[PATH_MAX];
	struct renderer *renderer;
	struct kinds kinds;
	struct policy policy;
	struct wl_event_loop *loop;
	struct wl_event_source *signals[3];
	struct device *device;
	struct service service;
	bool quit;
};

/* Prints what is wrong with the value of an option. Returns false. */
static bool refuse(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "wayferry-host: --%s %s: %s\nTry 'wayferry-host --help'.\n", option, value,
		why);
	return false;
}

static bool parse_command_line(struct host_options *options, struct policy *policy, int argc,
	char **argv, int *exit_status)
{
	const struct option_description table[] = {
		{"config", "FILE",
			"Read options, and restrictions of the policy, from this file of ini form. "
			"By default, with --vm NAME, that is $XDG_CONFIG_HOME/wayferry/NAME.conf "
			"(else in ~/.config), if there is one.",
			.value = &options->config},
		{"socket", "PATH",
			"Listen on this Unix socket for the virtual machine monitor, or for "
			"wayferry-guest --vhost-user. The socket is made with mode 0600 and "
			"removed at exit. A socket that nobody answers on any more is replaced.",
			.value = &options->socket},
		{"fd", "N",
			"Serve the listening Unix socket that was passed as this file descriptor. "
			"With neither --socket nor --fd it is the one that systemd passed "
			"(LISTEN_FDS).",
			.value = &options->fd},
		{"wayland-display", "NAME",
			"The host compositor's socket: an absolute path, or a name in "
			"$XDG_RUNTIME_DIR. By default $WAYLAND_DISPLAY, else wayland-0. It need "
			"not be there yet when wayferry-host starts.",
			.value = &options->wayland_display},
		{"vm", "NAME",
			"The machine's name. Titles of its windows then read \"[NAME] TITLE\", "
			"and application ids wayferry.NAME.APP_ID. At most 64 letters, digits, "
			"'-' and '_'.",
			.value = &options->vm},
		{"clipboard", "WAYS",
			"Which ways clipboards, primary selections and drags go: both (the "
			"default), to-host, to-guest or none. Without to-guest, the machine's own "
			"windows cannot paste from each other either.",
			.value = &options->clipboard},
		{"renderer", "KINDS",
			"What renders 3D for the guest: none (the default), or a list of virgl "
			"(OpenGL) and venus (Vulkan). Each 3D context gets a process of its own.",
			.value = &options->renderer},
		{"render-node", "PATH",
			"The GPU that the renderer uses (default: what Mesa finds; without a GPU "
			"that is llvmpipe, on the processor).",
			.value = &options->render_node},
		{"renderer-program", "PATH",
			"The program of these processes (default: wayferry-renderer beside this "
			"program, or where it was installed).",
			.value = &options->renderer_program},
		{"window-size", "BYTES",
			"Size of the host-visible region, the memory that the guest's buffers "
			"share with the host: a power of two from 1M to 1T, with K, M, G or T "
			"behind it (default: 1G). It costs address space; memory only as far as "
			"buffers fill it. wl_shm reaches the first 2G of it.",
			.value = &options->window_size},
		{"print-capabilities", NULL,
			"Print what a guest would be offered, line by line: the device, the "
			"compositor, and which of its interfaces the policy allows. Then exit.",
			.flag = &options->print_capabilities},
		{"log-level", "LEVEL",
			"How much to say on standard error: error, warn, info (the default), "
			"debug or trace.",
			.value = &options->log_level, .common = true},
		{"trace", "SIDES",
			"Print every Wayland message on standard error, as WAYLAND_DEBUG does, if "
			"SIDES (a list with commas) has host in it. Titles, file names and other "
			"texts of guests are in there.",
			.value = &options->trace, .common = true},
		{"stats", NULL,
			"Print the counters at exit, as SIGUSR1 does at any time: \"name value\" "
			"lines on standard error.",
			.flag = &options->stats, .common = true},
		{"sandbox", "MODE",
			"How wayferry-host and its renderers confine themselves once they have "
			"started: on (the default) takes every step that this machine offers and "
			"says which ones it does not, require starts only where it offers all of "
			"them, off keeps all rights, for debugging.",
			.value = &options->sandbox},
		{"no-sandbox", NULL, "As --sandbox=off, where there is no --sandbox.",
			.flag = &options->no_sandbox},
		{0},
	};
	struct config config = {.path = &options->config,
		.vm = &options->vm,
		.policy = policy,
		.quota = policy->quota};
	const struct options_program program = {
		.name = "wayferry-host",
		.usage = "--socket PATH | --fd N [OPTION...]\n       wayferry-host doctor "
			 "[OPTION...]",
		.summary = "Serves one virtual machine's virtio-gpu device (vhost-user), and "
			   "carries the Wayland of its guests to the host compositor, under a "
			   "policy.\n\nRuns until SIGTERM or SIGINT. When the machine leaves, the "
			   "next may come. Exit status: 0, 1 for failures, 2 for a wrong command "
			   "line.",
		.options = table,
		.command = "doctor",
		.command_help = "Looks for what is missing on this machine, line by line, and says "
				"how to mend it. Exit status: 0 when guests would have windows, "
				"else 1. Heeds --wayland-display, --socket and --vm.",
		.command_given = &options->doctor,
		.read_file = config_read,
		.file_data = &config,
	};
	int first;
	enum options_result result = options_parse(&program, argc, argv, &first);

	*exit_status = result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
	if (result != OPTIONS_RUN)
		return false;
	if (first < argc) {
		fprintf(stderr,
			"wayferry-host: unexpected argument '%s'\nTry 'wayferry-host --help'.\n",
			argv[first]);
		return false;
	}
	return true;
}

static bool apply_logging(const struct host_options *options)
{
	static const char *const sides[] = {"guest", "host", NULL};
	enum log_level level = LOG_LEVEL_INFO;

	if (options->log_level && !log_level_from_name(options->log_level, &level))
		return refuse("log-level", options->log_level,
			"not one of error, warn, info, debug and trace");
	log_set_level(level);
	int trace = options_list_has(options->trace, sides, "host");
	if (trace < 0)
		return refuse("trace", options->trace, "may have host and guest in it");
	relay_set_trace(trace > 0);
	return true;
}

/* The number of a listening Unix socket, or -1. */
static int parse_socket_fd(const char *text)
{
	char *end;

	errno = 0;
	long fd = strtol(text, &end, 10);
	if (errno || end == text || *end || fd < 0 || fd > INT32_MAX ||
		!service_socket_listens((int)fd))
		return -1;
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return (int)fd;
}

static bool apply_socket(struct host *host, const struct host_options *options)
{
	if (options->socket && options->fd)
		return refuse("fd", options->fd, "there is --socket already");
	if (options->socket) {
		if (strlen(options->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return refuse("socket", options->socket, "too long for a socket's path");
		host->socket_path = options->socket;
		return true;
	}
	if (options->fd) {
		host->socket_fd = parse_socket_fd(options->fd);
		return host->socket_fd >= 0 ||
			refuse("fd", options->fd, "not a listening Unix socket");
	}
	host->socket_fd = service_listen_fd();
	if (host->socket_fd >= 0)
		return true;
	if (host->print_capabilities || host->doctor)
		return true;
	fprintf(stderr,
		"wayferry-host: needs --socket PATH or --fd N\nTry 'wayferry-host --help'.\n");
	return false;
}

/* Beside this program (in a build tree, below its directory), or where it was installed. */
static void find_renderer_program(struct host *host)
{
	static const char *const beside[] = {
		"wayferry-renderer", "render/worker/wayferry-renderer"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');

	for (size_t i = 0; i < ARRAY_LENGTH(beside) && slash; i++) {
		slash[1] = 0;
		int size = snprintf(host->renderer_program, sizeof(host->renderer_program), "%s%s",
			self, beside[i]);
		if (size < (int)sizeof(host->renderer_program) &&
			access(host->renderer_program, X_OK) == 0)
			return;
	}
	snprintf(host->renderer_program, sizeof(host->renderer_program), "%s",
		WAYFERRY_LIBEXECDIR "/wayferry-renderer");
}

static bool apply_renderer(struct host *host, const struct host_options *options)
{
	static const char *const kinds[] = {"none", "virgl", "venus", NULL};
	struct renderer_config *config = &host->renderer_config;

	int none = options_list_has(options->renderer, kinds, "none");
	if (none < 0)
		return refuse("renderer", options->renderer,
			"may have virgl and venus in it, or be none");
	for (enum renderer_kind kind = 0; kind < RENDERER_N_KINDS; kind++)
		config->kinds[kind] =
			options_list_has(options->renderer, kinds, renderer_kind_name(kind)) > 0;
	host->wants_renderer =
		config->kinds[RENDERER_KIND_VIRGL] || config->kinds[RENDERER_KIND_VENUS];
	if (none && host->wants_renderer)
		return refuse("renderer", options->renderer, "none, and others besides");
	if (options->render_node && !host->wants_renderer)
		return refuse(
			"render-node", options->render_node, "has no effect without --renderer");
	config->sandbox = host->sandbox;
	config->render_node = options->render_node;
	config->log_level = options->log_level ? options->log_level : "info";
	config->program = options->renderer_program;
	if (!config->program) {
		find_renderer_program(host);
		config->program = host->renderer_program;
	}
	return true;
}

static bool apply_clipboard(struct policy *policy, const char *ways)
{
	static const struct {
		const char *ways;
		bool to_host, to_guest;
	} words[] = {
		{"both", true, true},
		{"to-host", true, false},
		{"to-guest", false, true},
		{"none", false, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		if (strcmp(ways ? ways : "both", words[i].ways) == 0) {
			policy->refuse_clipboard_to_host = !words[i].to_host;
			policy->refuse_clipboard_to_guest = !words[i].to_guest;
			return true;
		}
	}
	return refuse("clipboard", ways, "not one of both, to-host, to-guest and none");
}

static bool apply_options(struct host *host, const struct host_options *options)
{
	unsigned long long region_bytes = REGION_BYTES;

	host->print_capabilities = options->print_capabilities;
	host->stats = options->stats;
	host->doctor = options->doctor;
	host->sandbox = options->no_sandbox ? SANDBOX_OFF : SANDBOX_ON;
	if (options->sandbox && !sandbox_mode_from_name(options->sandbox, &host->sandbox))
		return refuse("sandbox", options->sandbox, "not one of on, require and off");
	host->policy.wayland_display = options->wayland_display;
	host->policy.vm_name = options->vm;
	if (options->vm && !policy_vm_name_good(options->vm))
		return refuse("vm", options->vm, "not 1 to 64 letters, digits, '-' and '_'");
	if (!apply_clipboard(&host->policy, options->clipboard) || !apply_renderer(host, options))
		return false;
	if (options->window_size &&
		(!options_parse_bytes(options->window_size, &region_bytes) ||
			region_bytes < REGION_BYTES_MIN || region_bytes > REGION_BYTES_MAX ||
			(region_bytes & (region_bytes - 1)) != 0))
		return refuse(
			"window-size", options->window_size, "not a power of two from 1M to 1T");
	host->region_bytes = region_bytes;
	return apply_logging(options) && apply_socket(host, options);
}

static void print_capabilities(const struct host *host)
{
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(&host->policy, path);

	printf("version %s\n", WAYFERRY_VERSION);
	printf("device virtio-gpu\n");
	printf("renderer %s\n",
		renderer_n_capsets(host->renderer) > 0 ? "libvirglrenderer" : "none");
	printf("window-bytes %llu\n", (unsigned long long)host->region_bytes);
	int udmabuf = udmabuf_open();
	printf("udmabuf %s\n", udmabuf < 0 ? strerror(-udmabuf) : "works");
	fd_close(&udmabuf);
	printf("capset %d cross-domain, channels: wayland\n", CROSS_DOMAIN_CAPSET_ID);
	for (size_t i = 0; i < renderer_n_capsets(host->renderer); i++) {
		const struct renderer_capset *capset = renderer_capset_at(host->renderer, i);
		printf("capset %u %s, %u bytes\n", capset->id, renderer_kind_name(capset->kind),
			capset->size);
	}
	printf("compositor %s: %s\n", path[0] ? path : "no $XDG_RUNTIME_DIR",
		fd < 0 ? strerror(-fd) : "answers");
	fd_close(&fd);
	policy_print(&host->policy);
	quota_print(host->policy.quota, stdout);
}

static void print_stats(const struct host *host)
{
	device_print_stats(host->device, stderr);
	policy_print_counters(&host->policy, stderr);
	quota_print(host->policy.quota, stderr);
}

static int handle_signal(int number, void *data)
{
	struct host *host = data;

	if (number == SIGUSR1)
		print_stats(host);
	else
		host->quit = true;
	return 0;
}

/* Each guest client needs several fds; the usual soft limit of 1024 is soon reached. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void probe_compositor(const struct host *host)
{
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(&host->policy, path);

	if (fd < 0)
		log_warn("no compositor at %s yet (%s): guests are refused until there is one",
			path[0] ? path : "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY", strerror(-fd));
	fd_close(&fd);
}

/* First of all, so that it inherits no fds. */
static bool open_renderer(struct host *host)
{
	if (host->wants_renderer)
		host->renderer = renderer_create(&host->renderer_config);
	return host->renderer || !host->wants_renderer;
}

static bool open_host(struct host *host)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};

	if (!open_renderer(host))
		return false;
	raise_fd_limit();
	host->loop = wl_event_loop_create();
	if (!host->loop) {
		log_err("no event loop: %s", strerror(errno));
		return false;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
		host->signals[i] =
			wl_event_loop_add_signal(host->loop, signals[i], handle_signal, host);
		if (!host->signals[i])
			return false;
	}
	kinds_init(&host->kinds, &host->policy, host->renderer);
	if (!service_watch(&host->service, host->loop))
		return false;
	const struct device_config config = {
		.loop = host->loop,
		.socket_path = host->socket_path,
		.socket_fd = host->socket_fd,
		.kinds = host->kinds.list,
		.n_kinds = host->kinds.n,
		.quota = host->policy.quota,
		.region_bytes = host->region_bytes,
		.udmabuf = true,
	};
	host->socket_fd = -1; /* device_create takes it */
	host->device = device_create(&config);
	if (!host->device)
		return false;
	probe_compositor(host);
	return true;
}

/* What is opened or connected from here on comes from the connector. */
static bool confine_host(struct host *host)
{
	struct sockaddr_un compositor;
	bool has_compositor = compositor_address(&host->policy, &compositor) == 0;

	int error = connector_start(has_compositor ? &compositor : NULL, host->socket_path,
		host->sandbox != SANDBOX_OFF);
	if (error < 0) {
		log_err("no process that connects: %s", strerror(-error));
		return false;
	}
	return sandbox_enter(host->sandbox);
}

static bool run_host(struct host *host)
{
	service_notify(&host->service, "READY=1\nSTATUS=Serving %s",
		host->policy.vm_name ? host->policy.vm_name : "a machine without a name");
	while (!host->quit) {
		if (wl_event_loop_dispatch(host->loop, -1) < 0 && errno != EINTR) {
			log_err("waiting for events: %s", strerror(errno));
			return false;
		}
	}
	return true;
}

static void close_host(struct host *host)
{
	service_notify(&host->service, "STOPPING=1");
	if (host->device && host->stats)
		print_stats(host);
	device_destroy(host->device);
	connector_finish(true);
	renderer_destroy(host->renderer);
	for (size_t i = 0; i < ARRAY_LENGTH(host->signals); i++) {
		if (host->signals[i])
			wl_event_source_remove(host->signals[i]);
	}
	service_close(&host->service);
	if (host->loop)
		wl_event_loop_destroy(host->loop);
	policy_finish(&host->policy);
	fd_close(&host->socket_fd);
}

int main(int argc, char **argv)
{
	struct host_options options = {0};
	struct vm_quota quota;
	struct host host = {.socket_fd = -1, .policy.quota = &quota};
	int exit_status;

	quota_init(&quota);
	if (!parse_command_line(&options, &host.policy, argc, argv, &exit_status))
		return exit_status;
	if (!apply_options(&host, &options))
		return EXIT_USAGE;
	service_open(&host.service);
	if (!policy_init(&host.policy)) {
		log_err("no memory for the policy");
		return EXIT_FAILURE;
	}
	if (host.doctor) {
		const struct host_doctor_settings settings = {
			.policy = &host.policy,
			.socket_path = host.socket_path,
			.renderer = &host.renderer_config,
			.wants_renderer = host.wants_renderer,
			.sandbox = host.sandbox,
		};
		exit_status = host_doctor_run(&settings, stdout);
	} else if (host.print_capabilities) {
		exit_status = open_renderer(&host) ? EXIT_SUCCESS : EXIT_FAILURE;
		if (exit_status == EXIT_SUCCESS)
			print_capabilities(&host);
	} else {
		bool good = open_host(&host) && confine_host(&host) && run_host(&host);
		exit_status = good ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	close_host(&host);
	return exit_status;
}
