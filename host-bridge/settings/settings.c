/* What wayferry-host is told to do: command line, environment and configuration file, checked. */
#include "host-bridge/settings/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-bridge/display/render_node.h"
#include "host-bridge/settings/config.h"
#include "host-bridge/settings/helper.h"
#include "host-bridge/settings/program_path.h"
#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "protocol/base/words.h"
#include "protocol/program/service.h"

#define LOG_MODULE "settings"

#define EXIT_USAGE 2
#define MAX_OPTIONS 40
#define REGION_BYTES (1ull << 30)
#define REGION_BYTES_MIN (1ull << 20)
#define REGION_BYTES_MAX (1ull << 40)

struct host_options {
	const char *config, *socket, *fd, *wayland_display, *vm, *app_id, *clipboard, *border,
		*border_label, *fullscreen, *renderer, *renderer_program, *render_node, *buffers,
		*window_size, *ask_program, *log_level, *trace, *sandbox, *security_context;
	bool print_capabilities, stats, no_sandbox, virgl;
};

/* Prints what is wrong with the value of an option. Returns false. */
static bool refuse(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "wayferry-host: --%s %s: %s\nTry 'wayferry-host --help'.\n", option, value,
		why);
	return false;
}

/* All options, with their places in @options and, those of commands, in @settings. */
static void describe(struct option_description table[MAX_OPTIONS], struct host_options *options,
	struct host_settings *settings)
{
	const struct option_description all[] = {
		{"config", "FILE",
			"Read options, and restrictions of the policy, from this file of ini form. "
			"By default, with --vm NAME, that is $XDG_CONFIG_HOME/wayferry/NAME.conf "
			"(else in ~/.config), or /etc/wayferry/NAME.conf, if there is one.",
			.value = &options->config, .at_start = true},
		{"socket", "PATH",
			"Listen on this Unix socket for the virtual machine monitor, or for "
			"wayferry-guest --vhost-user. The socket is made with mode 0600 and "
			"removed at exit. A socket that nobody answers on any more is replaced.",
			.value = &options->socket, .at_start = true},
		{"socket-path", "PATH", "As --socket, by the name that QEMU's conventions have.",
			.value = &options->socket},
		{"fd", "N",
			"Serve the listening Unix socket that was passed as this file descriptor; "
			"or a connected one, until that connection ends. With neither --socket "
			"nor --fd it is the listening one that systemd passed (LISTEN_FDS).",
			.value = &options->fd, .at_start = true},
		{"wayland-display", "NAME",
			"The host compositor's socket: an absolute path, or a name in "
			"$XDG_RUNTIME_DIR. By default $WAYLAND_DISPLAY, else wayland-0, and while "
			"nobody listens there any wayland-N of the same user in $XDG_RUNTIME_DIR; "
			"the log says which. It need not be there yet when wayferry-host starts.",
			.value = &options->wayland_display, .at_start = true},
		{"vm", "NAME",
			"The machine's name. Titles of its windows then read \"[NAME] TITLE\", "
			"and application ids wayferry.NAME.APP_ID (--app-id). At most 64 letters, "
			"digits, '-' and '_'. By default, where libvirt has started wayferry-host, "
			"its "
			"name of the machine, other characters as '-'.",
			.value = &options->vm, .at_start = true},
		{"app-id", "TEMPLATE",
			"What application ids of the machine's windows become, by default "
			"wayferry.%m.%a: %m is the machine's name, which must be in it between "
			"dots or ends, and %a behind it the application's own id, which may be "
			"left out.",
			.value = &options->app_id},
		{"clipboard", "WAYS",
			"Which ways clipboards, primary selections and drags go: both (the "
			"default), to-host, to-guest or none. What this leaves open the sections "
			"[clipboard], [primary] and [drags] of the file can narrow.",
			.value = &options->clipboard},
		{"ask-program", "PATH",
			"What asks the user where the configuration file has ask as a way of the "
			"clipboard: a program that gets the question as its argument, and in its "
			"environment what it is about. Exit status 0 lets one transfer through, 1 "
			"refuses it, and others, or a signal, too, as no answer. By default "
			"wayferry-ask, which takes zenity or yad.",
			.value = &options->ask_program, .at_start = true},
		{"border", "COLOUR[,WIDTH]",
			"Put a border of this colour (\"#cc0000\" or \"cc0000\") around the "
			"machine's windows and popups, WIDTH pixels wide: 1 to 64, by default 4. "
			"Guests cannot draw on it, remove it or see it.",
			.value = &options->border},
		{"border-label", "TEMPLATE",
			"Write this into the upper edge of each border, which must be at least 9 "
			"pixels wide: printable ASCII, where %m is the machine's name. A window "
			"that is too narrow for all of it shows the first letters.",
			.value = &options->border_label},
		{"fullscreen", "MODE",
			"What becomes of windows that want the whole screen: border (the default "
			"where there is a border) shows it inside of the screen's edges, allow "
			"shows none, deny has guests not ask for the full screen at all.",
			.value = &options->fullscreen},
		{"renderer", "KINDS",
			"What renders 3D for the guest: none (the default), or a list of virgl "
			"(OpenGL), venus (Vulkan), gfxstream (Vulkan, by libgfxstream_backend) and "
			"drm (a GPU's native contexts). Each 3D context gets a process of its own.",
			.value = &options->renderer, .at_start = true},
		{"virgl", NULL,
			"Have virgl among the kinds of --renderer, whatever that says; by the name "
			"that QEMU's conventions have.",
			.flag = &options->virgl, .at_start = true},
		{"render-node", "GPU",
			"The GPU that the renderer uses (default: what Mesa finds; without a GPU "
			"that is llvmpipe, on the processor), and --buffers: a node's path, "
			"/dev/dri/renderD128; a PCI address as in /dev/dri/by-path, "
			"pci-0000:03:00.0; or auto, the one that the compositor draws with.",
			.value = &options->render_node, .at_start = true},
		{"buffers", "SOURCE",
			"What the buffers are made of that guests draw their windows in: gbm (a "
			"GPU's: the compositor need not upload them), udmabuf (pages of the "
			"guest's), memory (the host-visible region), or auto, which takes gbm "
			"where --render-node names a GPU whose buffers are not much slower to "
			"write than memory (default: udmabuf where there is /dev/udmabuf, else "
			"memory; gbm was not tried on hardware yet).",
			.value = &options->buffers, .at_start = true},
		{"renderer-program", "PATH",
			"The program of these processes (default: wayferry-renderer beside this "
			"program, or where it was installed).",
			.value = &options->renderer_program, .at_start = true},
		{"window-size", "BYTES",
			"Size of the host-visible region, the memory that the guest's buffers "
			"share with the host: a power of two from 1M to 1T, with K, M, G or T "
			"behind it (default: 1G). It costs address space; memory only as far as "
			"buffers fill it. wl_shm reaches the first 2G of it.",
			.value = &options->window_size, .at_start = true},
		{"print-capabilities", NULL,
			"Print, as JSON, what QEMU's conventions for back ends ask of a program: "
			"that this is a GPU's, and which of their options it has. Then exit.",
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
			.flag = &options->stats, .at_start = true, .common = true},
		{"sandbox", "MODE",
			"How wayferry-host and its renderers confine themselves once they have "
			"started: on (the default) takes every step that this machine offers and "
			"says which ones it does not, require starts only where it offers all of "
			"them, off keeps all rights, for debugging.",
			.value = &options->sandbox, .at_start = true},
		{"security-context", "MODE",
			"Whether connections to the compositor are made in a security context of "
			"it, so that its own policy for sandboxed programs applies, too (engine "
			"wayferry, application id wayferry.NAME): auto (the default) where the "
			"compositor has them, require refuses guests where it has not, off never.",
			.value = &options->security_context, .at_start = true},
		{"no-sandbox", NULL, "As --sandbox=off, where there is no --sandbox.",
			.flag = &options->no_sandbox, .at_start = true},
		{"system", "USER",
			"Of libvirt-xml and replace: the machine is in qemu:///system, and runs as "
			"this user there. By default it is in qemu:///session.",
			.value = &settings->system_user, .of_command = true},
		{"apply", NULL, "Of libvirt-xml: run virt-xml instead of printing the commands.",
			.flag = &settings->apply, .of_command = true},
		{"json", NULL, "Of doctor, list and show: report as JSON, for programs.",
			.flag = &settings->json, .of_command = true},
		{"undo", NULL, "Of setup: take back what it has done.", .flag = &settings->undo,
			.of_command = true},
		{"qmp", "PATH",
			"Of replace: the socket of QEMU's monitor (-qmp "
			"unix:PATH,server=on,wait=off), for machines without libvirt.",
			.value = &settings->qmp, .of_command = true},
		{0},
	};
	static_assert(ARRAY_LENGTH(all) <= MAX_OPTIONS, "there is a place for each");
	memcpy(table, all, sizeof(all));
}

