/*
 * A compositor with or without linux-dmabuf, and a guest that binds the one that it is offered. One
 * program includes it once.
 */
#ifndef TESTS_UNIT_DMABUF_OFFER_H
#define TESTS_UNIT_DMABUF_OFFER_H

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "tests/unit/policy_world.h"

#define SHM_NAME 70
#define DMABUF_NAME 71

static struct {
	struct pair shm, manager; /* manager: zwp_linux_dmabuf_v1 */
} offer;

/* The compositor's globals; the guest's sync is answered. */
static inline void announce(bool has_dmabuf)
{
	uint32_t callback = world.next_id++;

	event("wl_registry", "global", REGISTRY, ARGS({.u = SHM_NAME}, {.s = "wl_shm"}, {.u = 1}));
	if (has_dmabuf)
		event("wl_registry", "global", REGISTRY,
			ARGS({.u = DMABUF_NAME}, {.s = "zwp_linux_dmabuf_v1"}, {.u = 6}));
	request("wl_display", "sync", 1, ARGS({.id = callback}));
	take_up("wl_display", "sync");
	event("wl_callback", "done", args[0].id, ARGS({.u = 0}));
}

static inline const char *take_global(uint32_t *name, uint32_t *version)
{
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_registry", "global", REGISTRY, args);
	*name = args[0].u;
	*version = args[2].u;
	return args[1].s;
}

/* zwp_linux_dmabuf_v1, the compositor's or ours, with the formats of its wl_shm. */
static inline void bind_formats(bool has_dmabuf)
{
	static const uint32_t formats[] = {
		WL_SHM_FORMAT_ARGB8888, WL_SHM_FORMAT_XRGB8888, DRM_FORMAT_RGB565, DRM_FORMAT_NV12};
	uint32_t name = 0, version = 0;

	announce(has_dmabuf);
	assert_string_equal(take_global(&name, &version), "wl_shm");
	assert_string_equal(take_global(&name, &version), "zwp_linux_dmabuf_v1");
	captured_clear(&world.sent[RELAY_DOWN]);
	offer.manager.down = world.next_id++;
	request("wl_registry", "bind", REGISTRY,
		ARGS({.u = name}, {.s = "zwp_linux_dmabuf_v1"}, {.u = version},
			{.id = offer.manager.down}));
	take_up("wl_registry", "bind");
	assert_int_equal(args[0].u, SHM_NAME);
	offer.shm.up = args[3].id;
	if (has_dmabuf) {
		take_up("wl_registry", "bind");
		offer.manager.up = args[3].id;
	}
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		event("wl_shm", "format", offer.shm.up, ARGS({.u = formats[i]}));
}

#endif
