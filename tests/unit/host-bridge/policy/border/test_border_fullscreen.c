/* host-bridge/policy/border/border*.c: windows that have the whole screen, or ask for it */
#include "tests/unit/border_world.h"

static const uint32_t fullscreen = 2;

static void configure_fullscreen(struct test_surface window, bool on)
{
	clear();
	event("xdg_toplevel", "configure", up_id(window.toplevel),
		ARGS({.i = 1280}, {.i = 720}, {.array = {&fullscreen, on ? 4 : 0}}));
	expect_told("xdg_toplevel", "configure", window.toplevel);
}

static void a_window_with_the_whole_screen_has_it(void **state)
{
	struct test_surface window = create_toplevel();
	configure_fullscreen(window, true);
	assert_int_equal(args[0].i, 1272);
	show(window, 1272, 712);
	expect_around(0, 0, 1272, 712);
}

static void configured(struct test_surface window, uint32_t serial)
{
	event("xdg_surface", "configure", up_id(window.role), ARGS({.u = serial}));
}

static void acknowledge(struct test_surface window, uint32_t serial)
{
	request("xdg_surface", "ack_configure", window.role, ARGS({.u = serial}));
}

/* A guest that asks for the whole screen and does not take it stays where it was. */
static void a_border_stays_until_the_whole_screen_is_taken(void **state)
{
	struct test_surface window = create_toplevel();
	configured(window, UINT32_MAX - 1);
	acknowledge(window, UINT32_MAX - 1);
	show(window, 200, 100);
	configure_fullscreen(window, true);
	acknowledge(window, UINT32_MAX - 1);
	configured(window, UINT32_MAX);
	configure_fullscreen(window, true);
	configured(window, 0);
	show(window, 300, 150);
	expect_around(0, 0, 300, 150);
	acknowledge(window, UINT32_MAX); /* the first of two: both are of the whole screen */
	show(window, 1280, 720);
	assert_int_equal(heard.n_taken_off, 4);
	configure_fullscreen(window, false);
	acknowledge(window, 0);
	show(window, 1280, 720);
	expect_around(0, 0, 1280, 720);
}

static void where_it_is_allowed_the_whole_screen_has_none(void **state)
{
	struct test_surface window = create_toplevel();
	show(window, 200, 100);
	configure_fullscreen(window, true);
	assert_int_equal(args[0].i, 1280);
	assert_int_equal(args[1].i, 720);
	configured(window, 1);
	acknowledge(window, 1);
	show(window, 1280, 720);
	assert_int_equal(heard.n_taken_off, 4);
	expect_rectangle(&heard.geometry, 0, 0, 1280, 720);
	/* When it is to end, the border is there again whatever the guest does. */
	configure_fullscreen(window, false);
	assert_int_equal(args[0].i, 1272);
	listen();
	assert_int_equal(heard.n_attached, 4);
	assert_int_equal(heard.n_commits, 4);
	configure_fullscreen(window, false);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	show(window, 1272, 712);
	expect_around(0, 0, 1272, 712);
}

/* So that the border can be shown there at any time. */
static void hidden_parts_wait_at_the_edges(void **state)
{
	struct test_surface window = create_toplevel();
	configure_fullscreen(window, true);
	configured(window, 1);
	acknowledge(window, 1);
	show(window, 1280, 720);
	assert_int_equal(heard.n_attached, 1); /* the window's own */
	expect_rectangle(&heard.places[0], 0, 0, 1280 - WIDTH, WIDTH);
	expect_rectangle(&heard.places[3], 0, WIDTH, WIDTH, 720 - WIDTH);
	show(window, 5, 1);
	expect_rectangle(&heard.places[0], 3, 0, 2, 1);
	expect_rectangle(&heard.places[1], 0, 0, 2, 1);
}

static void where_guests_may_not_ask_they_are_answered(void **state)
{
	struct test_surface window = create_toplevel();
	clear();
	request("xdg_toplevel", "set_fullscreen", window.toplevel, ARGS({.id = 0}));
	assert_int_equal(world.sent[RELAY_UP].size + world.sent[RELAY_DOWN].size, 0);
	event("xdg_toplevel", "configure", up_id(window.toplevel),
		ARGS({.i = 300}, {.i = 200}, {.array = {(uint32_t[]){4}, 4}}));
	event("xdg_surface", "configure", up_id(window.role), ARGS({.u = 77}));
	clear();
	request("xdg_toplevel", "set_fullscreen", window.toplevel, ARGS({.id = 0}));
	expect_told("xdg_toplevel", "configure", window.toplevel);
	assert_int_equal(args[0].i, 300);
	assert_int_equal(args[1].i, 200);
	assert_int_equal(args[2].array.size, 4);
	expect_told("xdg_surface", "configure", window.role);
	assert_int_equal(args[0].u, 77);
	/* It acknowledges both; the compositor has sent one. */
	request("xdg_surface", "ack_configure", window.role, ARGS({.u = 77}));
	take_up("xdg_surface", "ack_configure");
	request("xdg_surface", "ack_configure", window.role, ARGS({.u = 77}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	request("xdg_toplevel", "unset_fullscreen", window.toplevel, ARGS({0}));
	take_up("xdg_toplevel", "unset_fullscreen");
	show(window, 300, 200); /* without a border nothing else changes */
	assert_int_equal(heard.n_surfaces, 0);
}

/* Who was taken off the screen is told anew by the compositor, and must not draw before. */
static void who_is_unmapped_waits_for_the_compositor(void **state)
{
	struct test_surface window = create_toplevel();
	configured(window, 1);
	acknowledge(window, 1);
	show(window, 300, 200);
	request("wl_surface", "attach", window.id, ARGS({.id = 0}, {.i = 0}, {.i = 0}));
	commit(window);
	clear();
	request("xdg_toplevel", "set_fullscreen", window.toplevel, ARGS({.id = 0}));
	assert_int_equal(world.sent[RELAY_UP].size + world.sent[RELAY_DOWN].size, 0);
	configured(window, 2);
	clear();
	request("xdg_toplevel", "set_fullscreen", window.toplevel, ARGS({.id = 0}));
	expect_told("xdg_toplevel", "configure", window.toplevel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_window_with_the_whole_screen_has_it, set_up_border),
		TEST(a_border_stays_until_the_whole_screen_is_taken, set_up_allow),
		TEST(where_it_is_allowed_the_whole_screen_has_none, set_up_allow),
		TEST(hidden_parts_wait_at_the_edges, set_up_allow),
		TEST(where_guests_may_not_ask_they_are_answered, set_up_deny),
		TEST(who_is_unmapped_waits_for_the_compositor, set_up_deny),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
