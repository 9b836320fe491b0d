/* host-bridge/policy/windows/policy_bounds.c: surfaces keep to their windows, images are small. */
#include "host-bridge/policy/windows/policy_bounds.h"

#include "tests/unit/bounds_world.h"

static void set_position(struct test_surface surface, int32_t x, int32_t y)
{
	captured_clear(&world.sent[RELAY_UP]);
	request("wl_subsurface", "set_position", surface.role, ARGS({.i = x}, {.i = y}));
}

static void expect_position(int32_t x, int32_t y)
{
	take_up("wl_subsurface", "set_position");
	assert_int_equal(args[0].i, x);
	assert_int_equal(args[1].i, y);
}

static void subsurfaces_that_keep_to_their_window_are_left_alone(void **state)
{
	struct test_surface window = create_window(200, 150), inner = attach_subsurface(window),
			    shadow = attach_subsurface(window);
	set_position(inner, 10, 20);
	expect_position(10, 20);
	show(inner, 190, 130);
	expect_commits(1);
	set_position(shadow, -100, -100);
	expect_position(-100, -100);
	show(shadow, 400, 350);
	expect_commits(1);
	commit(window);
	expect_commits(1);
}

/* What the compositor shows of the inner one is what it was told before: the middle one is
 * committed. */
static void what_waits_below_a_window_is_settled_when_that_is_looked_at(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 150, 150);
	show(middle, 50, 50);
	commit(window);
	show(inner, 10, 10); /* waits for the middle one */
	show(window, 20, 20);
	take_up("wl_surface", "commit");
	take_up("wl_surface", "commit");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

static void expect_destination(int32_t width, int32_t height)
{
	take_up("wp_viewport", "set_destination");
	assert_int_equal(args[0].i, width);
	assert_int_equal(args[1].i, height);
}

/* A commit of ours, for what is below a surface that shall have another size with its guest's. */
static void expect_commit_at(int32_t size, int32_t later)
{
	expect_destination(size, size);
	take_up("wl_surface", "commit");
	expect_destination(later, later);
}

/* For the inner one the middle one is committed, but not with the size that waits for its guest. */
static void what_is_committed_for_a_guest_is_what_it_committed(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 50, 50);
	show(middle, 50, 50);
	commit(window);
	attach(middle, 4000, 4000);
	show(inner, 500, 500);
	commit(window);
	expect_commit_at(50, 4000);
	take_up("wl_surface", "attach"); /* the inner one is taken off, */
	assert_int_equal(args[0].id, 0);
	take_up("wl_surface", "commit");
	expect_commit_at(50, 4000); /* and the middle one is committed for it */
	expect_commits(1);
	clear();
	request("wl_surface", "commit", middle.id, ARGS({0}));
	take_up("wl_surface", "attach");
	take_up("wl_surface", "damage");
	expect_commits(1);
	commit(window); /* too large: all of it is the guest's now */
	expect_taken_off(2);
}

/* The new buffer is for this scale and that part of it: with the old one they are errors. */
static void how_a_buffer_is_shown_waits_for_it(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	const wl_fixed_t none = wl_fixed_from_int(-1), half = wl_fixed_from_double(0.5);
	show(inner, 50, 50);
	show(middle, 50, 50);
	commit(window);
	request("wl_surface", "set_buffer_scale", middle.id, ARGS({.i = 2}));
	request("wl_surface", "set_buffer_transform", middle.id, ARGS({.i = 3}));
	request("wp_viewport", "set_source", middle.viewport,
		ARGS({.f = half}, {.f = 2 * half}, {.f = 3 * half}, {.f = 4 * half}));
	request("wp_viewport", "set_destination", middle.viewport, ARGS({.i = -1}, {.i = -1}));
	set_position(inner, 1, 1);
	commit(window);
	take_up("wl_surface", "set_buffer_scale");
	assert_int_equal(args[0].i, 1);
	take_up("wl_surface", "set_buffer_transform");
	assert_int_equal(args[0].i, 0);
	take_up("wp_viewport", "set_source");
	for (int i = 0; i < 4; i++)
		assert_int_equal(args[i].f, none);
	expect_destination(50, 50);
	take_up("wl_surface", "commit");
	take_up("wl_surface", "set_buffer_scale");
	assert_int_equal(args[0].i, 2);
	take_up("wl_surface", "set_buffer_transform");
	assert_int_equal(args[0].i, 3);
	take_up("wp_viewport", "set_source");
	for (int i = 0; i < 4; i++)
		assert_int_equal(args[i].f, (i + 1) * half);
	expect_destination(-1, -1);
	expect_commits(1); /* the window's own */
	commit(middle);
	expect_commits(1);
	set_position(inner, 2, 2);
	commit(window); /* nothing waits: nothing is said */
	expect_commits(2);
}

