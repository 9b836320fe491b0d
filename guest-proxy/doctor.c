/*
 * `wayferry-guest doctor`: a table of checks, from the kernel to the host's compositor. Each uses
 * what those before it found, in struct doctor, and is skipped where that is missing.
 */
#include "guest-proxy/doctor.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest-proxy/channel/channel.h"
#include "guest-proxy/gpu/render_nodes.h"
#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"
#include "guest-proxy/gpu/virtgpu_features.h"
#include "protocol/base/bytes.h"
#include "protocol/program/checks.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/formats/cross_domain.h"
#include "protocol/wire/registry_probe.h"

#define LOG_MODULE "doctor"
#include "protocol/base/log.h"

#define FILES_WANTED 4096
#define ANSWER_MS 5000
#define SILENCE_S 20 /* then the host does not answer any more */
#define SOCKET_UNIT "wayferry-guest.socket"
#define X11_UNIT "wayferry-x11.socket"
#define X11_SERVICE "wayferry-x11.service" /* alone, where :0 is another's */

static const char no_node[] = "there is no render node";
static const char no_device[] = "there is no device to ask";

struct node {
	char path[64];
	int fd; /* or -errno of opening it */
	char driver[32];
};

struct doctor {
	const struct doctor_settings *settings;
	struct node node;   /* the best one */
	unsigned n_missing; /* features of it */
	struct wl_event_loop *loop;
	struct gpu *gpu;
	bool context_works;
	struct channel *channel;
	bool closed;
	char why_closed[160];
	struct registry_probe probe;
	unsigned n_globals;
	bool has_windows, has_seat;
};

/* Where the display's socket goes, unless it has a path of its own. */
static enum check_result check_runtime(void *world, struct finding *finding, int argument)
{
	const struct doctor *doctor = world;
	const char *socket = doctor->settings->socket;
	enum check_result result = check_runtime_directory(NULL, finding, 0);

	return result == CHECK_FAILED && socket && socket[0] == '/' ? CHECK_WARNING : result;
}

/* The kernel and its driver */

static enum check_result check_kernel(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	unsigned major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	if (!doctor->settings->vhost_user && strstr(name.release, "-cloud-")) {
		finding_found(finding, "Linux %s: Debian's kernels for clouds have no DRM drivers",
			name.release);
		return finding_remedy(finding, CHECK_FAILED,
			"sudo apt install linux-image-amd64, sudo apt purge 'linux-image*cloud*', "
			"and "
			"reboot");
	}
	if (doctor->settings->vhost_user || sscanf(name.release, "%u.%u", &major, &minor) != 2 ||
		major > 5 || (major == 5 && minor >= 16))
		return finding_ok(finding, "Linux %s", name.release);
	finding_found(finding, "Linux %s: its virtio_gpu has no context types", name.release);
	return finding_remedy(finding, CHECK_FAILED,
		"install a kernel of 5.16 or later (Debian 12's is 6.1), and boot it");
}

/* Takes @fd, of @path or -errno. */
static struct node node_of(const char *path, int fd)
{
	struct node node = {.fd = fd};

	snprintf(node.path, sizeof(node.path), "%s", path);
	if (node.fd >= 0)
		virtgpu_driver_name(node.fd, node.driver, sizeof(node.driver));
	return node;
}

/* The higher, the more likely it is the one that is meant. */
static int node_rank(const struct node *node)
{
	if (node->fd >= 0)
		return virtgpu_is_driver(node->driver) ? 3 : 1;
	return node->fd == -ENOENT ? 0 : 2;
}

static bool visit_node(void *data, const char *path, int fd)
{
	struct doctor *doctor = data;
	struct node node = node_of(path, fd);

	if (node_rank(&node) > node_rank(&doctor->node)) {
		fd_close(&doctor->node.fd);
		doctor->node = node;
	} else {
		fd_close(&node.fd);
	}
	return false;
}

