/* host-bridge/policy/border*.c: the border around windows and popups, and what guests are told. */
#include "tests/unit/border_world.h"

/* --- windows --- */

static void a_window_has_it_from_its_first_frame_on(void **state)
{
	struct test_surface window = create_toplevel();
	commit(window);
	assert_int_equal(heard.n_surfaces, 0); /* there is no window yet */
	show(window, 200, 100);
	assert_int_equal(heard.n_surfaces, 4);
	assert_int_equal(heard.n_attached, 4 + 1); /* the window's own */
	expect_around(0, 0, 200, 100);
	/* Synchronised with the window, whose commit comes last. */
	assert_int_equal(heard.n_commits, 5);
	assert_string_equal(heard.last, "wl_surface.commit");
	assert_int_equal(heard.last_id, up_id(window.id));
}

static void it_changes_when_the_window_does(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	show(window, 200, 100);
	assert_int_equal(heard.n_commits, 1);
	show(window, 300, 50);
	expect_around(0, 0, 300, 50);
	assert_int_equal(heard.n_attached, 4 + 1); /* drawn anew; and the window's own */
	show(window, 300, 60);                     /* the upper edge stays */
	assert_int_equal(heard.n_attached, 4 + 1);
	show(window, 300, 50);
	request("wl_surface", "attach", window.id, ARGS({.id = 0}, {.i = 0}, {.i = 0}));
	commit(window);
	assert_int_equal(heard.n_commits, 1);
	show(window, 300, 50); /* anew: the compositor has forgotten the geometry */
	expect_rectangle(&heard.geometry, -WIDTH, -WIDTH, 308, 58);
}

static void it_covers_what_is_outside_of_the_geometry(void **state)
{
	const struct rectangle inner = {20, 20, 200, 100}, surface = {0, 0, 240, 140};
	struct test_surface window = create_toplevel();
	set_geometry(window, 20, 20, 200, 100);
	show(window, 240, 140);
	expect_border(&inner, &surface);
}

static void what_reaches_further_than_shadows_is_the_window(void **state)
{
	const struct rectangle inner = {100, 100, 600, 600}, surface = {0, 0, 800, 800};
	struct test_surface window = create_toplevel();
	set_geometry(window, 400, 400, 1, 1);
	show(window, 800, 800);
	expect_border(&inner, &surface);
}

static void a_geometry_is_no_larger_than_what_is_drawn(void **state)
{
	static const int32_t many[][4] = {{0, 0, INT32_MAX, INT32_MAX},
		{INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX}, {-5, -5, 500, 500},
		{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX}, {300, 0, 50, 50}};
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
		struct test_surface window = create_toplevel();
		set_geometry(window, many[i][0], many[i][1], many[i][2], many[i][3]);
		show(window, 200, 100);
		expect_around(0, 0, 200, 100);
	}
}

static void a_geometry_without_a_size_is_an_error(void **state)
{
	struct test_surface window = create_toplevel();
	clear();
	assert_int_equal(push(RELAY_DOWN, "xdg_surface", "set_window_geometry", window.role,
				 ARGS({.i = 0}, {.i = 0}, {.i = 0}, {.i = 5}), no_handle),
		-EPROTO);
	expect_error(window.role, 5);
}

static void a_window_that_is_too_large_for_one_is_not_shown(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, BORDER_WINDOW_MAX + 1, 100);
	assert_int_equal(heard.n_taken_off, 1);
	assert_int_equal(heard.n_surfaces, 0);
	show(window, BORDER_WINDOW_MAX, 100);
	expect_around(0, 0, BORDER_WINDOW_MAX, 100);
}

/* The guest has set it once, and nobody has told it that the compositor forgot. */
static void a_window_that_was_too_large_keeps_its_geometry(void **state)
{
	struct test_surface window = create_toplevel();
	set_geometry(window, 20, 20, 200, 100);
	show(window, 240, 140);
	show(window, BORDER_WINDOW_MAX + 1, 100);
	show(window, 240, 140);
	expect_rectangle(&heard.geometry, 20 - WIDTH, 20 - WIDTH, 200 + 2 * WIDTH, 100 + 2 * WIDTH);
}

