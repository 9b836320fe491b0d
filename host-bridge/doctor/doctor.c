/*
 * `wayferry-host doctor`: a table of checks, from the compositor to the virtual machine monitor.
 * Each may use what those before it left in struct doctor.
 */
#include "host-bridge/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "host-bridge/confine/landlock.h"
#include "host-bridge/confine/sandbox.h"
#include "host-bridge/display/compositor_place.h"
#include "host-bridge/display/main_device.h"
#include "host-bridge/doctor/doctor_globals.h"
#include "host-bridge/doctor/doctor_libvirt.h"
#include "host-bridge/policy/policy.h"
#include "host-bridge/render/renderer.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/interfaces/interfaces.h"
#include "protocol/program/checks.h"
#include "protocol/wire/registry_probe.h"

#define FILES_WANTED 4096
#define ANSWER_MS 5000
#define MONITOR "qemu-system-x86_64"
#define MONITOR_DEVICE "vhost-user-test-device-pci"
#define MONITOR_MAJOR 11
#define MONITOR_MS 10000
#define MONITOR_HELP_BYTES (256 << 10)
#define BACKPORTS                                                                                  \
	"install QEMU 11: on Debian 13, apt install -t trixie-backports qemu-system-x86 (on "      \
	"Debian 12, in a tree of 13: see docs/virtual-machines.md)"

struct doctor {
	const struct host_doctor_settings *settings;
	bool answered;
	unsigned n_globals, n_allowed;
	const char *missing[3]; /* globals that every application needs; NULL: found */
	bool has_seat, has_contexts;
	struct doctor_globals globals;
	bool monitor_runs;
	bool probed; /* confinement is filled in */
	struct confinement confinement;
};

/* It has the compositor's socket and the unit's. With an absolute path as the display it may be
 * missing. */
static enum check_result check_runtime(void *world, struct finding *finding, int argument)
{
	const struct doctor *doctor = world;
	const char *display = doctor->settings->policy->wayland_display;
	enum check_result result = check_runtime_directory(NULL, finding, 0);

	if (!display)
		display = getenv("WAYLAND_DISPLAY");
	return result == CHECK_FAILED && display && display[0] == '/' ? CHECK_WARNING : result;
}

/* The compositor */

static void handle_global(void *data, const char *name, uint32_t version)
{
	struct doctor *doctor = data;
	const struct interface *interface = interface_find(name);

	doctor->n_globals++;
	doctor->has_contexts |= strcmp(name, "wp_security_context_manager_v1") == 0;
	if (!interface || !policy_allow_global(doctor->settings->policy, interface, &version))
		return;
	doctor->n_allowed++;
	doctor_globals_note(&doctor->globals, name);
	doctor->has_seat |= strcmp(name, "wl_seat") == 0;
	for (size_t i = 0; i < ARRAY_LENGTH(doctor->missing); i++) {
		if (doctor->missing[i] && strcmp(name, doctor->missing[i]) == 0)
			doctor->missing[i] = NULL;
	}
}

/* Asks the compositor for its globals, and waits for the answer. */
static void ask_registry(int fd, struct registry_probe *probe)
{
	int64_t deadline = monotonic_ms() + ANSWER_MS, left;
	uint8_t bytes[4096];
	size_t size;
	const uint8_t *requests = registry_probe_requests(&size);

	if (write(fd, requests, size) != (ssize_t)size)
		return;
	while (!probe->done && !probe->error[0] && (left = deadline - monotonic_ms()) > 0) {
		struct pollfd events = {.fd = fd, .events = POLLIN};
		if (poll(&events, 1, (int)left) <= 0)
			continue;
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n == 0 || (n > 0 && !registry_probe_feed(probe, bytes, (size_t)n)))
			return;
	}
}

static enum check_result check_compositor(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	struct registry_probe probe = {.global = handle_global, .data = doctor};
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(doctor->settings->policy->wayland_display, path);
	const char *place = path[0] ? path : "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY";

	if (fd < 0) {
		finding_found(finding, "none at %s: %s", place, strerror(-fd));
		return finding_remedy(finding, CHECK_FAILED,
			"run this in the desktop's session, or give --wayland-display its socket "
			"(ls $XDG_RUNTIME_DIR/wayland-*); for units: systemctl --user "
			"import-environment WAYLAND_DISPLAY");
	}
	ask_registry(fd, &probe);
	fd_close(&fd);
	doctor->answered = probe.done;
	if (doctor->answered)
		return finding_ok(finding, "%s answers, with %u globals", path, doctor->n_globals);
	finding_found(finding, "%s: %s", path,
		probe.error[0] ? probe.error : "connected, but there is no answer");
	return finding_remedy(finding, CHECK_FAILED,
		"restart the compositor, or give --wayland-display the socket of another one");
}