static enum check_result check_node(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (doctor->settings->vhost_user)
		return finding_skip(finding, "not needed with --vhost-user");
	if (doctor->settings->device)
		doctor->node =
			node_of(doctor->settings->device, virtgpu_open(doctor->settings->device));
	else
		render_nodes_visit(visit_node, doctor);
	if (doctor->node.fd != -ENOENT)
		return finding_ok(finding, "%s", doctor->node.path);
	if (doctor->settings->device) {
		finding_found(finding, "%s: there is no such file", doctor->settings->device);
		return finding_remedy(finding, CHECK_FAILED,
			"leave --device (and $WAYFERRY_GUEST_DEVICE) out, or see ls /dev/dri");
	}
	finding_found(finding, "none in /dev/dri");
	return finding_remedy(finding, CHECK_FAILED,
		"give the machine wayferry-host's virtio-gpu device (README: In a virtual "
		"machine); if lspci shows it, sudo modprobe virtio_gpu");
}

/* The name of the group that may open @path, or NULL. */
static const char *group_of(const char *path)
{
	struct stat status;
	const struct group *group = stat(path, &status) == 0 ? getgrgid(status.st_gid) : NULL;

	return group && (status.st_mode & 060) == 060 && status.st_gid != 0 ? group->gr_name : NULL;
}

static enum check_result check_permissions(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *user = getenv("USER"), *path = doctor->node.path, *group;

	if (doctor->settings->vhost_user || doctor->node.fd == -ENOENT)
		return finding_skip(finding, no_node);
	if (doctor->node.fd >= 0)
		return finding_ok(finding, "%s can be opened", path);
	finding_found(finding, "%s: %s", path, strerror(-doctor->node.fd));
	if (doctor->node.fd != -EACCES && doctor->node.fd != -EPERM)
		return finding_remedy(finding, CHECK_FAILED,
			"see what the kernel says about the device: sudo dmesg | grep -i virtio");
	group = group_of(path);
	if (!group)
		return finding_remedy(finding, CHECK_FAILED,
			"no group may open it: install udev, which gives it to the group render "
			"(for now: sudo chgrp render %s && sudo chmod 660 %s)",
			path, path);
	return finding_remedy(finding, CHECK_FAILED,
		"sudo usermod -aG %s %s, then end all sessions (loginctl terminate-user %s) and "
		"log in again",
		group, user ? user : "$USER", user ? user : "$USER");
}

static enum check_result check_driver(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (doctor->node.fd < 0)
		return finding_skip(finding, no_node);
	if (virtgpu_is_driver(doctor->node.driver))
		return finding_ok(finding, "%s", doctor->node.driver);
	finding_found(finding, "%s: %s, and not virtio_gpu", doctor->node.path,
		doctor->node.driver[0] ? doctor->node.driver : "no DRM driver at all");
	return finding_remedy(finding, CHECK_FAILED,
		"give --device the node of the virtio-gpu device (ls -l /dev/dri/by-path), or the "
		"machine such a device");
}

static bool has_driver(const struct doctor *doctor)
{
	return doctor->node.fd >= 0 && virtgpu_is_driver(doctor->node.driver);
}

/* @argument: which of virtgpu_features. */
static enum check_result check_feature(void *world, struct finding *finding, int argument)
{
	const struct virtgpu_feature *feature = &virtgpu_features[argument];
	struct doctor *doctor = world;

	if (!has_driver(doctor))
		return finding_skip(finding, no_node);
	int value = virtgpu_get_param(doctor->node.fd, feature->param);
	if (value & feature->mask)
		return finding_ok(finding, "%s is %#x", feature->name, (unsigned)value);
	doctor->n_missing++;
	finding_found(finding, "%s is %#x: %s", feature->name, (unsigned)value, feature->lack);
	return finding_remedy(finding, CHECK_FAILED, "%s", feature->remedy);
}