static void a_window_does_not_move_it(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	clear();
	request("wl_surface", "offset", window.id, ARGS({.i = -4}, {.i = -4}));
	take_up("wl_surface", "offset");
	assert_int_equal(args[0].i, 0);
	assert_int_equal(args[1].i, 0);
}

static void sizes_are_told_without_it_and_asked_for_with_it(void **state)
{
	static const int32_t sizes[][2] = {{0, 0}, {1, 1}, {8, 1}, {9, 1}, {300, 292}};
	struct test_surface window = create_toplevel();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		clear();
		event("xdg_toplevel", "configure", up_id(window.toplevel),
			ARGS({.i = sizes[i][0]}, {.i = sizes[i][0]}, {.array = {"", 0}}));
		expect_told("xdg_toplevel", "configure", window.toplevel);
		assert_int_equal(args[0].i, sizes[i][1]);
		assert_int_equal(args[1].i, sizes[i][1]);
	}
	event("xdg_toplevel", "configure_bounds", up_id(window.toplevel),
		ARGS({.i = 1280}, {.i = 0}));
	expect_told("xdg_toplevel", "configure_bounds", window.toplevel);
	assert_int_equal(args[0].i, 1272);
	assert_int_equal(args[1].i, 0);
	clear();
	request("xdg_toplevel", "set_min_size", window.toplevel, ARGS({.i = 10}, {.i = 0}));
	take_up("xdg_toplevel", "set_min_size");
	assert_int_equal(args[0].i, 18);
	assert_int_equal(args[1].i, 0);
	request("xdg_toplevel", "set_max_size", window.toplevel, ARGS({.i = INT32_MAX}, {.i = -1}));
	take_up("xdg_toplevel", "set_max_size");
	assert_int_equal(args[0].i, INT32_MAX);
	assert_int_equal(args[1].i, -1);
}

/* --- subsurfaces --- */

static void subsurfaces_are_below_it_and_inside(void **state)
{
	struct test_surface window = create_toplevel(), before = create_subsurface(window), inner;
	assert_int_equal(heard.n_below, 0);
	show(before, 10, 10);
	show(window, 200, 100);
	inner = create_subsurface(window);
	assert_int_equal(heard.n_below, 1);
	/* One that would reach out is moved inside, ... */
	show(inner, 50, 50);
	request("wl_subsurface", "set_position", inner.role, ARGS({.i = -30}, {.i = 90}));
	take_up("wl_subsurface", "set_position");
	assert_int_equal(args[0].i, 0);
	assert_int_equal(args[1].i, 50);
	/* ... or not shown, whether the window is committed or not. */
	show(inner, 50, 101);
	commit(window);
	assert_int_equal(heard.n_taken_off, 1);
	request("wl_subsurface", "set_desync", inner.role, ARGS({0}));
	show(inner, 201, 10);
	assert_int_equal(heard.n_taken_off, 1);
	assert_int_equal(heard.n_places, 0);
}

static void it_is_around_subsurfaces_that_come_before_the_window_has_their_size(void **state)
{
	struct test_surface window = create_toplevel(), content = create_subsurface(window);
	show(window, 10, 10);
	event("xdg_toplevel", "configure", up_id(window.toplevel),
		ARGS({.i = 300 + 2 * WIDTH}, {.i = 200 + 2 * WIDTH}, {.array = {"", 0}}));
	show(content, 300, 200);
	commit(window);
	expect_around(0, 0, 300, 200);
	/* One that does not wait for the window is held to the border that is there. */
	request("wl_subsurface", "set_desync", content.role, ARGS({0}));
	show(content, 300, 201);
	assert_int_equal(heard.n_taken_off, 1);
	/* Where it ends the window is smaller again. */
	show(content, 300, 200);
	request("wl_subsurface", "destroy", content.role, ARGS({0}));
	commit(window);
	expect_around(0, 0, 10, 10);
}

