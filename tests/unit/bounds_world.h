/*
 * Surfaces that a window's bounds hold for (window_world.h), and what the compositor is told of
 * each of their commits. One program includes it once.
 */
#ifndef TESTS_UNIT_BOUNDS_WORLD_H
#define TESTS_UNIT_BOUNDS_WORLD_H

#include <string.h>

#include "tests/unit/window_world.h"

static inline int set_up_globals(void **state)
{
	set_up(state);
	bind_window_globals();
	return 0;
}

/* Whether the compositor is told next that @surface shows a buffer. */
static inline bool attaches(struct test_surface surface)
{
	const struct captured *up = &world.sent[RELAY_UP];
	struct wire_header header = {0};
	uint32_t buffer = 0;

	if (up->size < WIRE_HEADER_BYTES + sizeof(buffer))
		return false;
	assert_int_equal(wire_header_decode(up->bytes, &header), 0);
	memcpy(&buffer, up->bytes + WIRE_HEADER_BYTES, sizeof(buffer));
	return header.id == up_id(surface.id) && buffer &&
		header.opcode == relay_opcode(interface_find("wl_surface"), RELAY_DOWN, "attach");
}

/* What is sent then, behind the buffer. */
static inline void commit(struct test_surface surface)
{
	clear();
	request("wl_surface", "commit", surface.id, ARGS({0}));
	if (attaches(surface))
		take_up("wl_surface", "attach");
}

static inline uint32_t show(struct test_surface surface, int32_t width, int32_t height)
{
	uint32_t buffer = attach(surface, width, height);
	commit(surface);
	return buffer;
}

static inline struct test_surface create_window(int32_t width, int32_t height)
{
	struct test_surface window = create_toplevel();
	show(window, width, height);
	return window;
}

static inline void desync(struct test_surface surface)
{
	request("wl_subsurface", "set_desync", surface.role, ARGS({0}));
}

static inline void expect_commits(unsigned n)
{
	while (n-- > 0)
		take_up("wl_surface", "commit");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

/* A surface is taken off: nothing is attached, and @commits follow. */
static inline void expect_taken_off(unsigned commits)
{
	take_up("wl_surface", "attach");
	assert_int_equal(args[0].id, 0);
	expect_commits(commits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_globals, tear_down)

#endif
