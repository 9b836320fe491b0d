/* What the files of the guest's doctor share: what its checks have found so far, and the checks. */
#ifndef GUEST_PROXY_DOCTOR_DOCTOR_CHECKS_H
#define GUEST_PROXY_DOCTOR_DOCTOR_CHECKS_H

#include "guest-proxy/channel/channel.h"
#include "guest-proxy/doctor/doctor.h"
#include "guest-proxy/gpu/virtgpu_features.h"
#include "protocol/program/checks.h"
#include "protocol/wire/registry_probe.h"

struct node {
	char path[64];
	int fd; /* or -errno of opening it */
	char driver[32];
};

struct doctor_clock { /* the quickest answer of the host */
	unsigned n_answers;
	uint64_t way_ns;       /* there and back */
	int64_t difference_ns; /* the host's time less this machine's */
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
	struct doctor_clock clock;
};

/* Its node is there, and of virtio_gpu. */
static inline bool has_driver(const struct doctor *doctor)
{
	return doctor->node.fd >= 0 && virtgpu_is_driver(doctor->node.driver);
}

/* Each for `struct check` (protocol/program/checks.h), with a struct doctor as its world. */

/* The kernel, its driver and its device's node (doctor_node.c). check_feature: @argument of
 * virtgpu_features. */
enum check_result check_kernel(void *world, struct finding *finding, int argument);
enum check_result check_node(void *world, struct finding *finding, int argument);
enum check_result check_permissions(void *world, struct finding *finding, int argument);
enum check_result check_driver(void *world, struct finding *finding, int argument);
enum check_result check_feature(void *world, struct finding *finding, int argument);
enum check_result check_region(void *world, struct finding *finding, int argument);

/* The device, a context and memory in it (doctor_device.c). */
enum check_result check_device(void *world, struct finding *finding, int argument);
enum check_result check_capset(void *world, struct finding *finding, int argument);
enum check_result check_context(void *world, struct finding *finding, int argument);

/* The host's compositor, by way of a channel (doctor_compositor.c). */
enum check_result check_compositor(void *world, struct finding *finding, int argument);
enum check_result check_buffers(void *world, struct finding *finding, int argument);

/* The host's clock, by the same channel (doctor_clock.c). */
enum check_result check_clock(void *world, struct finding *finding, int argument);
/* channel_listener::clock */
void doctor_hear_clock(void *data, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns);

/* Where applications look for it: the directory, units, variables (doctor_service.c). */
enum check_result check_runtime(void *world, struct finding *finding, int argument);
enum check_result check_unit(void *world, struct finding *finding, int argument);
enum check_result check_variable(void *world, struct finding *finding, int argument);
enum check_result check_x11(void *world, struct finding *finding, int argument);

#endif