/* What the compositor shows of the inner one is larger than what it was told last. */
static void nested_subsurfaces_show_what_they_were_told_last(void **state)
{
	struct test_surface window = create_toplevel(), middle = create_subsurface(window),
			    inner = create_subsurface(middle);
	show(inner, 100, 50);
	show(middle, 10, 10);
	show(window, 200, 100);
	assert_int_equal(heard.n_taken_off, 0);
	show(inner, 10, 10); /* waits for the middle one */
	request("wl_subsurface", "set_position", middle.role, ARGS({.i = 190}, {.i = 0}));
	commit(window);
	assert_int_equal(heard.n_commits, 2); /* of the middle one, too */
	commit(window);
	assert_int_equal(heard.n_commits, 1);
	show(inner, 9, 9);
	show(middle, 9, 9);
	commit(window);
	assert_int_equal(heard.n_commits, 1); /* the guest has done it */
}

/* --- popups --- */

static struct test_surface create_popup(struct test_surface parent, uint32_t gravity)
{
	struct test_surface popup = create_surface();
	uint32_t positioner = world.next_id++;
	popup.role = world.next_id++;
	popup.toplevel = world.next_id++;
	request("xdg_wm_base", "create_positioner", t.wm_base.down, ARGS({.id = positioner}));
	request("xdg_positioner", "set_size", positioner, ARGS({.i = 60}, {.i = 30}));
	request("xdg_positioner", "set_anchor_rect", positioner,
		ARGS({.i = 10}, {.i = 20}, {.i = 5}, {.i = 6}));
	request("xdg_positioner", "set_gravity", positioner, ARGS({.u = gravity}));
	request("xdg_positioner", "set_parent_size", positioner, ARGS({.i = 200}, {.i = 100}));
	request("xdg_wm_base", "get_xdg_surface", t.wm_base.down,
		ARGS({.id = popup.role}, {.id = popup.id}));
	clear();
	request("xdg_surface", "get_popup", popup.role,
		ARGS({.id = popup.toplevel}, {.id = parent.role}, {.id = positioner}));
	return popup;
}

static void expect_placed(const char *request, int32_t first, int32_t second)
{
	take_up("xdg_positioner", request);
	assert_int_equal(args[0].i, first);
	assert_int_equal(args[1].i, second);
}

static void popups_have_their_own_and_are_where_they_were_asked_for(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	struct test_surface popup = create_popup(window, 8 /* bottom right */);
	expect_placed("set_size", 68, 38);
	expect_placed("set_anchor_rect", 14, 24);
	assert_int_equal(args[2].i, 5);
	assert_int_equal(args[3].i, 6);
	expect_placed("set_offset", -WIDTH, -WIDTH);
	expect_placed("set_parent_size", 208, 108);
	take_up("xdg_surface", "get_popup");
	clear();
	event("xdg_popup", "configure", up_id(popup.toplevel),
		ARGS({.i = 10}, {.i = 20}, {.i = 68}, {.i = 8}));
	expect_told("xdg_popup", "configure", popup.toplevel);
	assert_int_equal(args[0].i, 10);
	assert_int_equal(args[1].i, 20);
	assert_int_equal(args[2].i, 60);
	assert_int_equal(args[3].i, 1);
	show(popup, 60, 30);
	expect_around(0, 0, 60, 30);
	create_popup(popup, 5 /* top left */);
	expect_placed("set_size", 68, 38);
	expect_placed("set_anchor_rect", 14, 24);
	expect_placed("set_offset", WIDTH, WIDTH);
}

static void places_are_relative_to_the_geometry(void **state)
{
	struct test_surface window = create_toplevel();
	set_geometry(window, 20, 20, 160, 60);
	show(window, 200, 100);
	create_popup(window, 0);
	expect_placed("set_size", 68, 38);
	expect_placed("set_anchor_rect", 14, 24);
	expect_placed("set_offset", 0, 0);
	/* Where the compositor knows more of the window than the guest: */
	set_geometry(window, 600, 0, 100, 1000);
	show(window, 1000, 1000);
	expect_rectangle(&heard.geometry, 100 - WIDTH, -WIDTH, 800 + 2 * WIDTH, 1000 + 2 * WIDTH);
	create_popup(window, 0);
	expect_placed("set_size", 68, 38);
	expect_placed("set_anchor_rect", 10 + 504, 24);
}

/* --- the whole screen --- */

/* --- ends --- */