static enum check_result check_globals(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *missing = NULL;

	if (!doctor->answered)
		return finding_skip(finding, "there is no compositor to ask");
	for (size_t i = 0; i < ARRAY_LENGTH(doctor->missing); i++)
		missing = doctor->missing[i] ? doctor->missing[i] : missing;
	finding_found(finding, "guests see %u of %u%s%s%s", doctor->n_allowed, doctor->n_globals,
		missing ? ", but not " : "", missing ? missing : "",
		!missing && !doctor->has_seat ? ", no wl_seat: no input" : "");
	if (missing)
		return finding_remedy(finding, CHECK_FAILED,
			"use a compositor with %s (wayferry-host capabilities lists what "
			"guests may see)",
			missing);
	if (!doctor->has_seat)
		return finding_remedy(finding, CHECK_WARNING,
			"give the compositor an input device (weston's headless backend never has "
			"one; sway's does)");
	return CHECK_OK;
}

static enum check_result check_optional(void *world, struct finding *finding, int argument)
{
	const struct doctor *doctor = world;

	if (!doctor->answered)
		return finding_skip(finding, "there is no compositor to ask");
	return doctor_globals_tell(&doctor->globals, finding);
}

/* Whether connections are made in a security context, and whether that must be. */
static enum check_result check_security_context(void *world, struct finding *finding, int argument)
{
	const struct doctor *doctor = world;
	const enum security_context_mode mode = doctor->settings->security_context;

	if (!doctor->answered)
		return finding_skip(finding, "there is no compositor to ask");
	if (mode == SECURITY_CONTEXT_OFF)
		return finding_skip(finding, "switched off");
	if (doctor->has_contexts)
		return finding_ok(finding, "the compositor has them");
	if (mode == SECURITY_CONTEXT_AUTO)
		return finding_ok(finding,
			"none: the compositor is kept from guests by the policy "
			"of wayferry-host alone");
	finding_found(finding, "the compositor has none, and one is required");
	return finding_remedy(finding, CHECK_FAILED,
		"use a compositor with security-context-v1 (sway 1.10, labwc 0.8, KWin 6 or "
		"newer), "
		"or --security-context=auto");
}

/* Memory */

static enum check_result check_shm_directory(void *world, struct finding *finding, int argument)
{
	struct statvfs status;

	if (statvfs("/dev/shm", &status) < 0) {
		finding_found(finding, "/dev/shm: %s", strerror(errno));
		return finding_remedy(finding, CHECK_WARNING,
			"mount a tmpfs there (mount -t tmpfs tmpfs /dev/shm) for monitors that "
			"keep a machine's memory in it; QEMU's memory-backend-memfd does not");
	}
	return finding_ok(finding, "/dev/shm has %llu MiB free",
		(unsigned long long)status.f_bavail * status.f_frsize >> 20);
}

static enum check_result check_udmabuf(void *world, struct finding *finding, int argument)
{
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct stat status;

	if (fd >= 0) {
		fd_close(&fd);
		return finding_ok(finding, "/dev/udmabuf can be opened");
	}
	finding_found(finding,
		"/dev/udmabuf: %s; buffers are shared memory, which works everywhere",
		strerror(errno));
	if (errno == ENOENT)
		return finding_remedy(finding, CHECK_WARNING,
			"for dma-bufs, sudo modprobe udmabuf (kernels with CONFIG_UDMABUF: Debian "
			"13's and later)");
	const struct group *group =
		stat("/dev/udmabuf", &status) == 0 ? getgrgid(status.st_gid) : NULL;
	return finding_remedy(finding, CHECK_WARNING,
		"for dma-bufs, join the group %s: sudo usermod -aG %s $USER, and log in again",
		group ? group->gr_name : "kvm", group ? group->gr_name : "kvm");
}

/* A main_device_wait: wayferry-host itself would wait on, the user wants to know. */
static bool wait_no_longer(void *data, unsigned silent_s)
{
	return false;
}