/* They are of the new buffer's format: with the old one they are an error. */
static void what_colours_a_buffer_has_waits_for_it(void **state)
{
	struct pair manager = bind_global("wp_color_representation_manager_v1");
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 50, 50);
	show(middle, 50, 50);
	commit(window);
	uint32_t colours = world.next_id++;
	request("wp_color_representation_manager_v1", "get_surface", manager.down,
		ARGS({.id = colours}, {.id = middle.id}));
	clear();
	request("wp_color_representation_surface_v1", "set_coefficients_and_range", colours,
		ARGS({.u = 2}, {.u = 1}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	set_position(inner, 1, 1);
	commit(window);
	expect_commits(2);
	commit(middle);
	take_up("wp_color_representation_surface_v1", "set_coefficients_and_range");
	assert_int_equal(args[0].u, 2);
	assert_int_equal(args[1].u, 1);
	expect_commits(1);
	commit(middle);
	expect_commits(1); /* they are told once, */
	request("wp_color_representation_surface_v1", "set_coefficients_and_range", colours,
		ARGS({.u = 3}, {.u = 1}));
	request("wp_color_representation_surface_v1", "destroy", colours, NULL);
	commit(middle);
	expect_commits(1); /* and not to what is gone */
}

/* It cannot be had back for a commit of ours: the compositor shows what the guest will. */
static void a_viewport_that_is_gone_counts_for_nothing(void **state)
{
	struct test_surface window = create_window(500, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 10, 10);
	show(middle, 400, 100);
	commit(window);
	request("wp_viewport", "destroy", middle.viewport, ARGS({0}));
	set_position(inner, 1, 1);
	show(window, 100, 100); /* the middle one as it was were too large for it */
	expect_commits(2);
}

/* A buffer that waits for the guest's commit, perhaps for a copy, is not shown by one of ours. */
static void what_a_guest_attached_waits_for_its_own_commit(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 50, 50);
	show(middle, 50, 50);
	commit(window);
	clear();
	attach(middle, 50, 50);
	take_up("wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer");
	take_up("wp_viewport", "set_destination");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	set_position(inner, 1, 1);
	commit(window);
	expect_commits(2); /* the middle one, for the inner one's place, and the window */
	clear();
	request("wl_surface", "commit", middle.id, ARGS({0}));
	take_up("wl_surface", "attach");
	assert_int_not_equal(args[0].id, 0);
	/* What was damaged was told the compositor before, with nothing to see. */
	take_up("wl_surface", "damage");
	expect_commits(1);
	show(middle, 50, 50);
	expect_commits(1);
}

static void a_buffer_that_goes_before_the_commit_is_none(void **state)
{
	struct test_surface window = create_window(200, 150);
	uint32_t buffer = attach(window, 200, 150);

	request("wl_buffer", "destroy", buffer, ARGS({0}));
	commit(window);
	take_up("wl_surface", "attach");
	assert_int_equal(args[0].id, 0);
	expect_commits(1);
}

static void how_far_they_may_reach_is_a_limit_of_the_machine(void **state)
{
	struct test_surface window = create_window(200, 150), large = attach_subsurface(window);
	assert_null(quota_set(&world.quota, "subsurface-margin", "3000"));
	show(large, 2400, 1600);
	expect_commits(1);
	commit(window);
	expect_commits(1);
}