static void it_ends_with_the_window(void **state)
{
	static const char *const orders[][3] = {{"toplevel", "role", "surface"},
		{"surface", "toplevel", "role"}, {"role", "surface", "toplevel"},
		{"surface", "role", "toplevel"}};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct test_surface window = create_toplevel();
		show(window, 200, 100);
		assert_int_equal(world.quota.entries[QUOTA_SURFACES].use, 5);
		clear();
		for (size_t j = 0; j < 3; j++) {
			if (strcmp(orders[i][j], "toplevel") == 0)
				request("xdg_toplevel", "destroy", window.toplevel, ARGS({0}));
			else if (strcmp(orders[i][j], "role") == 0)
				request("xdg_surface", "destroy", window.role, ARGS({0}));
			else
				request("wl_surface", "destroy", window.id, ARGS({0}));
		}
		listen();
		assert_int_equal(heard.n_destroyed, 3 + 3 * BORDER_LABEL);
		assert_int_equal(world.quota.entries[QUOTA_SURFACES].use, 0);
	}
}

static void a_surface_can_become_a_window_again(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	request("xdg_toplevel", "destroy", window.toplevel, ARGS({0}));
	request("xdg_surface", "destroy", window.role, ARGS({0}));
	show(window, 100, 100); /* it is none now */
	assert_int_equal(heard.n_places, 0);
	window.role = world.next_id++;
	window.toplevel = world.next_id++;
	request("xdg_wm_base", "get_xdg_surface", t.wm_base.down,
		ARGS({.id = window.role}, {.id = window.id}));
	request("xdg_surface", "get_toplevel", window.role, ARGS({.id = window.toplevel}));
	show(window, 300, 300);
	assert_int_equal(heard.n_surfaces, 0);
	expect_around(0, 0, 300, 300);
}

static void its_surfaces_count(void **state)
{
	const uint64_t limit = quota_limit_of(&world.quota, QUOTA_SURFACES);
	uint64_t n = 0;
	while (world.quota.entries[QUOTA_SURFACES].use + 1 + BORDER_LABEL <= limit) {
		show(create_toplevel(), 10, 10);
		n++;
	}
	assert_true(n > 400);
	struct test_surface last = create_toplevel();
	attach(last, 10, 10);
	clear();
	assert_int_equal(
		push(RELAY_DOWN, "wl_surface", "commit", last.id, ARGS({0}), no_handle), -EPROTO);
	assert_non_null(strstr(relay_failure(world.relay), "surfaces"));
}

/* A compositor may end objects that nobody has ended. */
static void parts_that_are_gone_are_passed_over(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	for (uint32_t id = 2; id < 100; id++) {
		const struct relay_object *object = relay_object_at(world.relay, RELAY_UP, id);
		if (object && object->id[RELAY_DOWN] == 0)
			event("wl_display", "delete_id", 1, ARGS({.u = id}));
	}
	show(window, 100, 100);
	assert_int_equal(heard.n_places, 0);
	create_subsurface(window);
	assert_int_equal(heard.n_below, 0);
	show(create_toplevel(), 30, 40);
	expect_around(0, 0, 30, 40);
}

static void without_what_it_needs_there_are_no_windows(void **state)
{
	tear_down(state);
	start((struct policy){.border = {.width_px = WIDTH}});
	t.compositor = bind_global("wl_compositor");
	t.wm_base = bind_global("xdg_wm_base");
	t.pixels = bind_global("wp_single_pixel_buffer_manager_v1");
	struct test_surface window = {.id = world.next_id++, .role = world.next_id++};
	uint32_t buffer = world.next_id++;
	request("wl_compositor", "create_surface", t.compositor.down, ARGS({.id = window.id}));
	request("xdg_wm_base", "get_xdg_surface", t.wm_base.down,
		ARGS({.id = window.role}, {.id = window.id}));
	request("wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", t.pixels.down,
		ARGS({.id = buffer}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}));
	request("wl_surface", "attach", window.id, ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	clear();
	assert_int_equal(
		push(RELAY_DOWN, "wl_surface", "commit", window.id, ARGS({0}), no_handle), -EPROTO);
	expect_told("wl_display", "error", 1);
	assert_int_equal(args[1].u, IMPLEMENTATION);
	assert_non_null(strstr(args[2].s, "wl_subcompositor"));
}

static void older_shells_are_not_offered(void **state)
{
	static const char *const names[] = {"wl_shell", "zxdg_shell_v6"};
	for (size_t i = 0; i < 2; i++) {
		uint32_t version = 1;
		assert_false(
			policy_allow_global(&world.policy, interface_find(names[i]), &version));
	}
}