/* @config: gets what is to be known of the file; its pointers to options are set here. */
static bool parse_command_line(struct host_options *options, struct host_settings *settings,
	struct config *config, int *exit_status)
{
	struct option_description table[MAX_OPTIONS];

	describe(table, options, settings);
	config->path = &options->config;
	config->vm = &options->vm;
	config->policy = &settings->policy;
	config->quota = &settings->quota;
	const struct options_program program = {
		.name = "wayferry-host",
		.usage = "--socket PATH | --fd N [OPTION...]\n       wayferry-host COMMAND "
			 "[OPTION...]",
		.summary = "Serves one virtual machine's virtio-gpu device (vhost-user), and "
			   "carries the Wayland of its guests to the host compositor, under a "
			   "policy.\n\nRuns until SIGTERM or SIGINT. When the machine leaves, the "
			   "next may come. Exit status: 0, 1 for failures, 2 for a wrong command "
			   "line.",
		.options = table,
		.commands = settings->subcommands,
		.command = &settings->subcommand,
		.command_argument = &settings->subcommand_argument,
		.read_file = config_read,
		.file_data = config,
	};
	int first;
	enum options_result result =
		options_parse(&program, settings->argc, settings->argv, &first);

	*exit_status = result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
	if (result != OPTIONS_RUN)
		return false;
	if (first < settings->argc) {
		fprintf(stderr,
			"wayferry-host: unexpected argument '%s'\nTry 'wayferry-host --help'.\n",
			settings->argv[first]);
		return false;
	}
	return true;
}

