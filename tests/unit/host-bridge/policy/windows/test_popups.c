/* host-bridge/policy/windows/popups.c, policy_bounds.c: popups stay at their windows.
 * Their borders are test_border.c's. */
#include <errno.h>

#include "tests/unit/bounds_world.h"

static void a_popup_at_its_window_is_left_alone(void **state)
{
	struct test_surface window = create_window(200, 150),
			    popup = create_popup_at(window, 800, 1000, 285, 0);
	take_up("xdg_surface", "get_popup");
	show(popup, 800, 1000);
	expect_commits(1);
}

static void a_popup_cannot_shift_itself_away(void **state)
{
	struct test_surface popup = create_popup_at(create_window(200, 150), 50, 60, 0, 0);
	captured_clear(&world.sent[RELAY_UP]);
	request("wl_surface", "offset", popup.id, ARGS({.i = 500}, {.i = -500}));
	take_up("wl_surface", "offset");
	assert_int_equal(args[0].i, 0);
	assert_int_equal(args[1].i, 0);
}

static void a_popup_far_from_its_window_is_moved_to_it(void **state)
{
	struct test_surface window = create_window(200, 150);
	create_popup_at(window, 50, 60, 1000, -500);
	take_up("xdg_positioner", "set_size");
	assert_int_equal(args[0].i, 50);
	assert_int_equal(args[1].i, 60);
	take_up("xdg_positioner", "set_anchor_rect");
	assert_int_equal(args[0].i, 10);
	assert_int_equal(args[2].i, 5);
	take_up("xdg_positioner", "set_offset");
	assert_int_equal(args[0].i, 200 + 100 - 10);
	assert_int_equal(args[1].i, -100 - 60 - 20);
	take_up("xdg_surface", "get_popup");
}

/* Returns the serial. */
static uint32_t configure_popup(struct test_surface popup, int32_t x, int32_t y)
{
	static uint32_t serial;
	event("xdg_popup", "configure", up_id(popup.toplevel),
		ARGS({.i = x}, {.i = y}, {.i = 50}, {.i = 60}));
	event("xdg_surface", "configure", up_id(popup.role), ARGS({.u = ++serial}));
	return serial;
}

static void acknowledge(struct test_surface popup, uint32_t serial)
{
	request("xdg_surface", "ack_configure", popup.role, ARGS({.u = serial}));
}

static void expect_done(struct test_surface popup)
{
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "xdg_popup", "popup_done", popup.toplevel, args);
}

/* It was at its window while that was large. */
static void a_popup_does_not_stay_when_its_window_becomes_smaller(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 800, 0);
	configure_popup(popup, 800, 0);
	show(popup, 50, 60);
	show(window, 700, 150); /* and the margin */
	expect_commits(1);
	show(window, 200, 150);
	take_up("wl_surface", "attach");
	assert_int_equal(args[0].id, 0);
	expect_commits(2);
	expect_done(popup);
	/* What was under way is no reason for an error, and is not shown. */
	show(popup, 50, 60);
	expect_taken_off(1);
	commit(window);
	expect_commits(1);
}

static void a_popup_does_not_appear_where_its_window_was(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 800, 0);
	configure_popup(popup, 800, 0);
	show(window, 200, 150);
	expect_commits(1);
	uint32_t buffer = show(popup, 50, 60);
	expect_taken_off(1);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_buffer", "release", buffer, args);
	expect_done(popup);
}

static void a_popup_is_not_moved_to_where_its_window_was(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 0, 0);
	configure_popup(popup, 0, 0);
	show(popup, 50, 60);
	show(window, 200, 150);
	expect_commits(1);
	configure_popup(popup, 800, 0); /* asked for before */
	commit(popup);
	expect_taken_off(1);
	expect_done(popup);
}

/* It is told to be elsewhere, which counts once it has agreed. */
static void a_popup_is_where_it_was_until_it_goes(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 800, 0);
	acknowledge(popup, configure_popup(popup, 800, 0));
	show(popup, 50, 60);
	configure_popup(popup, 0, 0);
	commit(popup);
	show(window, 200, 150);
	expect_taken_off(2);
	expect_done(popup);
}

static void a_popup_that_has_gone_to_its_window_stays(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 800, 0);
	uint32_t first = configure_popup(popup, 800, 0), second = configure_popup(popup, 0, 0);
	acknowledge(popup, first);
	show(popup, 50, 60);
	acknowledge(popup, second);
	commit(popup);
	show(window, 200, 150);
	expect_commits(1);
}

/* Compositors end a connection that commits an xdg_surface which is nothing. */
static void a_popup_that_is_gone_is_left_alone(void **state)
{
	struct test_surface window = create_window(900, 150),
			    popup = create_popup_at(window, 50, 60, 800, 0);
	acknowledge(popup, configure_popup(popup, 800, 0));
	show(popup, 50, 60);
	request("xdg_popup", "destroy", popup.toplevel, ARGS({0}));
	show(window, 200, 150);
	expect_commits(1);
}

