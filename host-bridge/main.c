/* wayferry-host: one virtual machine's virtio-gpu device, and its guests' way to the compositor. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "host-bridge/attendant/attendant.h"
#include "host-bridge/capabilities.h"
#include "host-bridge/confine/sandbox.h"
#include "host-bridge/control/control.h"
#include "host-bridge/control/control_names.h"
#include "host-bridge/display/compositor_place.h"
#include "host-bridge/display/connector.h"
#include "host-bridge/display/main_device.h"
#include "host-bridge/gpu/device.h"
#include "host-bridge/kinds.h"
#include "host-bridge/machine_report.h"
#include "host-bridge/render/renderer_images.h"
#include "host-bridge/settings/helper.h"
#include "host-bridge/settings/settings.h"
#include "host-bridge/subcommands.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/monotonic.h"
#include "protocol/program/service.h"
#include "protocol/streams/shared_write.h"

#define LOG_MODULE "host"

/* Of the process: regions of the machine's memory, queues, the loop, what one message brings. */
#define OWN_FDS 192
#define FEW_FDS 2048
#define GPU_TOLD_S 60 /* how often it is said that the compositor is waited for */

struct host {
	struct host_settings settings;
	struct policy *policy; /* of new connections */
	struct renderer *renderer;
	struct renderer_images *images; /* NULL: buffers are no GPU's */
	struct kinds kinds;
	struct wl_event_loop *loop;
	struct wl_event_source *signals[4];
	struct device *device;
	struct service service;
	struct attendant *attendant; /* NULL: nobody is to be asked, and there is no file */
	uint64_t most_fds;           /* that the machine may have */
	struct control *control;
	char control_path[CONTROL_PATH_BYTES]; /* "": there is none */
	int pid;
	uint64_t start_ns;
	bool quit;
};

static void print_stats(const struct host *host)
{
	device_print_stats(host->device, stderr);
	policy_print_counters(host->policy, stderr);
	quota_print(&host->settings.quota, stderr);
	if (host->images)
		renderer_images_print(host->images, stderr);
}

static void refuse_reload(const struct host *host, const char *why)
{
	log_err("%s: the configuration stays as it was%s%s",
		host->policy->vm_name ? host->policy->vm_name : "the machine", why ? ": " : "",
		why ? why : "");
}

/* A file was read, the one at @which of the places: what was read until now may have been another.
 */
static void note_config(struct host_settings *settings, size_t which)
{
	if (settings->config_found && which > settings->config_which)
		log_warn("%s is gone: from now on %s says what goes",
			settings->places.paths[settings->config_which],
			settings->places.paths[which]);
	settings->config_found = true;
	settings->config_which = which;
}

/* An attendant_file: the configuration, to be read again. */
static void handle_config(void *data, int fd, size_t which)
{
	struct host *host = data;
	struct vm_quota limits;

	/* Without a file anything goes that goes by default: one that was there is not gone for
	 * that.
	 */
	if (fd == -ENOENT && (host->settings.config_named || host->settings.config_found)) {
		refuse_reload(host, "its file is gone (an empty one stands for the defaults)");
		return;
	}
	if (fd < 0 && fd != -ENOENT) {
		refuse_reload(host, strerror(-fd));
		return;
	}
	struct policy *policy =
		host_settings_read_again(&host->settings, fd < 0 ? -1 : fd, which, &limits);
	if (!policy || !policy_follow(policy, host->policy)) {
		if (policy)
			policy->unused(policy);
		refuse_reload(host, policy ? "no memory" : NULL);
		return;
	}
	host->policy = policy;
	if (fd >= 0)
		note_config(&host->settings, which);
	kinds_set_policy(&host->kinds, policy);
	quota_take_limits(&host->settings.quota, &limits);
	quota_cap(&host->settings.quota, QUOTA_FDS, host->most_fds);
	log_info("the configuration was read again (%s): new connections go by it",
		fd < 0 ? "there is no file" : host->settings.places.paths[which]);
	policy_warn_of_widening(policy);
}

static void reload(struct host *host)
{
	int error = attendant_open_config(host->attendant, handle_config, host);

	if (error < 0)
		refuse_reload(host, host->attendant ? strerror(-error) : "there is no file");
}