static void a_label_is_read_with_the_machines_name(void **state)
{
	static const char long_name[] =
		"0123456789012345678901234567890123456789012345678901234567890123";
	struct border_settings settings = {.width_px = BORDER_LABEL_WIDTH_PX};
	assert_null(border_parse_label(&settings, "%m", "work"));
	assert_string_equal(settings.label, "work");
	assert_null(border_parse_label(&settings, "the %m of %m!", "box"));
	assert_string_equal(settings.label, "the box of box!");
	assert_null(border_parse_label(&settings, "100%", NULL));
	assert_string_equal(settings.label, "100%");
	assert_null(border_parse_label(&settings, "%m", long_name));
	assert_string_equal(settings.label, long_name);
	assert_non_null(border_parse_label(&settings, "%m.", long_name));
	assert_non_null(border_parse_label(&settings, "%m", NULL));
	assert_non_null(border_parse_label(&settings, "caf\xc3\xa9", "work"));
	assert_non_null(border_parse_label(&settings, "a\tb", "work"));
	assert_null(border_parse_label(&settings, "", "work"));
	assert_string_equal(settings.label, "");
	settings.width_px--;
	assert_non_null(border_parse_label(&settings, "%m", "work"));
	assert_null(border_parse_label(&settings, "", "work")); /* none is none everywhere */
}

static void settings_are_read(void **state)
{
	static const char *const bad[] = {"", "#", "red", "#cc000", "#cc00000", "#cc0000,",
		"#cc0000,0", "#cc0000,65", "#cc0000,4px", "#cc0000,-4", "##cc0000", "0xcc0000"};
	struct border_settings settings = {0};
	assert_non_null(border_parse_fullscreen(&settings, "border"));
	assert_null(border_parse_fullscreen(&settings, "deny"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(border_parse(&settings, bad[i]));
	assert_int_equal(settings.width_px, 0);
	assert_null(border_parse(&settings, "Ff8001"));
	assert_int_equal(settings.colour, 0xff8001);
	assert_int_equal(settings.width_px, BORDER_WIDTH_PX);
	assert_null(border_parse(&settings, "#000000,64"));
	assert_int_equal(settings.width_px, 64);
	assert_null(border_parse_fullscreen(&settings, "border"));
	assert_non_null(border_parse_fullscreen(&settings, "no"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_window_has_it_from_its_first_frame_on, set_up_border),
		TEST(it_changes_when_the_window_does, set_up_border),
		TEST(it_covers_what_is_outside_of_the_geometry, set_up_border),
		TEST(what_reaches_further_than_shadows_is_the_window, set_up_border),
		TEST(a_geometry_is_no_larger_than_what_is_drawn, set_up_border),
		TEST(a_geometry_without_a_size_is_an_error, set_up_border),
		TEST(a_window_that_is_too_large_for_one_is_not_shown, set_up_border),
		TEST(a_window_that_was_too_large_keeps_its_geometry, set_up_border),
		TEST(a_window_does_not_move_it, set_up_border),
		TEST(sizes_are_told_without_it_and_asked_for_with_it, set_up_border),
		TEST(subsurfaces_are_below_it_and_inside, set_up_border),
		TEST(it_is_around_subsurfaces_that_come_before_the_window_has_their_size,
			set_up_border),
		TEST(nested_subsurfaces_show_what_they_were_told_last, set_up_border),
		TEST(popups_have_their_own_and_are_where_they_were_asked_for, set_up_border),
		TEST(places_are_relative_to_the_geometry, set_up_border),
		TEST(it_ends_with_the_window, set_up_border),
		TEST(a_surface_can_become_a_window_again, set_up_border),
		TEST(its_surfaces_count, set_up_border),
		TEST(parts_that_are_gone_are_passed_over, set_up_border),
		TEST(without_what_it_needs_there_are_no_windows, set_up_border),
		TEST(older_shells_are_not_offered, set_up_border),
		TEST(older_shells_are_not_offered, set_up_deny),
		TEST(a_label_is_read_with_the_machines_name, set_up_border),
		TEST(settings_are_read, set_up_border),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
