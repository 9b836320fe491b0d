/* protocol/streams/reader_watch.c */
#include "protocol/streams/reader_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static time_t now_s; /* time passes where a test says so */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	*out = (struct timespec){now_s, 0};
	return 0;
}

static void who_takes_a_byte_now_and_then_is_not_stale(void **state)
{
	struct reader_watch watch;
	int ends[2];
	char byte;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "12345", 5), 5);
	reader_watch_note(&watch, ends[1]);
	for (int i = 0; i < 3; i++) {
		now_s += 40;
		assert_int_equal(read(ends[0], &byte, 1), 1);
		assert_false(reader_watch_is_stale(&watch, ends[1]));
	}
	now_s += 29;
	assert_false(reader_watch_is_stale(&watch, ends[1]));
	now_s += 1;
	assert_true(reader_watch_is_stale(&watch, ends[1]));
	reader_watch_note(&watch, ends[1]);
	assert_false(reader_watch_is_stale(&watch, ends[1]));
	close(ends[0]);
	close(ends[1]);
}

/* There is nothing to be counted: it has its time all the same. */
static void of_what_is_no_pipe_only_the_time_counts(void **state)
{
	struct reader_watch watch;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	reader_watch_note(&watch, fd);
	assert_false(reader_watch_is_stale(&watch, fd));
	now_s += 30;
	assert_true(reader_watch_is_stale(&watch, fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_takes_a_byte_now_and_then_is_not_stale),
		cmocka_unit_test(of_what_is_no_pipe_only_the_time_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
