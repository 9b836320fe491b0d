/* relay_lanes.c: what waits with a request that was deferred, and what not. */
#include "tests/unit/relay_world.h"

enum more_ids {
	OTHER = NEXT, /* a surface that has to do with no other */
	XDG_SURFACE,
	TOPLEVEL,
	FREE, /* from here on by each test */
};

static uint32_t waiting_surface, second_waiting; /* their commits are deferred */
static uint32_t kept_with;                       /* what is deferred with them; 0: nothing */
static unsigned looks;

static enum relay_verdict defer_commit(struct relay_message *message)
{
	const uint32_t id = message->object->id[RELAY_DOWN];

	looks++;
	if (id != waiting_surface && id != second_waiting)
		return RELAY_FORWARD;
	relay_defer_with(message->relay, relay_object_at(message->relay, RELAY_DOWN, kept_with),
		message->object);
	return RELAY_DEFER;
}

static int set_up_windows(void **state)
{
	set_up(state);
	struct world *world = *state;
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", OTHER);
	request(world, WM_BASE, "xdg_wm_base", "get_xdg_surface", "uu", XDG_SURFACE, SURFACE);
	request(world, XDG_SURFACE, "xdg_surface", "get_toplevel", "u", TOPLEVEL);
	forget_sent(world);
	on_commit = defer_commit;
	waiting_surface = SURFACE;
	second_waiting = kept_with = 0;
	looks = 0;
	return 0;
}

static void commit(struct world *world, uint32_t surface)
{
	request(world, surface, "wl_surface", "commit", "");
}

static void expect_up(struct world *world, uint32_t id, const char *interface, const char *message)
{
	expect(world, RELAY_UP, id, interface, message, "");
}

static void go_on(struct world *world)
{
	waiting_surface = 0;
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_false(relay_stopped(world->relay));
}

static void only_its_surface_waits(void **state)
{
	struct world *world = *state;
	commit(world, SURFACE);
	request(world, SURFACE, "wl_surface", "damage", "uuuu", 1, 2, 3, 4);
	expect_nothing_more(world);
	commit(world, OTHER);
	expect_up(world, OTHER, "wl_surface", "commit");
	request(world, DISPLAY, "wl_display", "sync", "u", FREE);
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", FREE);
	event(world, KEYBOARD, "wl_keyboard", "key", "uuuu", 1, 2, 3, 1);
	forget_sent(world);
	/* A push by itself is no reason to look again; nor is one of other windows. */
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, OTHER));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_int_equal(looks, 2);
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_int_equal(looks, 3);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "damage", "uuuu", 1, 2, 3, 4);
	commit(world, SURFACE);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect_nothing_more(world);
}

static void what_was_made_of_the_surface_waits_with_it(void **state)
{
	struct world *world = *state;
	commit(world, SURFACE);
	request(world, TOPLEVEL, "xdg_toplevel", "set_title", "a", STRING("a title"));
	request(world, SURFACE, "wl_surface", "frame", "u", FREE);
	request(world, XDG_SURFACE, "xdg_surface", "ack_configure", "u", 7);
	commit(world, SURFACE);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, TOPLEVEL, "xdg_toplevel", "set_title", "a", STRING("a title"));
	expect(world, RELAY_UP, SURFACE, "wl_surface", "frame", "u", FREE);
	expect(world, RELAY_UP, XDG_SURFACE, "xdg_surface", "ack_configure", "u", 7);
	expect_up(world, SURFACE, "wl_surface", "commit");
	event(world, FREE, "wl_callback", "done", "u", 9);
	expect(world, RELAY_DOWN, FREE, "wl_callback", "done", "u", 9);
}

static void faults_are_told_at_once(void **state)
{
	struct world *world = *state;
	commit(world, SURFACE);
	assert_int_equal(
		push_message(world, RELAY_DOWN, SURFACE, "wl_surface", "offset", "uu", 1, 1),
		-EPROTO); /* version 4 has none */
	assert_non_null(relay_failure(world->relay));
}

static void two_commits_wait_one_after_the_other(void **state)
{
	struct world *world = *state;
	commit(world, SURFACE);
	request(world, SURFACE, "wl_surface", "set_buffer_scale", "u", 2);
	commit(world, SURFACE);
	request(world, SURFACE, "wl_surface", "set_buffer_scale", "u", 3);
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_int_equal(looks, 2);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_buffer_scale", "u", 2);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_buffer_scale", "u", 3);
	expect_nothing_more(world);
}

static void windows_that_have_to_do_with_each_other_wait_together(void **state)
{
	struct world *world = *state;
	enum { OTHER_XDG = FREE, OTHER_TOPLEVEL };
	request(world, WM_BASE, "xdg_wm_base", "get_xdg_surface", "uu", OTHER_XDG, OTHER);
	request(world, OTHER_XDG, "xdg_surface", "get_toplevel", "u", OTHER_TOPLEVEL);
	commit(world, SURFACE);
	forget_sent(world);
	request(world, OTHER_TOPLEVEL, "xdg_toplevel", "set_parent", "u", TOPLEVEL);
	commit(world, OTHER);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, OTHER_TOPLEVEL, "xdg_toplevel", "set_parent", "u", TOPLEVEL);
	expect_up(world, OTHER, "wl_surface", "commit");
	/* From now on it does not matter which of them begins. */
	waiting_surface = OTHER;
	commit(world, OTHER);
	commit(world, SURFACE);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, OTHER, "wl_surface", "commit");
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect_nothing_more(world);
}