static void a_subsurface_larger_than_its_window_is_not_shown(void **state)
{
	struct test_surface window = create_window(200, 150), large = attach_subsurface(window);
	show(large, 2400, 1600);
	expect_commits(1); /* of no effect yet */
	commit(window);
	expect_taken_off(2);
	commit(window);
	expect_commits(1);
}

static void one_that_needs_no_commit_of_its_parent_is_not_shown_at_once(void **state)
{
	struct test_surface window = create_window(200, 150), large = attach_subsurface(window);
	desync(large);
	uint32_t buffer = show(large, 2400, 1600);
	expect_taken_off(1);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_buffer", "release", buffer, args);
	show(large, 200, 150);
	expect_commits(1);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
}

static uint32_t ask_for_release(struct test_surface surface)
{
	uint32_t callback = world.next_id++;
	clear();
	request("wl_surface", "get_release", surface.id, ARGS({.id = callback}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	return callback;
}

/* Compositors end a connection that asks for the release of nothing. */
static void the_release_of_what_is_not_shown_is_answered_here(void **state)
{
	struct test_surface window = create_window(200, 150), large = attach_subsurface(window);
	desync(large);
	uint32_t callback = ask_for_release(large);
	show(large, 2400, 1600);
	expect_taken_off(1);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_callback", "done", callback, args);
	ask_for_release(large);
	attach(large, 200, 150);
	commit(large);
	take_up("wl_surface", "get_release");
	expect_commits(1);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	ask_for_release(large); /* of no buffer: the compositor's error */
	commit(large);
	take_up("wl_surface", "get_release");
	expect_commits(1);
}

/* A buffer that is committed for the guest is asked about before that. */
static void a_release_goes_with_its_buffer(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 50, 50);
	show(middle, 50, 50);
	commit(window);
	attach(middle, 60, 60);
	ask_for_release(middle);
	show(inner, 500, 500);
	commit(window); /* and the middle one for the inner one, without its new buffer */
	expect_commit_at(50, 60);
	commit(middle);
	take_up("wl_surface", "damage");
	take_up("wl_surface", "get_release");
	expect_commits(1);
}

static void one_that_stops_to_need_it_is_looked_at(void **state)
{
	struct test_surface window = create_window(200, 150), large = attach_subsurface(window);
	show(large, 2400, 1600);
	captured_clear(&world.sent[RELAY_UP]);
	desync(large);
	take_up("wl_surface", "attach");
	take_up("wl_surface", "commit");
	take_up("wl_subsurface", "set_desync");
}

/* Its place waits for its parent's commit, its size does not. */
static void one_that_grows_where_it_still_is_is_not_shown(void **state)
{
	for (int synced = 0; synced < 2; synced++) {
		struct test_surface window = create_window(200, 150),
				    inner = attach_subsurface(window);
		show(inner, 1, 1);
		set_position(inner, 290, 0);
		commit(window);
		if (!synced)
			desync(inner);
		set_position(inner, 0, 0);
		show(inner, 200, 150);
		if (synced) {
			expect_commits(1);
			desync(inner);
			take_up("wl_surface", "attach");
			assert_int_equal(args[0].id, 0);
			take_up("wl_surface", "commit");
			take_up("wl_subsurface", "set_desync");
			continue;
		}
		expect_taken_off(1);
		commit(window);
		show(inner, 200, 150);
		expect_commits(1);
	}
}

static void one_that_stops_to_need_it_is_not_moved_but_taken_off(void **state)
{
	struct test_surface window = create_window(200, 150), inner = attach_subsurface(window);
	set_position(inner, 290, 0);
	show(inner, 1, 1);
	commit(window);
	show(inner, 200, 150);
	captured_clear(&world.sent[RELAY_UP]);
	desync(inner);
	take_up("wl_surface", "attach");
	assert_int_equal(args[0].id, 0);
	take_up("wl_surface", "commit");
	take_up("wl_subsurface", "set_desync");
}

/* What its own subsurfaces were told goes along. */
static void one_that_stops_to_need_it_is_committed_where_something_waits(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	show(inner, 10, 10);
	show(middle, 200, 150);
	commit(window);
	set_position(inner, 50, 50);
	captured_clear(&world.sent[RELAY_UP]);
	desync(middle);
	take_up("wl_surface", "commit");
	take_up("wl_subsurface", "set_desync");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

static void positions_outside_are_moved_inside(void **state)
{
	struct test_surface window = create_window(200, 150), menu = attach_subsurface(window);
	set_position(menu, 5000, -5000);
	expect_position(300, -100);
	show(menu, 150, 100); /* would lie at 300 to 450 of 300 */
	expect_commits(1);
	commit(window);
	expect_position(150, -100);
	expect_commits(1);
	set_position(menu, 160, 170);
	expect_position(150, 150);
}

static void nested_subsurfaces_are_measured_from_the_window(void **state)
{
	struct test_surface window = create_window(200, 150), middle = attach_subsurface(window),
			    inner = attach_subsurface(middle);
	set_position(middle, 150, 100);
	show(middle, 50, 50);
	set_position(inner, 100, 0);
	show(inner, 60, 60); /* 250 to 310 */
	show(middle, 50, 50);
	commit(window);
	expect_position(90, 0);
	expect_commits(2); /* the middle one's, for the new position, and the window's */
}

static void a_window_that_shrinks_takes_its_subsurfaces_off(void **state)
{
	struct test_surface window = create_window(1000, 800), large = attach_subsurface(window);
	show(large, 1000, 800);
	commit(window);
	expect_commits(1);
	show(window, 200, 150);
	expect_taken_off(2);
}

static void a_window_may_grow_as_the_compositor_asks(void **state)
{
	struct test_surface window = create_window(200, 150), content = attach_subsurface(window);
	struct wl_array none = {0};
	desync(content);
	uint32_t up = up_id(window.toplevel);
	event("xdg_toplevel", "configure", up,
		ARGS({.i = 1000}, {.i = 800}, {.array = {none.data, 0}}));
	show(content, 1000, 800);
	expect_commits(1);
}

static void what_is_outside_of_its_geometry_becomes_part_of_a_window(void **state)
{
	struct test_surface window = create_window(300, 250);
	const union wire_arg small[] = {{.i = 50}, {.i = 50}, {.i = 200}, {.i = 150}};
	request("xdg_surface", "set_window_geometry", window.role, small);
	commit(window);
	expect_commits(1); /* 50 pixels of shadow on each side */
	show(window, 1300, 250);
	take_up("xdg_surface", "set_window_geometry");
	assert_int_equal(args[0].i, 50);
	assert_int_equal(args[2].i, 1150);
	assert_int_equal(args[3].i, 150);
	expect_commits(1);
	commit(window);
	expect_commits(1);
}

static void pointer_and_cursor(struct pair *seat, uint32_t *pointer, struct test_surface *cursor)
{
	*seat = bind_global("wl_seat");
	*pointer = world.next_id++;
	request("wl_seat", "get_pointer", seat->down, ARGS({.id = *pointer}));
	*cursor = create_surface();
	captured_clear(&world.sent[RELAY_UP]);
}

static void cursors_are_small_and_at_the_pointer(void **state)
{
	struct test_surface cursor;
	struct pair seat;
	uint32_t pointer;

	pointer_and_cursor(&seat, &pointer, &cursor);
	request("wl_pointer", "set_cursor", pointer,
		ARGS({.u = 1}, {.id = cursor.id}, {.i = -2000}, {.i = 2000}));
	take_up("wl_pointer", "set_cursor");
	assert_int_not_equal(args[1].id, 0);
	assert_int_equal(args[2].i, 0);
	assert_int_equal(args[3].i, 256);
	show(cursor, 256, 256);
	expect_commits(1);
	uint32_t buffer = show(cursor, 257, 10);
	expect_taken_off(1);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_buffer", "release", buffer, args);
}

static void a_large_surface_becomes_no_cursor(void **state)
{
	struct test_surface cursor;
	struct pair seat;
	uint32_t pointer;

	pointer_and_cursor(&seat, &pointer, &cursor);
	show(cursor, 2000, 2000);
	captured_clear(&world.sent[RELAY_UP]);
	request("wl_pointer", "set_cursor", pointer,
		ARGS({.u = 1}, {.id = cursor.id}, {.i = 0}, {.i = 0}));
	take_up("wl_pointer", "set_cursor");
	assert_int_equal(args[1].id, 0);
}

static void a_large_surface_becomes_no_icon_of_a_drag(void **state)
{
	struct pair manager = bind_global("wl_data_device_manager"), seat = bind_global("wl_seat");
	struct test_surface window = create_window(200, 150), icon = create_surface();
	uint32_t device = world.next_id++;

	request("wl_data_device_manager", "get_data_device", manager.down,
		ARGS({.id = device}, {.id = seat.down}));
	user_presses(1);
	for (int large = 0; large < 2; large++) {
		show(icon, large ? 1000 : 100, 100);
		captured_clear(&world.sent[RELAY_UP]);
		request("wl_data_device", "start_drag", device,
			ARGS({.id = 0}, {.id = window.id}, {.id = icon.id}, {.u = 1}));
		take_up("wl_data_device", "start_drag");
		assert_int_equal(args[2].id == 0, large);
		icon = create_surface();
	}
}

static void images_and_subsurfaces_cannot_be_shifted_away(void **state)
{
	struct test_surface window = create_window(200, 150), inner = attach_subsurface(window),
			    icon = create_surface();
	static const int32_t shifts[][2] = {{-100, -100}, {-500, -156}, {-1, 0}};

	captured_clear(&world.sent[RELAY_UP]);
	request("wl_surface", "offset", inner.id, ARGS({.i = 500}, {.i = -500}));
	take_up("wl_surface", "offset");
	assert_int_equal(args[0].i, 0);
	assert_int_equal(args[1].i, 0);
	for (size_t i = 0; i < 3; i++) {
		request("wl_surface", "offset", icon.id, ARGS({.i = shifts[i][0]}, {.i = 0}));
		take_up("wl_surface", "offset");
		assert_int_equal(args[0].i, shifts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(subsurfaces_that_keep_to_their_window_are_left_alone),
		TEST(what_is_committed_for_a_guest_is_what_it_committed),
		TEST(how_a_buffer_is_shown_waits_for_it),
		TEST(what_colours_a_buffer_has_waits_for_it),
		TEST(a_viewport_that_is_gone_counts_for_nothing),
		TEST(what_a_guest_attached_waits_for_its_own_commit),
		TEST(a_buffer_that_goes_before_the_commit_is_none),
		TEST(how_far_they_may_reach_is_a_limit_of_the_machine),
		TEST(a_subsurface_larger_than_its_window_is_not_shown),
		TEST(one_that_needs_no_commit_of_its_parent_is_not_shown_at_once),
		TEST(the_release_of_what_is_not_shown_is_answered_here),
		TEST(a_release_goes_with_its_buffer),
		TEST(one_that_stops_to_need_it_is_looked_at),
		TEST(one_that_grows_where_it_still_is_is_not_shown),
		TEST(one_that_stops_to_need_it_is_not_moved_but_taken_off),
		TEST(one_that_stops_to_need_it_is_committed_where_something_waits),
		TEST(positions_outside_are_moved_inside),
		TEST(what_waits_below_a_window_is_settled_when_that_is_looked_at),
		TEST(nested_subsurfaces_are_measured_from_the_window),
		TEST(a_window_that_shrinks_takes_its_subsurfaces_off),
		TEST(a_window_may_grow_as_the_compositor_asks),
		TEST(what_is_outside_of_its_geometry_becomes_part_of_a_window),
		TEST(cursors_are_small_and_at_the_pointer),
		TEST(a_large_surface_becomes_no_cursor),
		TEST(a_large_surface_becomes_no_icon_of_a_drag),
		TEST(images_and_subsurfaces_cannot_be_shifted_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
