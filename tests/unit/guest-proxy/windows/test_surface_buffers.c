/* guest-proxy/windows/surface.c and swapchain.c: whose buffers there are, and for how long */
#include "tests/unit/canvas_world.h"

static uint32_t ask_for_release(void)
{
	uint32_t callback = rig_new_id(&rig.client);
	rig_request(&rig, surface, "get_release", RIG_ARGS({.id = callback}));
	return callback;
}

/* The client's buffer is free when it has been copied, whatever becomes of the copy. */
static void who_asks_for_a_release_hears_of_the_copy(void **state)
{
	ask_for_release();
	attach(&rig, surface, canvas.id);
	ask_for_release();
	assert_int_equal(rig.callbacks_done, 0);
	commit(&rig, surface);
	assert_int_equal(rig.callbacks_done, 2);
	assert_int_equal(rig_surface_of(&rig, surface)->release_asked, 0);
	commit(&rig, surface);
	assert_int_equal(rig.callbacks_done, 2);
}

/* Which is an error, and the compositor's to tell. */
static void the_release_of_no_buffer_is_the_compositors(void **state)
{
	ask_for_release();
	assert_int_equal(rig_surface_of(&rig, surface)->release_asked, 0);
	commit(&rig, surface);
	assert_int_equal(rig.callbacks_done, 0);
	assert_true(rig_surface_of(&rig, surface)->release_asked);
	rig_event(&rig, rig_surface_of(&rig, surface)->release_asked, "done", RIG_ARGS({.u = 0}));
	assert_int_equal(rig.callbacks_done, 1);
	ask_for_release(); /* and one that nobody will ever hear of */
}

static void null_hides_and_the_next_buffer_is_copied_whole(void **state)
{
	show(&rig, surface, &canvas);
	attach(&rig, surface, 0);
	commit(&rig, surface);
	assert_null(shown(&rig, surface));
	canvas_row(&canvas, 1)[1] = 8;
	attach(&rig, surface, canvas.id);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 1, 1), 8);
}

static void null_behind_a_buffer_wins(void **state)
{
	attach(&rig, surface, canvas.id);
	attach(&rig, surface, 0);
	commit(&rig, surface);
	assert_null(shown(&rig, surface));
	assert_int_equal(rig.releases, 0);
	assert_int_equal(rig.buffers_made, 0);
}

static void a_buffer_destroyed_before_the_commit_is_still_shown(void **state)
{
	struct canvas other;
	canvas_create(&rig, &other, 16, 8, 8, 40);
	canvas_row(&other, 2)[2] = 9;
	attach(&rig, surface, other.id);
	canvas_destroy(&rig, &other);
	commit(&rig, surface);
	assert_int_equal(shown_pixel(&rig, surface, 2, 2), 9);
	assert_int_equal(rig.releases, 0);
	assert_int_equal(rig.connection.n_pools, 1);
}

static void one_buffer_on_two_surfaces(void **state)
{
	uint32_t second = rig_create_surface(&rig);
	attach(&rig, surface, canvas.id);
	attach(&rig, second, canvas.id);
	commit(&rig, surface);
	commit(&rig, second);
	assert_int_equal(shown_pixel(&rig, surface, 3, 3), 3003);
	assert_int_equal(shown_pixel(&rig, second, 3, 3), 3003);
	assert_int_equal(rig.buffers_made, 2);
}

static void host_buffers_go_with_the_surface_once_released(void **state)
{
	show(&rig, surface, &canvas);
	uint32_t first = rig_surface_of(&rig, surface)->current;
	show(&rig, surface, &canvas);
	uint32_t second = rig_surface_of(&rig, surface)->current;
	assert_int_equal(rig.buffers_made, 2);
	rig_release(&rig, first);
	rig_request(&rig, surface, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 1);
	assert_int_equal(rig.connection.n_retired, 1);
	rig_release(&rig, second);
	assert_int_equal(rig.buffers_destroyed, 2);
	assert_int_equal(rig.connection.channel->counters.blobs, 0);
}

