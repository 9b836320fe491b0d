/* guest-proxy/channel/flow/poll_patience.c */
#include "guest-proxy/channel/flow/poll_patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct poll_patience patience;
static struct wl_event_loop *loop;
static unsigned rested;

static void handle_rested(void *data)
{
	assert_ptr_equal(data, &rested);
	assert_false(patience.resting);
	rested++;
}

static int setup(void **state)
{
	loop = wl_event_loop_create();
	rested = 0;
	poll_patience_init(&patience, loop, handle_rested, &rested);
	poll_patience_asked(&patience);
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	poll_patience_finish(&patience);
	poll_patience_finish(&patience);
	wl_event_loop_destroy(loop);
	return 0;
}

static void a_rest_ends_by_itself(void **state)
{
	poll_patience_refused(&patience);
	assert_true(patience.resting);
	while (rested == 0)
		wl_event_loop_dispatch(loop, -1);
	assert_int_equal(rested, 1);
}

/* As if the rest had taken its time. */
static int next_rest_ms(void)
{
	patience.resting = false;
	poll_patience_asked(&patience);
	poll_patience_refused(&patience);
	return patience.rest_ms;
}

static void rests_become_longer_while_nothing_comes(void **state)
{
	static const int rests_ms[] = {20, 40, 80, 160, 320, 640, 1000, 1000};
	for (size_t i = 0; i < sizeof(rests_ms) / sizeof(*rests_ms); i++)
		assert_int_equal(next_rest_ms(), rests_ms[i]);
	poll_patience_heard(&patience);
	assert_int_equal(next_rest_ms(), 20);
	assert_int_equal(next_rest_ms(), 40);
	poll_patience_spoke(&patience, true);
	assert_int_equal(next_rest_ms(), 20);
}

static void what_is_said_cuts_a_rest_short(void **state)
{
	poll_patience_refused(&patience);
	poll_patience_spoke(&patience, true);
	assert_false(patience.resting);
	wl_event_loop_dispatch(loop, 100); /* until its timer, if not longer */
	assert_int_equal(rested, 0);
}

static void who_has_spoken_since_does_not_rest(void **state)
{
	poll_patience_spoke(&patience, false);
	poll_patience_refused(&patience);
	assert_false(patience.resting);
	poll_patience_asked(&patience);
	poll_patience_refused(&patience);
	assert_true(patience.resting);
	poll_patience_refused(&patience); /* it does already */
	assert_int_equal(patience.rest_ms, 20);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rest_ends_by_itself),
		TEST(rests_become_longer_while_nothing_comes),
		TEST(what_is_said_cuts_a_rest_short),
		TEST(who_has_spoken_since_does_not_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
