/* host-bridge/policy/surfaces/policy_surface.c and policy_regions.c: what surfaces may cost. */
#include "host-bridge/policy/surfaces/policy_surface.h"

#include <string.h>
#include <wayland-server-protocol.h>

#include "tests/unit/policy_world.h"

static struct pair compositor, subcompositor;

static int set_up_globals(void **state)
{
	set_up(state);
	compositor = bind_global("wl_compositor");
	subcompositor = bind_global("wl_subcompositor");
	return 0;
}

static uint32_t create(const char *request_name)
{
	uint32_t id = world.next_id++;
	request("wl_compositor", request_name, compositor.down, ARGS({.id = id}));
	captured_clear(&world.sent[RELAY_UP]);
	return id;
}

static int nest(uint32_t surface, uint32_t parent)
{
	return push(RELAY_DOWN, "wl_subcompositor", "get_subsurface", subcompositor.down,
		ARGS({.id = world.next_id++}, {.id = surface}, {.id = parent}), no_handle);
}

static void expect_limit(const char *name)
{
	captured_clear(&world.sent[RELAY_UP]);
	expect_error(1, WL_DISPLAY_ERROR_NO_MEMORY);
	assert_non_null(strstr(args[2].s, name));
}

static void a_machine_has_so_many_surfaces(void **state)
{
	quota_set(&world.quota, "surfaces", "2");
	uint32_t first = create("create_surface");
	create("create_surface");
	request("wl_surface", "destroy", first, ARGS({0}));
	create("create_surface");
	assert_true(push(RELAY_DOWN, "wl_compositor", "create_surface", compositor.down,
			    ARGS({.id = world.next_id++}), no_handle) < 0);
	expect_limit("limit of surfaces (2)");
}

static void subsurfaces_are_not_nested_for_ever(void **state)
{
	uint32_t surface = create("create_surface");
	for (int depth = 1; depth <= 32; depth++) {
		uint32_t parent = surface;
		surface = create("create_surface");
		assert_int_equal(nest(surface, parent), 0);
	}
	assert_true(nest(create("create_surface"), surface) < 0);
	expect_limit("limit of subsurface-depth (32)");
}

static void trees_that_are_joined_count_whole(void **state)
{
	uint32_t a = create("create_surface"), b = create("create_surface"),
		 c = create("create_surface"), d = create("create_surface");
	quota_set(&world.quota, "subsurface-depth", "2");
	assert_int_equal(nest(b, a), 0);
	assert_int_equal(nest(d, c), 0);
	assert_true(nest(c, b) < 0); /* a - b - c - d */
	expect_limit("limit of subsurface-depth (2)");
}

static void a_surface_is_not_below_itself(void **state)
{
	uint32_t a = create("create_surface"), b = create("create_surface");
	assert_int_equal(nest(b, a), 0);
	captured_clear(&world.sent[RELAY_UP]);
	assert_true(nest(a, b) < 0);
	expect_error(subcompositor.down, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE);
}

static void surfaces_of_a_tree_may_end_in_any_order(void **state)
{
	uint32_t a = create("create_surface"), b = create("create_surface"),
		 c = create("create_surface"), role = world.next_id;
	assert_int_equal(nest(b, a), 0);
	assert_int_equal(nest(c, b), 0);
	request("wl_surface", "destroy", b, ARGS({0}));
	request("wl_subsurface", "destroy", role, ARGS({0}));
	request("wl_surface", "destroy", a, ARGS({0}));
	request("wl_surface", "destroy", c, ARGS({0}));
}

static int change(uint32_t region, const char *how, int32_t x, int32_t y, int32_t w, int32_t h)
{
	int result = push(RELAY_DOWN, "wl_region", how, region,
		ARGS({.i = x}, {.i = y}, {.i = w}, {.i = h}), no_handle);
	while (world.connection.held && result == 0) { /* until there is time for it */
		world.connection.held = false;
		result = relay_push(world.relay, RELAY_DOWN, NULL, 0, NULL, 0);
	}
	return result;
}

static void a_region_has_so_many_rectangles_however_it_is_made(void **state)
{
	uint32_t region = create("create_region");
	int result = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(change(region, "add", 0, 10 * i, 1000, 5), 0);
	for (int i = 0; i < 100 && result == 0; i++) /* a hundred columns out of a hundred rows */
		result = change(region, "subtract", 10 * i, 0, 5, 1000);
	assert_true(result < 0);
	expect_limit("limit of region-rectangles (1024)");
}

static void rectangles_out_of_this_world_are_no_fault(void **state)
{
	uint32_t region = create("create_region");
	assert_int_equal(change(region, "add", INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX), 0);
	assert_int_equal(change(region, "add", INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX), 0);
	assert_int_equal(change(region, "add", 0, 0, -5, 5), 0);
	assert_int_equal(change(region, "subtract", INT32_MIN, 0, INT32_MIN, 1), 0);
}

static void surfaces_keep_regions_that_are_gone(void **state)
{
	uint32_t region = create("create_region"), surface = create("create_surface");
	for (int i = 0; i < 10; i++)
		change(region, "add", 0, 10 * i, 1 + i, 5);
	assert_int_equal(world.quota.entries[QUOTA_RECTANGLES].use, 10);
	request("wl_surface", "set_input_region", surface, ARGS({.id = region}));
	request("wl_surface", "set_opaque_region", surface, ARGS({.id = region}));
	request("wl_region", "destroy", region, ARGS({0}));
	assert_int_equal(world.quota.entries[QUOTA_RECTANGLES].use, 20);
	request("wl_surface", "set_input_region", surface, ARGS({.id = 0}));
	assert_int_equal(world.quota.entries[QUOTA_RECTANGLES].use, 10);
	request("wl_surface", "destroy", surface, ARGS({0}));
	assert_int_equal(world.quota.entries[QUOTA_RECTANGLES].use, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_globals, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_machine_has_so_many_surfaces),
		TEST(subsurfaces_are_not_nested_for_ever),
		TEST(trees_that_are_joined_count_whole),
		TEST(a_surface_is_not_below_itself),
		TEST(surfaces_of_a_tree_may_end_in_any_order),
		TEST(a_region_has_so_many_rectangles_however_it_is_made),
		TEST(rectangles_out_of_this_world_are_no_fault),
		TEST(surfaces_keep_regions_that_are_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