static void another_size_gets_other_buffers(void **state)
{
	struct canvas small;
	canvas_create(&rig, &small, 0, 10, 10, 40);
	show(&rig, surface, &canvas);
	rig_release(&rig, rig_surface_of(&rig, surface)->current);
	canvas_row(&small, 9)[9] = 10;
	attach(&rig, surface, small.id);
	commit(&rig, surface);
	assert_int_equal(shown(&rig, surface)->width, 10);
	assert_int_equal(shown_pixel(&rig, surface, 9, 9), 10);
	assert_int_equal(rig.buffers_destroyed, 1);
	canvas_destroy(&rig, &small);
}

static void a_compositor_that_never_releases_gets_old_buffers_again(void **state)
{
	for (int i = 0; i < 100; i++) {
		canvas_row(&canvas, 30)[30] = (uint32_t)i;
		show(&rig, surface, &canvas);
		assert_int_equal(shown_pixel(&rig, surface, 30, 30), i);
	}
	assert_int_equal(rig.buffers_made, 16);
}

static void free_buffers_beyond_a_few_are_given_back(void **state)
{
	uint32_t held[10];
	for (int i = 0; i < 10; i++) {
		show(&rig, surface, &canvas);
		held[i] = rig_surface_of(&rig, surface)->current;
	}
	for (int i = 0; i < 10; i++)
		rig_release(&rig, held[i]);
	assert_int_equal(rig.buffers_made, 10);
	assert_int_equal(rig.connection.channel->counters.blobs, 3);
}

static void a_commit_waits_until_the_host_has_made_memory(void **state)
{
	fake_channel->memory_pending = true;
	show(&rig, surface, &canvas);
	commit(&rig, surface); /* what comes behind it waits, too */
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 0);
	assert_int_equal(rig.releases, 0);
	assert_int_equal(resume(), 0); /* for something else */
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 0);
	fake_channel_memory(0);
	assert_int_equal(resume(), 0);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 2);
	assert_int_equal(rig.releases, 1);
	assert_int_equal(rig.connection.frames, 1);
	assert_int_equal(shown_pixel(&rig, surface, 3, 5), 5003);
}

static void memory_that_is_refused_later_is_the_clients_error_too(void **state)
{
	fake_channel->memory_pending = true;
	show(&rig, surface, &canvas);
	fake_channel_memory(-ENOMEM);
	assert_int_equal(resume(), -EPROTO);
	assert_int_equal(rig.error_code, WL_DISPLAY_ERROR_NO_MEMORY);
	assert_false(rig.connection.lost);
}

static void quota_of_the_host_is_the_clients_error(void **state)
{
	rig.connection.channel->max_blob_bytes = 4096;
	attach(&rig, surface, canvas.id);
	rig_bad_request(&rig, surface, "commit", NULL, 1, WL_DISPLAY_ERROR_NO_MEMORY);
	assert_non_null(strstr(rig.error, "64x64"));
	assert_false(rig.connection.lost);
}

static void with_buffers_at_hand_quota_is_no_error(void **state)
{
	show(&rig, surface, &canvas);
	rig.connection.channel->max_blob_bytes = 4096;
	rig.may_reuse = true;
	canvas_row(&canvas, 9)[9] = 11;
	show(&rig, surface, &canvas);
	assert_int_equal(shown_pixel(&rig, surface, 9, 9), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_asks_for_a_release_hears_of_the_copy),
		TEST(the_release_of_no_buffer_is_the_compositors),
		TEST(null_hides_and_the_next_buffer_is_copied_whole),
		TEST(null_behind_a_buffer_wins),
		TEST(a_buffer_destroyed_before_the_commit_is_still_shown),
		TEST(one_buffer_on_two_surfaces),
		TEST(host_buffers_go_with_the_surface_once_released),
		TEST(another_size_gets_other_buffers),
		TEST(a_compositor_that_never_releases_gets_old_buffers_again),
		TEST(free_buffers_beyond_a_few_are_given_back),
		TEST(a_commit_waits_until_the_host_has_made_memory),
		TEST(memory_that_is_refused_later_is_the_clients_error_too),
		TEST(quota_of_the_host_is_the_clients_error),
		TEST(with_buffers_at_hand_quota_is_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