static bool apply_logging(const struct host_options *options)
{
	bool traces;

	if (!options_apply_logging(options->log_level, options->trace, "host", &traces))
		return false;
	relay_set_trace(traces);
	return true;
}

/* The number of a Unix socket that listens or is connected, or -1. */
static int parse_socket_fd(const char *text, bool *connected)
{
	char *end;

	errno = 0;
	long fd = strtol(text, &end, 10);
	if (errno || end == text || *end || fd < 0 || fd > INT32_MAX)
		return -1;
	*connected = service_socket_connected((int)fd);
	if (!*connected && !service_socket_listens((int)fd))
		return -1;
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return (int)fd;
}

static bool apply_socket(struct host_settings *settings, const struct host_options *options)
{
	if (options->socket && options->fd)
		return refuse("fd", options->fd, "there is --socket already");
	if (options->socket) {
		if (strlen(options->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return refuse("socket", options->socket,
				"the path is too long: that of a socket has at most 107 "
				"characters");
		settings->socket_path = options->socket;
		return true;
	}
	if (options->fd) {
		settings->socket_fd = parse_socket_fd(options->fd, &settings->socket_connected);
		return settings->socket_fd >= 0 ||
			refuse("fd", options->fd,
				"neither a listening Unix socket nor a connected one");
	}
	settings->socket_fd = service_listen_fd();
	if (settings->socket_fd >= 0)
		return true;
	if (settings->print_capabilities || settings->subcommand)
		return true;
	fprintf(stderr,
		"wayferry-host: needs --socket PATH or --fd N\nTry 'wayferry-host --help'.\n");
	return false;
}

static bool apply_renderer(struct host_settings *settings, const struct host_options *options)
{
	static const char *const kinds[] = {"none", "virgl", "venus", "gfxstream", "drm", NULL};
	struct renderer_config *config = &settings->renderer;

	int none = options_list_has(options->renderer, kinds, "none");
	if (none < 0)
		return refuse("renderer", options->renderer,
			"may have virgl, venus, gfxstream and drm in it, or be none");
	for (enum renderer_kind kind = 0; kind < RENDERER_N_KINDS; kind++)
		config->kinds[kind] =
			options_list_has(options->renderer, kinds, renderer_kind_name(kind)) > 0;
	settings->wants_renderer = false;
	for (enum renderer_kind kind = 0; kind < RENDERER_N_KINDS; kind++)
		settings->wants_renderer |= config->kinds[kind];
	if (config->kinds[RENDERER_KIND_DRM] && !options->render_node)
		return refuse("renderer", options->renderer,
			"has drm, which is of one GPU: name that with --render-node");
	if (none && settings->wants_renderer)
		return refuse("renderer", options->renderer, "none, and others besides");
	if (options->render_node && !render_node_good(options->render_node))
		return refuse("render-node", options->render_node, "is none of " RENDER_NODE_FORMS);
	if (options->virgl)
		settings->wants_renderer = config->kinds[RENDERER_KIND_VIRGL] = true;
	config->render_node = options->render_node;
	config->display = options->wayland_display;
	config->log_level = options->log_level ? options->log_level : "info";
	config->program = options->renderer_program;
	if (!config->program) {
		program_path(settings->renderer_program, "render/worker/", "wayferry-renderer");
		config->program = settings->renderer_program;
	}
	return true;
}

/* After apply_renderer. */
static bool apply_buffers(struct host_settings *settings, const struct host_options *options)
{
	static const char *const sources[] = {
		[BUFFERS_AUTO] = "auto",
		[BUFFERS_GBM] = "gbm",
		[BUFFERS_UDMABUF] = "udmabuf",
		[BUFFERS_MEMORY] = "memory",
	};
	struct renderer_config *config = &settings->renderer;
	const char *name = options->buffers ? options->buffers : "auto";
	size_t source = word_find(name, sources, ARRAY_LENGTH(sources));

	if (source == ARRAY_LENGTH(sources))
		return refuse("buffers", name, "not one of auto, gbm, udmabuf and memory");
	settings->buffers = (enum buffer_source)source;
	if (settings->buffers == BUFFERS_GBM && !config->render_node)
		return refuse("buffers", name, "is of one GPU: name that with --render-node");
	if (settings->buffers == BUFFERS_UDMABUF && access("/dev/udmabuf", R_OK | W_OK) < 0)
		return refuse("buffers", name, "there is no /dev/udmabuf that may be used");
	config->gbm_if_good = options->buffers && settings->buffers == BUFFERS_AUTO;
	config->kinds[RENDERER_KIND_GBM] = settings->buffers == BUFFERS_GBM ||
		(config->gbm_if_good && config->render_node && access(config->program, X_OK) == 0);
	/* QEMU's conventions have it for 2D, too. */
	if (config->render_node && !settings->wants_renderer && !config->kinds[RENDERER_KIND_GBM] &&
		!settings->socket_connected)
		return refuse("render-node", config->render_node,
			"has no effect without --renderer, --virgl or --buffers");
	settings->wants_renderer |= config->kinds[RENDERER_KIND_GBM];
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
			if (!words[i].to_host)
				transfer_rules_close(&policy->rules, TRANSFER_TO_HOST);
			if (!words[i].to_guest)
				transfer_rules_close(&policy->rules, TRANSFER_TO_GUEST);
			return true;
		}
	}
	return refuse("clipboard", ways, "not one of both, to-host, to-guest and none");
}

