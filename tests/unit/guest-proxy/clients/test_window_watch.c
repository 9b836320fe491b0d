/* guest-proxy/clients/window_watch.c */
#include "guest-proxy/clients/window_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/log_capture.h"

static enum clients_progress progress;

/* Instead of the one of clients.c. */
enum clients_progress clients_progress(const struct clients *clients)
{
	return progress;
}

/* What the log says by the time that a later timer ends. */
static void watch_until(enum clients_progress reached, bool stop)
{
	struct wl_event_loop *loop = wl_event_loop_create();
	struct window_watch watch;

	log_capture_begin();
	window_watch_start(&watch, loop, NULL, "editor", 10);
	progress = reached;
	if (stop)
		window_watch_stop(&watch);
	for (int i = 0; i < (stop ? 1 : 1000) && (watch.timer || stop); i++)
		wl_event_loop_dispatch(loop, stop ? 50 : 10);
	log_capture_end();
	assert_null(watch.timer);
	window_watch_stop(&watch);
	wl_event_loop_destroy(loop);
}

static void a_command_that_does_not_connect_is_told_of(void **state)
{
	watch_until(CLIENTS_NONE, false);
	assert_true(log_captured("editor has not connected to this display after 0 seconds"));
}

static void a_command_that_shows_nothing_is_told_of(void **state)
{
	watch_until(CLIENTS_CONNECTED, false);
	assert_true(log_captured("editor has connected to this display, but shown nothing"));
}

static void a_window_is_not_told_of(void **state)
{
	watch_until(CLIENTS_DRAWN, false);
	assert_string_equal(log_capture_text, "");
}

static void a_command_that_has_ended_is_not_told_of(void **state)
{
	watch_until(CLIENTS_NONE, true);
	assert_string_equal(log_capture_text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_that_does_not_connect_is_told_of),
		cmocka_unit_test(a_command_that_shows_nothing_is_told_of),
		cmocka_unit_test(a_window_is_not_told_of),
		cmocka_unit_test(a_command_that_has_ended_is_not_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