/* Both wait for something when they turn out to have to do with each other. */
static void two_rows_become_one(void **state)
{
	struct world *world = *state;
	enum { OTHER_XDG = FREE, OTHER_TOPLEVEL };
	request(world, WM_BASE, "xdg_wm_base", "get_xdg_surface", "uu", OTHER_XDG, OTHER);
	request(world, OTHER_XDG, "xdg_surface", "get_toplevel", "u", OTHER_TOPLEVEL);
	forget_sent(world);
	commit(world, SURFACE);
	waiting_surface = OTHER;
	commit(world, OTHER);
	request(world, OTHER_TOPLEVEL, "xdg_toplevel", "set_parent", "u", TOPLEVEL);
	expect_nothing_more(world);
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, OTHER));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	go_on(world);
	struct sent *first = next_sent(world, RELAY_UP), *second = next_sent(world, RELAY_UP);
	assert_int_equal(load_u32(first->bytes) + load_u32(second->bytes), SURFACE + OTHER);
	expect(world, RELAY_UP, OTHER_TOPLEVEL, "xdg_toplevel", "set_parent", "u", TOPLEVEL);
	expect_nothing_more(world);
}

static void what_a_waiting_request_names_is_not_destroyed_before(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE, SECOND };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	commit(world, SURFACE);
	forget_sent(world);
	request(world, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	request(world, OTHER, "wl_surface", "set_opaque_region", "u", REGION); /* as it is now */
	expect(world, RELAY_UP, OTHER, "wl_surface", "set_opaque_region", "u", REGION);
	request(world, REGION, "wl_region", "destroy", "");
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", SECOND);
	expect(world, RELAY_UP, COMPOSITOR, "wl_compositor", "create_region", "u", SECOND);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	expect_up(world, REGION, "wl_region", "destroy");
	request(world, SECOND, "wl_region", "destroy", ""); /* nothing waits for it any more */
	expect_up(world, SECOND, "wl_region", "destroy");
	expect_nothing_more(world);
}