static enum check_result check_region(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;

	if (!has_driver(doctor))
		return finding_skip(finding, no_node);
	if (virtgpu_get_param(doctor->node.fd, VIRTGPU_HOST_VISIBLE))
		return finding_ok(
			finding, "HOST_VISIBLE: the device has a region for the host's memory");
	finding_found(finding, "no HOST_VISIBLE: pixels are copied once more, on the host");
	return finding_remedy(finding, CHECK_WARNING,
		"use a monitor that maps the device's memory (QEMU 11 with "
		"vhost-user-test-device-pci); some, like User-Mode Linux, cannot");
}

/* The device */

static enum check_result check_device(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	const char *path = doctor->settings->vhost_user;

	if (path) {
		doctor->gpu = gpu_vhost_user_open(doctor->loop, path);
		if (doctor->gpu)
			return finding_ok(finding, "%s answers", path);
		finding_found(finding, "%s: nobody who serves a device", path);
		return finding_remedy(finding, CHECK_FAILED,
			access(path, F_OK) < 0
				? "start wayferry-host --socket PATH (or enable its unit), and "
				  "give --vhost-user the same path"
				: "start wayferry-host again if it ended; if a machine or another "
				  "wayferry-guest has its device, end that or use a second "
				  "wayferry-host");
	}
	if (!has_driver(doctor) || doctor->n_missing > 0)
		return finding_skip(finding, "there is no device that would do");
	doctor->gpu = gpu_virtgpu_open(doctor->loop, doctor->node.path);
	if (doctor->gpu)
		return finding_ok(finding, "%s opens", doctor->node.path);
	finding_found(finding, "%s does not give its capset", doctor->node.path);
	return finding_remedy(finding, CHECK_FAILED,
		"see whether wayferry-host still runs; if it was restarted, replace the device or "
		"restart the machine");
}

static enum check_result check_capset(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	struct cross_domain_capset_ext capset = {0};

	if (!doctor->gpu)
		return finding_skip(finding, no_device);
	int size = doctor->gpu->ops->capset(
		doctor->gpu, CROSS_DOMAIN_CAPSET_ID, &capset, sizeof(capset));
	bool ours = size >= (int)sizeof(capset) && capset.magic == CROSS_DOMAIN_WAYFERRY_MAGIC;
	if (size >= (int)sizeof(capset.base) &&
		(capset.base.supported_channels & (1u << CROSS_DOMAIN_CHANNEL_WAYLAND)))
		return finding_ok(finding, "version %u, channels %#x, dma-buf %u%s",
			capset.base.version, capset.base.supported_channels,
			capset.base.supports_dmabuf, ours ? ", wayferry-host" : "");
	finding_found(finding, "version %u, channels %#x: none for Wayland", capset.base.version,
		capset.base.supported_channels);
	return finding_remedy(finding, CHECK_FAILED,
		"switch Wayland on in the host's device (crosvm: --gpu context-types=cross-domain "
		"and --wayland-sock), or use wayferry-host");
}

/* What became of a context, and of memory in it. */
struct trial {
	const char *lost; /* NULL: it is not */
	bool answered;    /* about the memory */
	int error;
};

static void handle_fence(void *data)
{
}

static void handle_done(void *data, unsigned n)
{
}

static void handle_blob(void *data, struct gpu_blob *blob, int error)
{
	struct trial *trial = data;
	trial->answered = true;
	trial->error = error;
}

static void handle_lost(void *data, const char *why)
{
	struct trial *trial = data;
	trial->lost = why;
}

/* 0 or -errno: there is no memory in @context. */
static int try_memory(struct doctor *doctor, struct trial *trial, struct gpu_context *context)
{
	const struct gpu_ops *ops = doctor->gpu->ops;
	struct gpu_blob *blob = NULL;

	int error = ops->blob_create(context, GPU_BLOB_GUEST, 0, CROSS_DOMAIN_RING_BYTES, &blob);
	while (error == -EINPROGRESS && !trial->answered && !trial->lost)
		wl_event_loop_dispatch(doctor->loop, -1);
	if (trial->answered)
		error = trial->error;
	if (error == 0)
		memset(blob->map, 0, blob->size);
	ops->blob_destroy(blob);
	return error;
}

