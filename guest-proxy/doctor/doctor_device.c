/* The guest's doctor: the device, a context of it, and memory. */
#include "guest-proxy/doctor/doctor_checks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/gpu/vhost_user/gpu_vhost_user.h"
#include "guest-proxy/gpu/virtgpu/gpu_virtgpu.h"
#include "protocol/formats/cross_domain.h"

static const char no_device[] = "there is no device to ask";

enum check_result check_device(void *world, struct finding *finding, int argument)
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

enum check_result check_capset(void *world, struct finding *finding, int argument)
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
enum check_result check_context(void *world, struct finding *finding, int argument)
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