/* After apply_clipboard. */
static bool apply_ask(struct host_settings *settings, const char *program)
{
	if (!program)
		program_path(settings->ask_program, "attendant/", "wayferry-ask");
	else if (snprintf(settings->ask_program, PATH_MAX, "%s", program) >= PATH_MAX)
		return refuse("ask-program", program, "too long");
	if (program && (!strchr(program, '/') || access(program, X_OK) < 0))
		return refuse("ask-program", program, "not the path of a program that can be run");
	return true;
}

static bool apply_border(struct policy *policy, const struct host_options *options)
{
	const char *why = options->border ? border_parse(&policy->border, options->border) : NULL;

	if (why)
		return refuse("border", options->border, why);
	why = options->border_label
		? border_parse_label(&policy->border, options->border_label, policy->vm_name)
		: NULL;
	if (why)
		return refuse("border-label", options->border_label, why);
	why = options->fullscreen ? border_parse_fullscreen(&policy->border, options->fullscreen)
				  : NULL;
	if (why)
		return refuse("fullscreen", options->fullscreen, why);
	for (enum border_global i = 0; options->border && i < BORDER_N_GLOBALS; i++) {
		const struct interface *interface = interface_find(border_global_name(i));
		if (!policy_allow_global(policy, interface, &(uint32_t){1})) {
			fprintf(stderr, "wayferry-host: a border needs %s, which [policy] denies\n",
				border_global_name(i));
			return false;
		}
	}
	return true;
}