/* A context, and memory in it. */
static enum check_result check_context(void *world, struct finding *finding, int argument)
{
	static const struct gpu_listener listener = {
		.event = handle_fence,
		.answered = handle_fence,
		.done = handle_done,
		.blob = handle_blob,
		.lost = handle_lost,
	};
	struct doctor *doctor = world;
	struct trial trial = {0};
	struct gpu_context *context;

	if (!doctor->gpu)
		return finding_skip(finding, no_device);
	const struct gpu_ops *ops = doctor->gpu->ops;
	int error = ops->context_create(doctor->gpu, &listener, &trial, &context);
	if (error == 0) {
		trial.error = try_memory(doctor, &trial, context);
		ops->context_destroy(context);
	}
	if (error < 0 || trial.lost) {
		finding_found(finding, "the device makes none: %s",
			trial.lost ? trial.lost : strerror(-error));
		return finding_remedy(finding, CHECK_FAILED,
			"see what wayferry-host says (journalctl --user -u 'wayferry-host@*'); it "
			"may have reached its limit of applications");
	}
	if (trial.error < 0) {
		finding_found(finding, "one can be made, but no memory for it: %s",
			strerror(-trial.error));
		return finding_remedy(finding, CHECK_FAILED,
			"give the machine more memory, and, with QEMU, a shared memory backend "
			"(memory-backend-memfd,share=on)");
	}
	doctor->context_works = true;
	return finding_ok(finding, "one was made, with memory in it");
}

/* The host's compositor */

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct doctor *doctor = data;

	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	registry_probe_feed(&doctor->probe, bytes, size);
}

static void handle_pipe_data(
	void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
}

static void handle_ready(void *data)
{
}

static void handle_blobs(void *data)
{
}

static void handle_closed(void *data, const char *why)
{
	struct doctor *doctor = data;

	doctor->closed = true;
	snprintf(doctor->why_closed, sizeof(doctor->why_closed), "%s",
		why ? why : "the host hung up");
}

static void handle_global(void *data, const char *interface, uint32_t version)
{
	struct doctor *doctor = data;

	doctor->n_globals++;
	doctor->has_windows |= strcmp(interface, "xdg_wm_base") == 0;
	doctor->has_seat |= strcmp(interface, "wl_seat") == 0;
}

/* Asks for the compositor's globals and waits for them. */
static void ask_registry(struct doctor *doctor)
{
	int64_t deadline = monotonic_ms() + ANSWER_MS, left;
	size_t size;
	const uint8_t *requests = registry_probe_requests(&size);

	if (channel_send(doctor->channel, requests, size, NULL, 0) < 0 ||
		channel_flush(doctor->channel) < 0)
		return;
	while (!doctor->closed && !doctor->probe.done && !doctor->probe.error[0] &&
		(left = deadline - monotonic_ms()) > 0)
		wl_event_loop_dispatch(doctor->loop, (int)left);
}

static enum check_result check_compositor(void *world, struct finding *finding, int argument)
{
	static const struct channel_listener listener = {
		.receive = handle_receive,
		.pipe_data = handle_pipe_data,
		.blobs = handle_blobs,
		.ready = handle_ready,
		.closed = handle_closed,
	};
	struct doctor *doctor = world;