static void who_names_what_waiting_requests_change_waits_with_them(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	commit(world, SURFACE);
	forget_sent(world);
	request(world, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	request(world, REGION, "wl_region", "add", "uuuu", 0, 0, 5, 5);
	request(world, OTHER, "wl_surface", "set_opaque_region", "u", REGION);
	commit(world, OTHER);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	expect(world, RELAY_UP, REGION, "wl_region", "add", "uuuu", 0, 0, 5, 5);
	expect(world, RELAY_UP, OTHER, "wl_surface", "set_opaque_region", "u", REGION);
	expect_up(world, OTHER, "wl_surface", "commit");
	expect_nothing_more(world);
}

/* What has passed already, and takes effect with the commit. */
static void a_hook_can_have_an_object_kept(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	relay_defer_with(world->relay, relay_object_at(world->relay, RELAY_DOWN, REGION),
		relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	relay_defer_with(world->relay, NULL, relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	commit(world, SURFACE);
	forget_sent(world);
	request(world, REGION, "wl_region", "destroy", "");
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect_up(world, REGION, "wl_region", "destroy");
}

/* OTHER goes on; SURFACE, which has to do with REGION, too, does not; then it does. */
static void expect_region_to_outlive_both(struct world *world, uint32_t region, size_t n)
{
	forget_sent(world);
	second_waiting = 0;
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, OTHER));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	while (world->n_checked[RELAY_UP] < world->n_sent[RELAY_UP]) {
		assert_int_not_equal(load_u32(next_sent(world, RELAY_UP)->bytes), region);
		n--;
	}
	go_on(world);
	assert_int_equal(world->n_sent[RELAY_UP] - world->n_checked[RELAY_UP], n);
	world->n_checked[RELAY_UP] = world->n_sent[RELAY_UP] - 1;
	expect_up(world, region, "wl_region", "destroy");
}

static void what_two_rows_name_is_not_destroyed_before_both(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	second_waiting = OTHER;
	commit(world, SURFACE);
	commit(world, OTHER);
	request(world, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	request(world, OTHER, "wl_surface", "set_opaque_region", "u", REGION);
	request(world, REGION, "wl_region", "destroy", "");
	expect_region_to_outlive_both(world, REGION, 5);
}

static void nor_what_a_hook_keeps_and_another_row_names(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	commit(world, SURFACE);
	request(world, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	second_waiting = OTHER;
	kept_with = REGION;
	commit(world, OTHER);
	request(world, REGION, "wl_region", "destroy", "");
	expect_region_to_outlive_both(world, REGION, 4);
}

/* xdg_wm_base must not go before its surfaces. */
static void the_end_of_a_globals_object_waits_for_all(void **state)
{
	struct world *world = *state;
	commit(world, SURFACE);
	request(world, TOPLEVEL, "xdg_toplevel", "destroy", "");
	request(world, XDG_SURFACE, "xdg_surface", "destroy", "");
	assert_false(relay_stopped(world->relay));
	request(world, WM_BASE, "xdg_wm_base", "destroy", "");
	assert_true(relay_stopped(world->relay));
	commit(world, OTHER);
	expect_nothing_more(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect_up(world, TOPLEVEL, "xdg_toplevel", "destroy");
	expect_up(world, XDG_SURFACE, "xdg_surface", "destroy");
	expect_up(world, WM_BASE, "xdg_wm_base", "destroy");
	expect_up(world, OTHER, "wl_surface", "commit");
	expect_nothing_more(world);
}

static void what_waits_has_a_bound(void **state)
{
	struct world *world = *state;
	unsigned n = 0;
	commit(world, SURFACE);
	for (; !relay_stopped(world->relay) && n < 100000; n++)
		request(world, SURFACE, "wl_surface", "damage", "uuuu", n, 2, 3, 4);
	assert_in_range(n, 1000, 20000);
	request(world, SURFACE, "wl_surface", "damage", "uuuu", n, 2, 3, 4);
	commit(world, OTHER);
	expect_nothing_more(world);
	go_on(world);
	assert_int_equal(world->n_sent[RELAY_UP] - world->n_checked[RELAY_UP], n + 3);
	world->n_checked[RELAY_UP] = world->n_sent[RELAY_UP] - 3;
	expect(world, RELAY_UP, SURFACE, "wl_surface", "damage", "uuuu", n - 1, 2, 3, 4);
	expect(world, RELAY_UP, SURFACE, "wl_surface", "damage", "uuuu", n, 2, 3, 4);
	expect_up(world, OTHER, "wl_surface", "commit");
}

/* Fences come with their requests; what is left is closed (tear_down counts). */
static void handles_wait_too_and_have_a_bound(void **state)
{
	struct world *world = *state;
	enum { GLOBAL = 77, MANAGER = FREE, SYNC };
	static const char manager[] = "zwp_linux_explicit_synchronization_v1";
	announce(world, GLOBAL, manager, 2);
	bind(world, GLOBAL, manager, 2, MANAGER);
	request(world, MANAGER, manager, "get_synchronization", "uu", SYNC, SURFACE);
	forget_sent(world);
	commit(world, SURFACE);
	for (unsigned i = 0; !relay_stopped(world->relay); i++) {
		assert_true(i < 100);
		give_fd(world, RELAY_DOWN);
		request(world, SYNC, "zwp_linux_surface_synchronization_v1", "set_acquire_fence",
			"");
	}
	expect_nothing_more(world);
	relay_resume(world->relay, relay_object_at(world->relay, RELAY_DOWN, SURFACE));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0); /* deferred once more */
	assert_true(relay_stopped(world->relay));
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	assert_int_equal(next_sent(world, RELAY_UP)->n_handles, 1);
	waiting_surface = SURFACE;
	commit(world, SURFACE);
	give_fd(world, RELAY_DOWN);
	request(world, SYNC, "zwp_linux_surface_synchronization_v1", "set_acquire_fence", "");
}

/* The compositor says that an object is gone that it has not been asked to end. */
static void what_waits_for_nothing_is_dropped(void **state)
{
	struct world *world = *state;
	enum { REGION = FREE };
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", REGION);
	commit(world, SURFACE);
	request(world, SURFACE, "wl_surface", "set_opaque_region", "u", REGION);
	event(world, DISPLAY, "wl_display", "delete_id", "u", REGION);
	forget_sent(world);
	go_on(world);
	expect_up(world, SURFACE, "wl_surface", "commit");
	expect_nothing_more(world);
	waiting_surface = SURFACE;
	commit(world, SURFACE);
	commit(world, SURFACE);
	struct relay_object *surface = relay_object_at(world->relay, RELAY_DOWN, SURFACE);
	relay_resume(world->relay, surface);
	event(world, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_null(relay_failure(world->relay));
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_windows, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_its_surface_waits),
		TEST(what_was_made_of_the_surface_waits_with_it),
		TEST(faults_are_told_at_once),
		TEST(two_commits_wait_one_after_the_other),
		TEST(windows_that_have_to_do_with_each_other_wait_together),
		TEST(two_rows_become_one),
		TEST(what_a_waiting_request_names_is_not_destroyed_before),
		TEST(who_names_what_waiting_requests_change_waits_with_them),
		TEST(a_hook_can_have_an_object_kept),
		TEST(what_two_rows_name_is_not_destroyed_before_both),
		TEST(nor_what_a_hook_keeps_and_another_row_names),
		TEST(the_end_of_a_globals_object_waits_for_all),
		TEST(what_waits_has_a_bound),
		TEST(handles_wait_too_and_have_a_bound),
		TEST(what_waits_for_nothing_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
