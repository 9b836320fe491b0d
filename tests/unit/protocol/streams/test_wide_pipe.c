/* protocol/streams/wide_pipe.c */
#include "protocol/streams/wide_pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

static void a_process_has_a_few_of_them_at_a_time(void **state)
{
	struct wide_pipe pipes[WIDE_PIPES_MAX + 1] = {0};
	int ends[WIDE_PIPES_MAX + 1][2];

	for (int i = 0; i <= WIDE_PIPES_MAX; i++) {
		assert_int_equal(pipe2(ends[i], O_CLOEXEC), 0);
		assert_int_equal(wide_pipe_try(&pipes[i], ends[i][i % 2]), i < WIDE_PIPES_MAX);
		assert_int_equal(fcntl(ends[i][0], F_GETPIPE_SZ),
			i < WIDE_PIPES_MAX ? WIDE_PIPE_BYTES : 65536);
	}
	assert_false(wide_pipe_try(&pipes[0], ends[0][0])); /* it is as large as can be */
	wide_pipe_finish(&pipes[0]);
	assert_true(wide_pipe_try(&pipes[WIDE_PIPES_MAX], ends[WIDE_PIPES_MAX][0]));
	for (int i = 0; i <= WIDE_PIPES_MAX; i++) {
		wide_pipe_finish(&pipes[i]);
		wide_pipe_finish(&pipes[i]);
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

static void what_is_no_pipe_or_large_enough_stays_as_it_is(void **state)
{
	struct wide_pipe file = {0}, large = {0};
	int ends[2], fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_false(wide_pipe_try(&file, fd));
	wide_pipe_finish(&file);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETPIPE_SZ, 2 * WIDE_PIPE_BYTES), 2 * WIDE_PIPE_BYTES);
	assert_false(wide_pipe_try(&large, ends[0]));
	assert_int_equal(fcntl(ends[0], F_GETPIPE_SZ), 2 * WIDE_PIPE_BYTES);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void who_brings_much_at_once_has_more_room(void **state)
{
	struct wide_pipe pipe = {0};
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	wide_pipe_was_read(&pipe, ends[0], -1);
	wide_pipe_was_read(&pipe, ends[0], 32768);
	assert_int_equal(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	wide_pipe_was_read(&pipe, ends[0], 32769);
	assert_int_equal(fcntl(ends[0], F_GETPIPE_SZ), WIDE_PIPE_BYTES);
	wide_pipe_finish(&pipe);
	close(ends[0]);
	close(ends[1]);
}

static void what_does_not_fit_has_more_room_before_it_is_written(void **state)
{
	struct wide_pipe pipe = {0};
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	wide_pipe_to_write(&pipe, ends[1], 65536);
	assert_int_equal(fcntl(ends[1], F_GETPIPE_SZ), 65536);
	wide_pipe_to_write(&pipe, ends[1], 65537);
	assert_int_equal(fcntl(ends[1], F_GETPIPE_SZ), WIDE_PIPE_BYTES);
	wide_pipe_finish(&pipe);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_a_few_of_them_at_a_time),
		cmocka_unit_test(what_is_no_pipe_or_large_enough_stays_as_it_is),
		cmocka_unit_test(who_brings_much_at_once_has_more_room),
		cmocka_unit_test(what_does_not_fit_has_more_room_before_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