static int handle_signal(int number, void *data)
{
	struct host *host = data;

	if (number == SIGUSR1)
		print_stats(host);
	else if (number == SIGHUP)
		reload(host);
	else
		host->quit = true;
	return 0;
}

static void handle_left(void *data)
{
	struct host *host = data;

	/* Nobody else can come. */
	if (host->settings.socket_connected)
		host->quit = true;
}

/*
 * Each guest client needs several fds; the usual soft limit of 1024 is soon reached. What the
 * machine can take stays below what there is, so that no fds are ever missing for somebody else.
 */
static void bound_fds(struct host *host)
{
	struct vm_quota *quota = &host->settings.quota;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	uint64_t most = limit.rlim_cur > OWN_FDS ? limit.rlim_cur - OWN_FDS : 0;
	host->most_fds = most;
	if (quota_cap(quota, QUOTA_FDS, most) && most < FEW_FDS)
		log_warn("this process may have %" PRIu64 " file descriptors (ulimit -Hn, or "
			 "LimitNOFILE= of its unit), so that the machine gets %" PRIu64,
			(uint64_t)limit.rlim_cur, most);
}

static void probe_compositor(const struct host *host)
{
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(host->settings.policy.wayland_display, path);

	if (fd >= 0)
		compositor_note(path);
	else
		log_warn("no compositor at %s%s yet (%s): guests are refused until there is one",
			path[0] ? path : "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY",
			host->settings.policy.wayland_display ? ""
							      : ", nor at a wayland-N beside it",
			strerror(-fd));
	fd_close(&fd);
}

/* A control_answer. */
static void describe(void *data, enum control_request request, bool json, FILE *out)
{
	const struct host *host = data;
	struct machine_report report = {
		.policy = host->policy,
		.pid = host->pid,
		.up_s = (monotonic_ns() - host->start_ns) / 1000000000,
		.running = device_running(host->device),
	};

	report.compositor = compositor_noted(&report.in_context);
	if (request == CONTROL_LIST)
		machine_report_list(&report, json, out);
	else
		machine_report_show(&report, json, out);
}

static void open_control(struct host *host)
{
	struct control_name name = {.pid = host->pid};
	const char *vm = host->settings.policy.vm_name;

	snprintf(name.vm, sizeof(name.vm), "%s", vm ? vm : "");
	int error = control_path(&name, host->control_path);
	if (error == 0)
		host->control = control_create(host->loop, host->control_path, describe, host);
	else
		log_info("no control socket in $XDG_RUNTIME_DIR: %s", strerror(-error));
	if (!host->control)
		host->control_path[0] = 0;
}

/*
 * A main_device_wait: the compositor is to say which GPU it draws with, and does not. What the
 * device can do is fixed once a guest has it, so there is none before.
 */
static bool wait_for_gpu(void *data, unsigned silent_s)
{
	const struct host *host = data;

	if (silent_s == MAIN_DEVICE_LOOK_S || silent_s % GPU_TOLD_S == 0)
		log_warn("the compositor has not said for %u s which GPU it draws with: guests "
			 "are served when it has (a GPU that --render-node names needs no answer)",
			silent_s);
	service_notify(&host->service,
		"EXTEND_TIMEOUT_USEC=%u\nSTATUS=Waiting for the compositor to say which GPU it "
		"draws with",
		4 * MAIN_DEVICE_LOOK_S * 1000000);
	return true;
}

/* First of all, so that it inherits no fds. */
static bool open_renderer(struct host *host)
{
	const struct main_device_wait wait = {wait_for_gpu, host};

	host->settings.renderer.wait = &wait;
	if (host->settings.wants_renderer)
		host->renderer = renderer_create(&host->settings.renderer);
	host->settings.renderer.wait = NULL;
	return host->renderer || !host->settings.wants_renderer;
}

static bool open_kinds(struct host *host)
{
	if (renderer_has_gbm(host->renderer)) {
		host->images = renderer_images_create(host->renderer, host->loop);
		if (!host->images)
			return false;
	}
	host->settings.policy.imports = host->images;
	kinds_init(&host->kinds, &host->settings.policy, host->renderer,
		!host->images && host->settings.buffers != BUFFERS_MEMORY,
		renderer_images_maker(host->images));
	return true;
}

