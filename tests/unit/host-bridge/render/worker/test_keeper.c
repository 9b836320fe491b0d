/* host-bridge/render/worker/keeper.c, with processes of the test's own that serve. */
#include "host-bridge/render/worker/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/log_capture.h"

#define SHORT_MS 10
#define NEVER_MS (1 << 24)
#define SERVED 20

static atomic_uint *lives; /* that were begun, in memory of all processes */
static int host = -1;      /* our end of the socket */
static pid_t keeper;
static int fds_before;

static int set_up(void **state)
{
	fds_before = fd_count();
	lives = mmap(
		NULL, sizeof(*lives), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return lives == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
	log_capture_end();
	fd_close(&host);
	munmap((void *)lives, sizeof(*lives));
	return fd_count() == fds_before ? 0 : -1;
}

/* @serve: in a process, the nth; from 1 on. Its exit status. */
static void keep(int (*serve)(unsigned nth, int socket), int pause_ms)
{
	int sockets[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	host = sockets[0];
	keeper = fork();
	assert_true(keeper >= 0);
	if (keeper == 0) {
		close(sockets[0]);
		keeper_run(sockets[1], fork, pause_ms);
		_exit(serve(++*lives, sockets[1]));
	}
	close(sockets[1]);
}

/* What became of the keeper: its wait status. */
static int keeper_end(void)
{
	int status;
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	return status;
}

static void assert_keeper_ends(int exit_status)
{
	int status = keeper_end();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), exit_status);
}

static int end_by(int signal)
{
	raise(signal);
	return 99;
}

/* Serves: answers each message with the number of its process, until the host leaves. */
static int serve_well(unsigned nth, int socket)
{
	char byte;
	keeper_ready();
	while (read(socket, &byte, 1) > 0) {
		keeper_useful();
		if (write(socket, &nth, sizeof(nth)) < 0)
			return 98;
	}
	return 0;
}

static unsigned ask(void)
{
	unsigned nth = 0;
	assert_int_equal(write(host, "x", 1), 1);
	assert_int_equal(read(host, &nth, sizeof(nth)), sizeof(nth));
	return nth;
}

static void it_ends_with_the_host(void **state)
{
	keep(serve_well, SHORT_MS);
	assert_int_equal(ask(), 1);
	fd_close(&host);
	assert_keeper_ends(0);
	assert_int_equal(*lives, 1);
}

/* Each message ends its process, but for the last. */
static int serve_once(unsigned nth, int socket)
{
	char byte;
	if (nth > SERVED)
		return serve_well(nth, socket);
	keeper_ready();
	if (read(socket, &byte, 1) <= 0)
		return 0;
	keeper_useful();
	return nth % 2 ? end_by(SIGKILL) : 1;
}

static void one_that_ends_is_followed_by_another_however_often(void **state)
{
	log_capture_begin();
	keep(serve_once, NEVER_MS); /* it waits after none of these */
	for (unsigned i = 0; i < SERVED; i++)
		assert_int_equal(write(host, "x", 1), 1);
	assert_int_equal(ask(), SERVED + 1); /* the messages have waited in the socket */
	fd_close(&host);
	assert_keeper_ends(0);
	log_capture_end();
	assert_true(log_captured("[warn] renderer: the process that starts workers of 3D contexts "
				 "ended by signal 9 (Killed)"));
	assert_true(log_captured("ended with status 1"));
	assert_false(log_captured("[error]"));
}

static int do_nothing(unsigned nth, int socket)
{
	keeper_ready();
	return end_by(SIGKILL);
}

static void several_that_do_nothing_are_the_end(void **state)
{
	char byte;
	log_capture_begin();
	int64_t began_ms = monotonic_ms();
	keep(do_nothing, SHORT_MS);
	assert_int_equal(read(host, &byte, 1), 0); /* the host notices */
	assert_keeper_ends(EXIT_FAILURE);
	assert_true(monotonic_ms() - began_ms >= (1 + 2 + 4) * SHORT_MS);
	assert_int_equal(*lives, 5);
	log_capture_end();
	assert_true(log_captured("[error] renderer: the process that starts workers of 3D contexts "
				 "has ended 5 times"));
	assert_true(log_captured("there is no 3D until wayferry-host is restarted"));
}

/* Those that do nothing count in a row. */
static int do_nothing_mostly(unsigned nth, int socket)
{
	if (nth == 4)
		keeper_useful();
	return do_nothing(nth, socket);
}

static void what_was_done_counts(void **state)
{
	keep(do_nothing_mostly, SHORT_MS);
	assert_keeper_ends(EXIT_FAILURE);
	assert_int_equal(*lives, 4 + 5);
}

static int cannot_start(unsigned nth, int socket)
{
	return 3;
}

static void a_first_that_cannot_start_is_the_end(void **state)
{
	log_capture_begin();
	keep(cannot_start, NEVER_MS);
	assert_keeper_ends(3);
	assert_int_equal(*lives, 1);
	log_capture_end();
	assert_false(log_captured("3D contexts"));
}

/* A later one that cannot is tried again. */
static int cannot_start_again(unsigned nth, int socket)
{
	if (nth > 1 && nth < 4)
		return 3;
	if (nth > 1)
		return serve_well(nth, socket);
	keeper_ready();
	return end_by(SIGKILL);
}

static void a_later_one_that_cannot_start_is_tried_again(void **state)
{
	keep(cannot_start_again, SHORT_MS);
	assert_int_equal(ask(), 4);
	fd_close(&host);
	assert_keeper_ends(0);
}

static void a_host_that_leaves_between_two_of_them_is_not_kept_waiting(void **state)
{
	log_capture_begin();
	keep(do_nothing, NEVER_MS);
	while (*lives < 2) /* after the second it waits */
		usleep(1000);
	fd_close(&host);
	assert_keeper_ends(0);
	assert_int_equal(*lives, 2);
}

static void who_serves_ends_with_the_keeper(void **state)
{
	char byte;
	keep(serve_well, SHORT_MS);
	assert_int_equal(ask(), 1);
	kill(keeper, SIGKILL);
	assert_true(WIFSIGNALED(keeper_end()));
	assert_int_equal(read(host, &byte, 1), 0); /* nobody else has the socket */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_ends_with_the_host),
		TEST(one_that_ends_is_followed_by_another_however_often),
		TEST(several_that_do_nothing_are_the_end),
		TEST(what_was_done_counts),
		TEST(a_first_that_cannot_start_is_the_end),
		TEST(a_later_one_that_cannot_start_is_tried_again),
		TEST(a_host_that_leaves_between_two_of_them_is_not_kept_waiting),
		TEST(who_serves_ends_with_the_keeper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