/* A window whose larger part is a subsurface, and what is at its right. */
static struct test_surface create_window_of_two(struct test_surface *popup)
{
	struct test_surface window = create_window(200, 150), content;
	request("xdg_surface", "set_window_geometry", window.role,
		ARGS({.i = 0}, {.i = 0}, {.i = 900}, {.i = 150}));
	content = attach_subsurface(window);
	show(content, 900, 150);
	commit(window);
	desync(content);
	*popup = create_popup_at(window, 50, 60, 800, 0);
	configure_popup(*popup, 800, 0);
	show(*popup, 50, 60);
	expect_commits(1);
	clear();
	return content;
}

static void a_popup_does_not_stay_when_what_its_window_consists_of_becomes_smaller(void **state)
{
	struct test_surface popup, content = create_window_of_two(&popup);
	show(content, 100, 150);
	expect_taken_off(2);
	expect_done(popup);
}

static void a_popup_does_not_stay_when_what_its_window_consists_of_is_destroyed(void **state)
{
	for (int whole = 0; whole < 2; whole++) {
		struct test_surface popup, content = create_window_of_two(&popup);
		if (whole)
			request("wl_surface", "destroy", content.id, ARGS({0}));
		else
			request("wl_subsurface", "destroy", content.role, ARGS({0}));
		take_up("wl_surface", "attach");
		take_up("wl_surface", "commit");
		take_up(whole ? "wl_surface" : "wl_subsurface", "destroy");
		expect_done(popup);
	}
}

static void a_popup_as_large_as_a_screen_is_not_shown(void **state)
{
	struct test_surface window = create_window(200, 150),
			    popup = create_popup_at(window, 200, 150, 0, 0);
	show(popup, 2000, 600);
	expect_taken_off(1);
	show(popup, 2049, 1);
	expect_taken_off(1);
	show(popup, 1024, 1024);
	expect_commits(1);
	/* Or as large as its window. */
	show(window, 3000, 2000);
	show(popup, 3000, 2000);
	expect_commits(1);
	assert_null(quota_set(&world.quota, "popup-pixels", "100M"));
	show(window, 200, 150);
	expect_taken_off(2); /* with the window's commit */
	popup = create_popup_at(window, 200, 150, 0, 0);
	show(popup, 2048, 2048);
	expect_commits(1);
}

/* What a guest says of its window's geometry makes no room for popups. */
static void a_window_that_says_it_is_large_has_no_larger_popups(void **state)
{
	struct test_surface window = create_window(200, 150);
	request("xdg_surface", "set_window_geometry", window.role,
		ARGS({.i = 0}, {.i = 0}, {.i = 100000}, {.i = 100000}));
	commit(window);
	struct test_surface popup = create_popup_at(window, 50, 60, 50000, 0);
	take_up("xdg_positioner", "set_size");
	take_up("xdg_positioner", "set_anchor_rect");
	take_up("xdg_positioner", "set_offset");
	assert_int_equal(args[0].i, 200 + 100 - 10);
	show(popup, 3000, 2000);
	expect_taken_off(1);
	/* But it is as large as what is drawn in it. */
	struct test_surface content = attach_subsurface(window);
	show(content, 3000, 2000);
	show(popup, 3000, 2000);
	expect_commits(1);
}

/* Compositors end a client whose positioner has no rectangle. */
static void what_a_popup_is_at_is_never_nothing(void **state)
{
	assert_null(quota_set(&world.quota, "subsurface-margin", "0"));
	create_popup_at(create_window(8, 8), 50, 60, 0, 0);
	take_up("xdg_positioner", "set_size");
	take_up("xdg_positioner", "set_anchor_rect");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(args[i].i, 7);
		assert_int_equal(args[2 + i].i, 1);
	}
}

static void a_popup_of_itself_is_an_error(void **state)
{
	struct test_surface window = create_window(200, 150),
			    outer = create_popup_at(window, 10, 10, 0, 0),
			    inner = create_popup_at(outer, 10, 10, 0, 0);
	uint32_t positioner = world.next_id++, again = world.next_id++;
	request("xdg_wm_base", "create_positioner", t.wm_base.down, ARGS({.id = positioner}));
	request("xdg_popup", "destroy", outer.toplevel, ARGS({0}));
	assert_int_equal(
		push(RELAY_DOWN, "xdg_surface", "get_popup", outer.role,
			ARGS({.id = again}, {.id = inner.role}, {.id = positioner}), no_handle),
		-EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_popup_at_its_window_is_left_alone),
		TEST(a_popup_cannot_shift_itself_away),
		TEST(a_popup_does_not_stay_when_its_window_becomes_smaller),
		TEST(a_popup_does_not_appear_where_its_window_was),
		TEST(a_popup_is_not_moved_to_where_its_window_was),
		TEST(a_popup_is_where_it_was_until_it_goes),
		TEST(a_popup_that_has_gone_to_its_window_stays),
		TEST(a_popup_that_is_gone_is_left_alone),
		TEST(a_popup_does_not_stay_when_what_its_window_consists_of_becomes_smaller),
		TEST(a_popup_does_not_stay_when_what_its_window_consists_of_is_destroyed),
		TEST(a_popup_far_from_its_window_is_moved_to_it),
		TEST(a_popup_as_large_as_a_screen_is_not_shown),
		TEST(a_window_that_says_it_is_large_has_no_larger_popups),
		TEST(what_a_popup_is_at_is_never_nothing),
		TEST(a_popup_of_itself_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
