/*
 * An application and a compositor, and between them a client of guest-proxy/clients over a channel
 * that is made up. What either end hears is kept as text, a word for each message and its
 * arguments.
 */
#ifndef TESTS_DMABUF_RIG_H
#define TESTS_DMABUF_RIG_H

#include <drm_fourcc.h>

#include "guest-proxy/clients/clients.h"
#include "protocol/base/bytes.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/wayland_rig.h"

#define NODE "/dev/dri/renderD130"
#define DMABUF "zwp_linux_dmabuf_v1"
#define TILED UINT64_C(0x0100000000000002)
#define HI(modifier)                                                                               \
	{                                                                                          \
		.u = (uint32_t)((uint64_t)(modifier) >> 32)                                        \
	}
#define LO(modifier)                                                                               \
	{                                                                                          \
		.u = (uint32_t)(modifier)                                                          \
	}
#define AR24 DRM_FORMAT_ARGB8888
#define XR24 DRM_FORMAT_XRGB8888
#define DMABUF_GLOBAL 7
#define COMPOSITOR_GLOBAL 8

struct end {
	struct rig_peer peer;
	char said[8192]; /* to it */
	size_t n_said;
};

extern struct wl_event_loop *loop;
extern struct gpu gpu;
extern struct clients *clients;
extern int fd; /* the application's end */
extern struct end app, host;
extern uint32_t registry, host_registry;
extern struct wire_handle table; /* the last format_table */
extern uint32_t dmabuf_version;

int setup(void **state);
int teardown(void **state);
void again(void **state);

void hear(struct rig_peer *peer, const struct rig_message *message);
void deliver_to_host(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n);
/* Lets the proxy work, and the application hear. */
void run(void);
/* What was said to @end since the last time is @text. */
void expect(struct end *end, const char *text);
void forget_what_was_said(void);
/* Lines of the counters. */
void expect_counters(const char *lines);

/* A request of the application, with @with, an fd (borrowed). */
void ask(uint32_t id, const char *name, const union wire_arg *args);
void ask_with(uint32_t id, const char *name, const union wire_arg *args, int with);
/* An event of the host, with what is in @blob (taken) for an fd. */
void tell(uint32_t id, const char *name, const union wire_arg *args);
void tell_with(
	uint32_t id, const char *name, const union wire_arg *args, struct channel_blob *blob);

/* A registry, in which the host tells of linux-dmabuf. */
void announce(uint32_t host_version);
uint32_t bind_global(uint32_t name, const char *interface, uint32_t version);
uint32_t bind_dmabuf(uint32_t version);
/* Formats of a zwp_linux_dmabuf_v1 of the host. */
void tell_pairs(uint32_t id);

/* A dma-buf (fake_channel.h) that is finished, or not; *@finish finishes it. */
int make_dmabuf(bool finished, int *finish);
uint32_t new_params(uint32_t manager);
void add(uint32_t params, int dmabuf, uint32_t plane);
/* A wl_buffer of 16 x 16 pixels in @dmabuf. */
uint32_t make_buffer(uint32_t manager, int dmabuf);
/* One that is the host's alone, of its other globals. */
uint32_t make_pixel_buffer(void);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
