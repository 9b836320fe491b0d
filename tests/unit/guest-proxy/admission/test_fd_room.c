/* guest-proxy/admission/fd_room.c */
#include "guest-proxy/admission/fd_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/log_capture.h"

#define LIMIT 200

/* Opens fds until @left are free. How many. */
static int fill(int fds[LIMIT], int left)
{
	int n = 0;

	while ((fds[n] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	while (left-- > 0)
		close(fds[--n]);
	return n;
}

static void what_is_free_is_counted_once_numbers_are_high(void **state)
{
	struct rlimit before, few;
	int fds[LIMIT];

	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = LIMIT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(fd_room(0, FD_ROOM_MAX)); /* nobody has come near it */
	log_capture_begin();                  /* which takes some */
	int n = fill(fds, 30);
	fd_room_note(fds[n - 1]);
	assert_true(fd_room(0, 30));
	assert_false(fd_room(0, 31));
	assert_true(fd_room(0, 30));
	assert_false(fd_room(0, 31));
	log_capture_end();
	assert_true(log_captured("no file descriptors are left"));
	assert_false(log_captured("there are file descriptors again"));
	while (n > 0)
		close(fds[--n]);
	log_capture_begin();
	usleep(1100000);
	assert_true(fd_room(0, FD_ROOM_CLIENT));
	log_capture_end();
	assert_true(log_captured("there are file descriptors again"));
	assert_true(fd_room(0, FD_ROOM_MAX)); /* it is not counted any more */
	setrlimit(RLIMIT_NOFILE, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_free_is_counted_once_numbers_are_high),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