static bool apply_security_context(struct host_settings *settings, const char *mode)
{
	struct security_context_config *config = &settings->security_context;
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *vm = settings->policy.vm_name;

	if (mode && !security_context_mode_from_name(mode, &config->mode))
		return refuse("security-context", mode, "not one of auto, require and off");
	if (runtime &&
		snprintf(config->directory, sizeof(config->directory), "%s/wayferry", runtime) >=
			(int)sizeof(config->directory))
		config->directory[0] = 0;
	snprintf(config->app_id, sizeof(config->app_id), "wayferry%s%s", vm ? "." : "",
		vm ? vm : "");
	snprintf(config->instance_id, sizeof(config->instance_id), "%s%s%d", vm ? vm : "",
		vm ? "-" : "", (int)getpid());
	return true;
}

static bool apply_app_id(struct policy *policy, const char *app_id)
{
	const char *why = app_id ? policy_mark_parse(&policy->app_id, app_id) : NULL;

	if (!why && app_id && !policy->vm_name)
		why = "has no effect without --vm";
	if (!why && app_id && policy_mark_collides(&policy->app_id, policy->vm_name))
		why = "makes ids that another machine's windows have by default";
	return !why || refuse("app-id", app_id, why);
}

/* What may be different for each connection, when policy.vm_name is set. */
static bool apply_policy(struct policy *policy, const struct host_options *options)
{
	return apply_app_id(policy, options->app_id) &&
		apply_clipboard(policy, options->clipboard) && apply_border(policy, options);
}

static bool apply_window_size(struct host_settings *settings, const char *window_size)
{
	unsigned long long bytes = REGION_BYTES;

	if (window_size &&
		(!options_parse_bytes(window_size, &bytes) || bytes < REGION_BYTES_MIN ||
			bytes > REGION_BYTES_MAX || (bytes & (bytes - 1)) != 0))
		return refuse("window-size", window_size, "not a power of two from 1M to 1T");
	settings->region_bytes = bytes;
	return true;
}

