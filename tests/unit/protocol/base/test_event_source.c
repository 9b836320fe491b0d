/* protocol/base/event_source.c */
#include "protocol/base/event_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/fd_count.h"

static struct wl_event_loop *loop;
static struct wl_event_source *source;
static int fd, calls, writes_from_inside, fds;
static bool edge;

static void signal_it(void)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static int handle(int ready, uint32_t mask, void *data)
{
	calls++;
	if (writes_from_inside > 0) {
		writes_from_inside--;
		signal_it();
	}
	return 0;
}

static void dispatch(void)
{
	assert_int_equal(wl_event_loop_dispatch(loop, 0), 0);
}

static int set_up(void **state)
{
	fds = fd_count();
	loop = wl_event_loop_create();
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	calls = writes_from_inside = 0;
	return 0;
}

static int tear_down(void **state)
{
	wl_event_source_remove(source);
	wl_event_loop_destroy(loop);
	close(fd);
	return fd_count() == fds ? 0 : -1;
}

static void watch(int what)
{
	source = eventfd_source_add(loop, what, handle, NULL, &edge);
	assert_non_null(source);
}

static void each_write_is_told_once_and_nobody_reads(void **state)
{
	watch(fd);
	assert_true(edge);
	dispatch();
	assert_int_equal(calls, 0);
	for (int i = 1; i <= 3; i++) {
		signal_it();
		dispatch();
		dispatch();
		assert_int_equal(calls, i);
	}
	eventfd_t count;
	assert_int_equal(eventfd_read(fd, &count), 0);
	assert_int_equal(count, 3);
	dispatch();
	assert_int_equal(calls, 3);
}

static void what_was_written_before_is_told(void **state)
{
	signal_it();
	watch(fd);
	dispatch();
	assert_int_equal(calls, 1);
	eventfd_t count;
	assert_int_equal(eventfd_read(fd, &count), 0);
	assert_int_equal(count, 1);
}

static void several_writes_may_be_told_together(void **state)
{
	watch(fd);
	signal_it();
	signal_it();
	dispatch();
	assert_int_equal(calls, 1);
	dispatch();
	assert_int_equal(calls, 1);
}

static void a_write_by_the_one_who_is_told_is_told(void **state)
{
	watch(fd);
	writes_from_inside = 2;
	signal_it();
	for (int i = 0; i < 4; i++)
		dispatch();
	assert_int_equal(calls, 3);
}

/* What was written and read in between is no event. */
static void one_that_was_read_is_told_of_the_next_write_only(void **state)
{
	eventfd_t count;
	watch(fd);
	signal_it();
	assert_int_equal(eventfd_read(fd, &count), 0);
	dispatch();
	assert_int_equal(calls, 0);
	signal_it();
	dispatch();
	assert_int_equal(calls, 1);
}

static void the_numbers_of_descriptors_may_have_gaps(void **state)
{
	int gap = dup(fd), last = dup(fd);
	close(gap);
	watch(fd);
	assert_true(edge);
	signal_it();
	dispatch();
	dispatch();
	assert_int_equal(calls, 1);
	close(last);
}

/* As some frontends' kicks: what is in it has to be read, or it would fill up. */
static void a_pipe_is_told_until_it_is_read(void **state)
{
	int ends[2];
	char byte = 1;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], &byte, 1), 1);
	watch(ends[0]);
	assert_false(edge);
	dispatch();
	dispatch();
	assert_int_equal(calls, 2);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	dispatch();
	assert_int_equal(calls, 2);
	close(ends[0]);
	close(ends[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_write_is_told_once_and_nobody_reads),
		TEST(what_was_written_before_is_told),
		TEST(several_writes_may_be_told_together),
		TEST(a_write_by_the_one_who_is_told_is_told),
		TEST(one_that_was_read_is_told_of_the_next_write_only),
		TEST(the_numbers_of_descriptors_may_have_gaps),
		TEST(a_pipe_is_told_until_it_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
