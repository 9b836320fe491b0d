/*
 * Windows of a guest and what they show, on the policy's world (policy_world.h). One program
 * includes it once.
 */
#ifndef TESTS_UNIT_WINDOW_WORLD_H
#define TESTS_UNIT_WINDOW_WORLD_H

#include "tests/unit/policy_world.h"

static struct {
	struct pair compositor, subcompositor, viewporter, wm_base, pixels, shm;
} t;

struct test_surface {
	uint32_t id, viewport, role, toplevel;
};

static inline void bind_window_globals(void)
{
	t.compositor = bind_global("wl_compositor");
	t.subcompositor = bind_global("wl_subcompositor");
	t.viewporter = bind_global("wp_viewporter");
	t.wm_base = bind_global("xdg_wm_base");
	t.pixels = bind_global("wp_single_pixel_buffer_manager_v1");
	t.shm = bind_global("wl_shm");
}

static inline void clear(void)
{
	captured_clear(&world.sent[RELAY_UP]);
	captured_clear(&world.sent[RELAY_DOWN]);
}

static inline struct test_surface create_surface(void)
{
	struct test_surface surface = {world.next_id++, world.next_id++, 0, 0};
	request("wl_compositor", "create_surface", t.compositor.down, ARGS({.id = surface.id}));
	request("wp_viewporter", "get_viewport", t.viewporter.down,
		ARGS({.id = surface.viewport}, {.id = surface.id}));
	return surface;
}

/* The next commit of @surface shows a new buffer at this size. Returns the buffer. */
static inline uint32_t attach(struct test_surface surface, int32_t width, int32_t height)
{
	uint32_t buffer = world.next_id++;
	request("wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", t.pixels.down,
		ARGS({.id = buffer}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}));
	request("wp_viewport", "set_destination", surface.viewport,
		ARGS({.i = width}, {.i = height}));
	request("wl_surface", "attach", surface.id, ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	return buffer;
}

/* A toplevel that shows nothing yet. */
static inline struct test_surface create_toplevel(void)
{
	struct test_surface window = create_surface();
	window.role = world.next_id++;
	window.toplevel = world.next_id++;
	request("xdg_wm_base", "get_xdg_surface", t.wm_base.down,
		ARGS({.id = window.role}, {.id = window.id}));
	request("xdg_surface", "get_toplevel", window.role, ARGS({.id = window.toplevel}));
	return window;
}

static inline struct test_surface attach_subsurface(struct test_surface parent)
{
	struct test_surface surface = create_surface();
	surface.role = world.next_id++;
	clear();
	request("wl_subcompositor", "get_subsurface", t.subcompositor.down,
		ARGS({.id = surface.role}, {.id = surface.id}, {.id = parent.id}));
	return surface;
}

/* A popup of @parent, of this size, so far from its corner. Its creation is what was sent last. */
static inline struct test_surface create_popup_at(struct test_surface parent, int32_t width,
	int32_t height, int32_t offset_x, int32_t offset_y)
{
	struct test_surface popup = create_surface();
	uint32_t positioner = world.next_id++;
	popup.role = world.next_id++;
	popup.toplevel = world.next_id++;
	request("xdg_wm_base", "create_positioner", t.wm_base.down, ARGS({.id = positioner}));
	request("xdg_positioner", "set_size", positioner, ARGS({.i = width}, {.i = height}));
	request("xdg_positioner", "set_anchor_rect", positioner,
		ARGS({.i = 10}, {.i = 20}, {.i = 5}, {.i = 6}));
	request("xdg_positioner", "set_anchor", positioner, ARGS({.u = 5 /* top left */}));
	request("xdg_positioner", "set_gravity", positioner, ARGS({.u = 8 /* bottom right */}));
	request("xdg_positioner", "set_offset", positioner, ARGS({.i = offset_x}, {.i = offset_y}));
	request("xdg_wm_base", "get_xdg_surface", t.wm_base.down,
		ARGS({.id = popup.role}, {.id = popup.id}));
	captured_clear(&world.sent[RELAY_UP]);
	request("xdg_surface", "get_popup", popup.role,
		ARGS({.id = popup.toplevel}, {.id = parent.role}, {.id = positioner}));
	return popup;
}

#endif