static bool apply_options(struct host_settings *settings, const struct host_options *options)
{
	settings->print_capabilities = options->print_capabilities;
	settings->stats = options->stats;
	settings->renderer.sandbox = options->no_sandbox ? SANDBOX_OFF : SANDBOX_ON;
	if (options->sandbox &&
		!sandbox_mode_from_name(options->sandbox, &settings->renderer.sandbox))
		return refuse("sandbox", options->sandbox, "not one of on, require and off");
	settings->policy.wayland_display = options->wayland_display;
	settings->policy.vm_name = options->vm;
	if (options->vm && !policy_vm_name_good(options->vm))
		return refuse("vm", options->vm, "not 1 to 64 letters, digits, '-' and '_'");
	config_find_places(&settings->places, options->config, options->vm);
	settings->config_named = options->config;
	return apply_policy(&settings->policy, options) &&
		apply_security_context(settings, options->security_context) &&
		apply_socket(settings, options) && apply_ask(settings, options->ask_program) &&
		apply_renderer(settings, options) && apply_buffers(settings, options) &&
		apply_window_size(settings, options->window_size) && apply_logging(options);
}

static struct host_options at_start;

bool host_settings_read(struct host_settings *settings, const struct options_command *subcommands,
	int argc, char **argv, int *exit_status)
{
	static char machine[POLICY_VM_NAME_BYTES + 1];
	struct config config = {0};

	*settings = (struct host_settings){
		.socket_fd = -1, .argc = argc, .argv = argv, .subcommands = subcommands};
	quota_init(&settings->quota);
	settings->policy.quota = &settings->quota;
	at_start = (struct host_options){0};
	if (helper_machine_name(machine))
		at_start.vm = machine;
	bool good = parse_command_line(&at_start, settings, &config, exit_status);
	settings->entries = config.entries;
	settings->config_found = config.found;
	settings->config_which = config.which;
	if (!good)
		return false;
	*exit_status = EXIT_USAGE;
	return apply_options(settings, &at_start);
}

/* --- again --- */

static const char *value_of(const struct option_description *option)
{
	if (option->flag)
		return *option->flag ? "yes" : "no";
	return *option->value ? *option->value : "";
}

/* Of what holds from the start on, what @options have otherwise now. @settings are theirs. */
static void tell_what_waits(struct host_options *options, struct host_settings *settings)
{
	struct option_description before[MAX_OPTIONS], now[MAX_OPTIONS];

	describe(before, &at_start, settings);
	describe(now, options, settings);
	for (size_t i = 0; now[i].name; i++) {
		const char *value = value_of(&now[i]);
		if (now[i].at_start && strcmp(value, value_of(&before[i])) != 0)
			log_warn("%s = %s takes effect when wayferry-host starts again",
				now[i].name, value[0] ? value : "(not set)");
	}
}

struct kept_policy { /* with what it points to */
	struct policy policy;
	struct config_entry *entries;
};

static void free_policy(struct policy *policy)
{
	struct kept_policy *kept = (struct kept_policy *)policy; /* its first member */

	config_free(kept->entries);
	free(kept);
}

struct policy *host_settings_read_again(
	const struct host_settings *settings, int fd, size_t which, struct vm_quota *limits)
{
	const struct config_again again = {fd, settings->places.paths[which]};
	struct config config = {.again = &again};
	struct host_options options = {.vm = settings->policy.vm_name};
	struct host_settings fresh = {.argc = settings->argc,
		.argv = settings->argv,
		.subcommands = settings->subcommands};
	struct kept_policy *kept = calloc(1, sizeof(*kept));
	int exit_status;

	quota_init(&fresh.quota);
	fresh.policy.vm_name = settings->policy.vm_name;
	if (!parse_command_line(&options, &fresh, &config, &exit_status) || !kept ||
		!apply_policy(&fresh.policy, &options) || !apply_logging(&options)) {
		config_free(config.entries);
		free(kept);
		return NULL;
	}
	tell_what_waits(&options, &fresh);
	*limits = fresh.quota;
	*kept = (struct kept_policy){.policy = fresh.policy, .entries = config.entries};
	kept->policy.unused = free_policy;
	return &kept->policy;
}
