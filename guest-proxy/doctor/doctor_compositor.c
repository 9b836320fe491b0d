/* The guest's doctor: the host's compositor, and buffers that it sees. */
#include "guest-proxy/doctor/doctor_checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/monotonic.h"
#include "protocol/formats/cross_domain.h"

#define ANSWER_MS 5000

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct doctor *doctor = data;

	wire_handles_drop(handles, n_handles);
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

enum check_result check_compositor(void *world, struct finding *finding, int argument)
{
	static const struct channel_listener listener = {
		.receive = handle_receive,
		.pipe_data = handle_pipe_data,
		.blobs = handle_blobs,
		.ready = handle_ready,
		.clock = doctor_hear_clock,
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

enum check_result check_buffers(void *world, struct finding *finding, int argument)
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