	if (!doctor->context_works)
		return finding_skip(finding, "there is no context to ask through");
	doctor->probe.global = handle_global;
	doctor->probe.data = doctor;
	doctor->channel = channel_create(doctor->gpu, &listener, doctor);
	if (doctor->channel)
		ask_registry(doctor);
	if (!doctor->probe.done) {
		const char *why = doctor->probe.error[0] ? doctor->probe.error
			: doctor->closed                 ? doctor->why_closed
			: doctor->channel                ? "no answer"
							 : "no channel to it";
		finding_found(finding, "not reached: %s", why);
		return finding_remedy(finding, CHECK_FAILED,
			"on the host, run wayferry-host doctor: is there a compositor, and has "
			"wayferry-host its name (--wayland-display)?");
	}
	finding_found(finding, "answers, with %u globals%s", doctor->n_globals,
		!doctor->has_windows        ? ", but without xdg_wm_base: no windows"
			: !doctor->has_seat ? ", but without wl_seat: no input"
					    : "");
	if (doctor->has_windows && doctor->has_seat)
		return CHECK_OK;
	return finding_remedy(finding, doctor->has_windows ? CHECK_WARNING : CHECK_FAILED,
		"on the host, see wayferry-host doctor for what the compositor offers, and give "
		"--wayland-display another one if this was not meant");
}

static enum check_result check_buffers(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	struct channel_blob *blob;

	if (!doctor->probe.done || doctor->closed)
		return finding_skip(finding, "there is no channel to the compositor");
	int error = channel_blob_create(doctor->channel, CROSS_DOMAIN_RING_BYTES, &blob);
	while (error == 0 && blob->status == -EINPROGRESS && !doctor->closed)
		wl_event_loop_dispatch(doctor->loop, -1);
	if (error == 0 && blob->status < 0) {
		error = blob->status;
		channel_blob_unref(blob);
	}
	if (error < 0) {
		finding_found(finding, "none can be made: %s", strerror(-error));
		return finding_remedy(finding, CHECK_FAILED,
			"see what wayferry-host says; give it a larger --window-size if it has no "
			"room");
	}
	memset(blob->map, 0xff, blob->size);
	bool kept = blob->map[blob->size - 1] == 0xff;
	channel_blob_unref(blob);
	if (!kept) {
		finding_found(finding, "what is written into them is lost");
		return finding_remedy(finding, CHECK_FAILED, "restart the machine");
	}
	return finding_ok(finding, "%s",
		doctor->gpu->memory == GPU_BLOB_HOST
			? "the host's memory, mapped here: the compositor reads what is written"
			: "memory of this machine, which the host copies");
}

/* The service */

static enum check_result check_unit(void *world, struct finding *finding, int argument)
{
	char state[32];

	checks_unit_state(SOCKET_UNIT, state, sizeof(state));
	if (strcmp(state, "active") == 0)
		return finding_ok(finding, "%s is active", SOCKET_UNIT);
	if (strcmp(state, "failed") == 0) {
		finding_found(finding, "%s has failed", SOCKET_UNIT);
		return finding_remedy(finding, CHECK_WARNING,
			"systemctl --user status %s says why; then systemctl --user restart it",
			SOCKET_UNIT);
	}
	finding_found(finding, "%s is %s", SOCKET_UNIT,
		state[0] ? state : "out of sight: no user manager of systemd answers");
	return finding_remedy(finding, CHECK_WARNING,
		"systemctl --user enable --now %s, or run single applications: wayferry-guest -- "
		"COMMAND",
		SOCKET_UNIT);
}

static enum check_result check_variable(void *world, struct finding *finding, int argument)
{
	const char *directory = getenv("XDG_RUNTIME_DIR"), *name = getenv("WAYLAND_DISPLAY");
	bool absolute = name && name[0] == '/';
	char path[256];