static bool open_loop(struct host *host)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};

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
	return service_watch(&host->service, host->loop);
}

static bool open_host(struct host *host)
{
	if (!open_renderer(host))
		return false;
	bound_fds(host);
	if (!open_loop(host) || !open_kinds(host))
		return false;
	const struct device_config config = {
		.loop = host->loop,
		.socket_path = host->settings.socket_path,
		.socket_fd = host->settings.socket_fd,
		.socket_connected = host->settings.socket_connected,
		.kinds = host->kinds.list,
		.n_kinds = host->kinds.n,
		.quota = &host->settings.quota,
		.region_bytes = host->settings.region_bytes,
		.udmabuf = true,
		.left = handle_left,
		.data = host,
	};
	host->settings.socket_fd = -1; /* device_create takes it */
	host->device = device_create(&config);
	if (!host->device)
		return false;
	open_control(host);
	probe_compositor(host);
	policy_warn_of_widening(&host->settings.policy);
	return true;
}

/* Who asks the user, and opens the configuration again. */
static bool start_attendant(struct host *host)
{
	const struct config_places *places = &host->settings.places;
	const char *paths[CONFIG_PLACES + 1] = {NULL};
	const struct attendant_config config = {
		.ask_program = host->settings.ask_program,
		.config_paths = paths,
		.machine = host->settings.policy.vm_name,
	};
	bool in_context;

	for (size_t i = 0; i < places->n; i++)
		paths[i] = places->paths[i];
	if (places->n == 0 && !transfer_rules_ask(&host->settings.policy.rules))
		return true;
	host->attendant = attendant_start(host->loop, &config);
	host->settings.policy.attendant = host->attendant;
	attendant_note_display(host->attendant, compositor_noted(&in_context));
	return host->attendant;
}

/* What is opened or connected from here on comes from the connector. */
static bool confine_host(struct host *host)
{
	struct display_search compositor;

	if (!start_attendant(host))
		return false;
	bool has_compositor =
		compositor_places(host->settings.policy.wayland_display, &compositor) == 0;

	int error = connector_start(has_compositor ? &compositor : NULL,
		&host->settings.security_context, host->settings.socket_path,
		host->control_path[0] ? host->control_path : NULL,
		host->settings.renderer.sandbox != SANDBOX_OFF);
	if (error < 0) {
		log_err("no process that connects: %s", strerror(-error));
		return false;
	}
	return sandbox_enter(host->settings.renderer.sandbox);
}

static bool run_host(struct host *host)
{
	service_notify(&host->service, "READY=1\nSTATUS=Serving %s",
		host->settings.policy.vm_name ? host->settings.policy.vm_name
					      : "a machine without a name");
	shared_write_prepare();
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
	if (host->device && host->settings.stats)
		print_stats(host);
	control_destroy(host->control);
	device_destroy(host->device);
	connector_finish(true);
	renderer_images_destroy(host->images);
	renderer_destroy(host->renderer);
	for (size_t i = 0; i < ARRAY_LENGTH(host->signals); i++)
		event_source_remove(&host->signals[i]);
	service_close(&host->service);
	policy_finish(host->policy); /* closes what is still in the loop */
	attendant_finish(host->attendant);
	if (host->loop)
		wl_event_loop_destroy(host->loop);
	fd_close(&host->settings.socket_fd);
}

int main(int argc, char **argv)
{
	static struct host host; /* with all that its settings point to, to the end */
	int exit_status;

	host.pid = (int)getpid();
	host.start_ns = monotonic_ns();
	service_stderr_to_journal("wayferry-host");
	helper_find_runtime_directory();
	if (!host_settings_read(&host.settings, subcommands, argc, argv, &exit_status))
		return exit_status;
	if (host.settings.print_capabilities) {
		capabilities_print_backend(&host.settings);
		return EXIT_SUCCESS;
	}
	service_open(&host.service);
	host.policy = &host.settings.policy;
	if (!policy_init(host.policy)) {
		log_err("no memory for the policy");
		return EXIT_FAILURE;
	}
	if (host.settings.subcommand) {
		exit_status = host.settings.subcommand->run(&host.settings);
	} else {
		bool good = open_host(&host) && confine_host(&host) && run_host(&host);
		exit_status = good ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	close_host(&host);
	return exit_status;
}