/* With --renderer it is started, as it would be for a guest. */
static enum check_result check_renderer(void *world, struct finding *finding, int argument)
{
	static const char package[] =
		"install libvirglrenderer-dev, build again (-Drenderer=enabled) and install";
	const struct doctor *doctor = world;
	const struct main_device_wait wait = {wait_no_longer, NULL};
	struct renderer_config asked = *doctor->settings->renderer;
	const struct renderer_config *config = &asked;
	bool present = access(config->program, X_OK) == 0;

	if (!doctor->settings->wants_renderer)
		return finding_ok(finding, "none asked for: guests render in software (%s)",
			present ? "--renderer virgl,venus has others do it"
				: "wayferry-renderer is not installed");
	asked.wait = &wait;
	struct renderer *renderer = present ? renderer_create(config) : NULL;
	size_t n = renderer ? renderer_n_capsets(renderer) : 0;
	renderer_destroy(renderer);
	if (n > 0)
		return finding_ok(finding, "%s has %zu capsets", config->program, n);
	finding_found(finding, "%s %s", config->program,
		present ? "does not start, see above" : "is not there");
	return finding_remedy(finding, CHECK_FAILED, "%s, or leave --renderer out",
		present ? "install Mesa's drivers (libgl1-mesa-dri, mesa-vulkan-drivers), see that "
			  "--render-node can be opened"
			: package);
}

/* The sandbox */

/* @argument: the step. The first of these checks tries all steps, in child processes. */
static enum check_result check_sandbox(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const struct confine_step_text *text = confine_step_text(argument);
	enum sandbox_mode mode = doctor->settings->sandbox;

	if (mode == SANDBOX_OFF)
		return finding_skip(finding, "--sandbox=off");
	if (!doctor->probed)
		sandbox_probe(&doctor->confinement);
	doctor->probed = true;
	int error = doctor->confinement.errors[argument];
	if (error == 0 && argument == CONFINE_LANDLOCK)
		return finding_ok(finding, "version %d", landlock_version());
	if (error == 0)
		return finding_ok(finding, "%s", text->name);
	finding_found(finding, "no %s (%s): %s", text->name, strerror(-error), text->without);
	return finding_remedy(finding,
		mode == SANDBOX_REQUIRE || argument == CONFINE_FILTER ? CHECK_FAILED
								      : CHECK_WARNING,
		"%s", text->remedy);
}

/* The monitor */

static enum check_result check_monitor(void *world, struct finding *finding, int argument)
{
	static char *const version_command[] = {MONITOR, "-version", NULL};
	struct doctor *doctor = world;
	char said[256], word[32] = "?";
	unsigned major = 0;

	int status = checks_capture(version_command, MONITOR_MS, said, sizeof(said));
	if (status == -ENOENT) {
		finding_found(finding, "no %s in $PATH", MONITOR);
		return finding_remedy(finding, CHECK_WARNING,
			"for virtual machines " BACKPORTS "; containers need none");
	}
	const char *number = status == 0 ? strstr(said, "version ") : NULL;
	if (number)
		sscanf(number, "version %31[^ \n]", word);
	sscanf(word, "%u", &major);
	doctor->monitor_runs = status == 0 && major >= MONITOR_MAJOR;
	if (doctor->monitor_runs)
		return finding_ok(finding, "%s %s", MONITOR, word);
	finding_found(finding, "%s %s: %s", MONITOR, word,
		status == -ETIMEDOUT                ? "it does not end"
			: status != 0 || major == 0 ? "it does not say its version"
						    : "it cannot map the device's memory");
	return finding_remedy(finding, CHECK_FAILED, BACKPORTS);
}

static enum check_result check_monitor_device(void *world, struct finding *finding, int argument)
{
	static char *const command[] = {MONITOR, "-device", "help", NULL};
	struct doctor *doctor = world;

	if (!doctor->monitor_runs)
		return finding_skip(finding, "there is no monitor that would do");
	char *said = malloc(MONITOR_HELP_BYTES);
	int status = said ? checks_capture(command, MONITOR_MS, said, MONITOR_HELP_BYTES) : -ENOMEM;
	bool has_device = status == 0 && strstr(said, "\"" MONITOR_DEVICE "\"");
	free(said);
	if (has_device)
		return finding_ok(finding, MONITOR_DEVICE);
	if (status != 0) {
		finding_found(finding, "%s -device help says nothing", MONITOR);
		return finding_remedy(
			finding, CHECK_WARNING, "see what %s -device help does", MONITOR);
	}
	finding_found(finding, "%s has no %s", MONITOR, MONITOR_DEVICE);
	return finding_remedy(
		finding, CHECK_FAILED, "use a build of QEMU with that device: " BACKPORTS);
}