	if (!name || !name[0]) {
		finding_found(finding, "$WAYLAND_DISPLAY is not set here");
		return finding_remedy(finding, CHECK_WARNING,
			"log in again once %s is active (login shells read "
			"/etc/profile.d/wayferry.sh), or export WAYLAND_DISPLAY=wayferry-0",
			SOCKET_UNIT);
	}
	snprintf(path, sizeof(path), "%s%s%s", absolute || !directory ? "" : directory,
		absolute ? "" : "/", name);
	if (access(path, F_OK) == 0)
		return finding_ok(finding, "$WAYLAND_DISPLAY is %s", name);
	finding_found(finding, "$WAYLAND_DISPLAY is %s, and nothing is there", name);
	return finding_remedy(finding, CHECK_WARNING,
		"export WAYLAND_DISPLAY=wayferry-0, or unset it in the file that sets it");
}

static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	for (size_t length; path && *path; path += length + (path[length] == ':')) {
		length = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);
		if (n > 0 && (size_t)n < sizeof(file) && access(file, X_OK) == 0)
			return true;
	}
	return false;
}

/* X11 applications are an extra. */
static enum check_result check_x11(void *world, struct finding *finding, int argument)
{
	static const char *const units[] = {X11_SERVICE, X11_UNIT};
	char state[32];

	if (!is_in_path("wayferry-x11"))
		return finding_skip(finding, "wayferry-x11 is not installed");
	if (!is_in_path("Xwayland")) {
		finding_found(finding, "there is no Xwayland");
		return finding_remedy(finding, CHECK_WARNING,
			"install it (package xwayland), for X11 applications");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		checks_unit_state(units[i], state, sizeof(state));
		if (strcmp(state, "active") == 0)
			return finding_ok(finding, "%s is active", units[i]);
	}
	finding_found(finding, "%s is %s", X11_UNIT,
		state[0] ? state : "out of sight: no user manager of systemd answers");
	return finding_remedy(finding, CHECK_WARNING,
		"systemctl --user enable --now %s, or run single applications: wayferry-x11 -- "
		"COMMAND",
		X11_UNIT);
}

static const struct check checks[] = {
	{"kernel", check_kernel, 0},
	{"runtime directory", check_runtime, 0},
	{"render node", check_node, 0},
	{"permissions", check_permissions, 0},
	{"driver", check_driver, 0},
	{"contexts", check_feature, 0},
	{"capset query", check_feature, 1},
	{"blobs", check_feature, 2},
	{"context types", check_feature, 3},
	{"capsets", check_feature, 4},
	{"host-visible region", check_region, 0},
	{"device", check_device, 0},
	{"capset 5", check_capset, 0},
	{"context", check_context, 0},
	{"compositor", check_compositor, 0},
	{"buffers", check_buffers, 0},
	{"open files", check_open_files, FILES_WANTED},
	{"service", check_unit, 0},
	{"variable", check_variable, 0},
	{"X11", check_x11, 0},
};
static_assert(VIRTGPU_N_FEATURES == 5, "a line for each feature");

static void handle_silence(int number)
{
	static const char text[] =
		"FAILED   answer           the device has not answered for 20 s\n"
		"                          -> see whether wayferry-host still runs on the host; "
		"after "
		"its restart, replace the device or restart the machine\n";
	ssize_t written = write(STDOUT_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(1);
}

int doctor_run(const struct doctor_settings *settings, FILE *out)
{
	struct doctor doctor = {.settings = settings, .node = {.fd = -ENOENT}};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, handle_silence);
	alarm(SILENCE_S);
	log_set_level(LOG_LEVEL_ERROR);
	doctor.loop = wl_event_loop_create();
	if (!doctor.loop)
		return EXIT_FAILURE;
	size_t n_failed = checks_run(checks, ARRAY_LENGTH(checks), &doctor, out);
	if (n_failed > 0)
		fprintf(out, "\n%zu of %zu checks failed: applications would have no windows.\n",
			n_failed, ARRAY_LENGTH(checks));
	channel_destroy(doctor.channel);
	if (doctor.gpu)
		doctor.gpu->ops->destroy(doctor.gpu);
	if (doctor.node.fd >= 0)
		close(doctor.node.fd);
	wl_event_loop_destroy(doctor.loop);
	alarm(0);
	return n_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