static enum check_result check_kvm(void *world, struct finding *finding, int argument)
{
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		return finding_ok(finding, "/dev/kvm can be opened");
	finding_found(finding, "/dev/kvm: %s; machines run in software, slowly", strerror(errno));
	return finding_remedy(finding, CHECK_WARNING, "%s",
		errno == EACCES ? "sudo usermod -aG kvm $USER, and log in again"
				: "switch virtualization on in the firmware, and sudo modprobe "
				  "kvm_intel or kvm_amd");
}

/* Our own socket */

static enum check_result check_socket_directory(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *socket = doctor->settings->socket_path;
	char directory[512];

	if (!socket && !runtime)
		return finding_skip(finding, "there is no $XDG_RUNTIME_DIR to have it in");
	snprintf(directory, sizeof(directory), "%s/wayferry", runtime ? runtime : "");
	if (socket) {
		const char *slash = strrchr(socket, '/');
		snprintf(directory, sizeof(directory), "%.*s",
			slash > socket  ? (int)(slash - socket)
				: slash ? 1
					: 0,
			socket);
		if (!slash && !getcwd(directory, sizeof(directory)))
			return finding_skip(finding, strerror(errno));
	} else if (access(directory, F_OK) < 0 && errno == ENOENT) {
		return finding_ok(finding, "%s, which the unit makes", directory);
	}
	const char *fault = checks_directory_fault(directory);
	if (!fault)
		return finding_ok(finding, "%s", directory);
	finding_found(finding, "%s: %s", directory, fault);
	return finding_remedy(finding,
		socket && access(directory, W_OK) == 0 ? CHECK_WARNING : CHECK_FAILED,
		"give --socket a path in a directory of yours that others cannot write to, like "
		"$XDG_RUNTIME_DIR (mkdir -m 700 makes one)");
}

static enum check_result check_unit(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *vm = doctor->settings->policy->vm_name;
	char unit[128], state[32];

	if (!vm)
		return finding_skip(finding, "--vm NAME says which one to look at");
	snprintf(unit, sizeof(unit), "wayferry-host@%s.socket", vm);
	checks_unit_state(unit, state, sizeof(state));
	if (strcmp(state, "active") == 0)
		return finding_ok(finding, "%s is active", unit);
	finding_found(finding, "%s is %s", unit,
		state[0] ? state : "out of sight: no user manager of systemd answers");
	return finding_remedy(finding, CHECK_WARNING,
		"systemctl --user enable --now %s, or start wayferry-host --socket PATH by hand",
		unit);
}

static const struct check checks[] = {
	{"runtime directory", check_runtime, 0},
	{"compositor", check_compositor, 0},
	{"globals", check_globals, 0},
	{"what it lacks", check_optional, 0},
	{"security context", check_security_context, 0},
	{"shared memory", check_sealed_memory, 0},
	{"memory directory", check_shm_directory, 0},
	{"dma-bufs", check_udmabuf, 0},
	{"renderer", check_renderer, 0},
	{"open files", check_open_files, FILES_WANTED},
	{"seccomp", check_sandbox, CONFINE_FILTER},
	{"Landlock", check_sandbox, CONFINE_LANDLOCK},
	{"namespaces", check_sandbox, CONFINE_NAMESPACES},
	{"root", check_sandbox, CONFINE_ROOT},
	{"processes", check_sandbox, CONFINE_PROCESSES},
	{"monitor", check_monitor, 0},
	{"its device", check_monitor_device, 0},
	{"KVM", check_kvm, 0},
	{"libvirt", check_libvirt, 0},
	{"its driver", check_libvirt_driver, 0},
	{"its group", check_libvirt_group, 0},
	{"its start of us", check_libvirt_description, 0},
	{"its confinement", check_libvirt_confinement, 0},
	{"socket's directory", check_socket_directory, 0},
	{"service", check_unit, 0},
};

int host_doctor_run(const struct host_doctor_settings *settings, FILE *out)
{
	struct doctor doctor = {
		.settings = settings,
		.missing = {"wl_compositor", "wl_shm", "xdg_wm_base"},
	};
	size_t n_failed = settings->json
		? checks_run_json(checks, ARRAY_LENGTH(checks), &doctor, out)
		: checks_run(checks, ARRAY_LENGTH(checks), &doctor, out);

	if (n_failed > 0 && !settings->json)
		fprintf(out, "\n%zu of %zu checks failed: guests would have no windows.\n",
			n_failed, ARRAY_LENGTH(checks));
	return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
