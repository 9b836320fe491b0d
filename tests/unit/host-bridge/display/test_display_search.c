/* host-bridge/display/display_search.c */
#include "host-bridge/display/display_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/program/unix_listener.h"
#include "tests/unit/fd_count.h"

static struct display_search search;
static struct sockaddr_un taken;
static int listeners[40], fds_before;

static int set_up(void **state)
{
	fds_before = fd_count();
	search = (struct display_search){.first.sun_family = AF_UNIX};
	taken = (struct sockaddr_un){0};
	strcpy(search.directory, "/tmp/wayferry-search-XXXXXX");
	assert_non_null(mkdtemp(search.directory));
	snprintf(search.first.sun_path, sizeof(search.first.sun_path), "%.64s/wayland-5",
		search.directory);
	memset(listeners, -1, sizeof(listeners));
	return 0;
}

static struct sockaddr_un nth(int n)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/wayland-%d", search.directory,
		n);
	return address;
}

static void begin(int n)
{
	struct sockaddr_un address = nth(n);
	listeners[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listeners[n], (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listeners[n], 8), 0);
}

/* As one that is killed does: the file stays. */
static void end(int n)
{
	fd_close(&listeners[n]);
}

static int tear_down(void **state)
{
	for (int n = 0; n < 40; n++) {
		end(n);
		unlink(nth(n).sun_path);
	}
	assert_int_equal(fd_count(), fds_before);
	return rmdir(search.directory);
}

static int connect_once(pid_t not_pid)
{
	int fd = display_search_connect(&search, &taken, geteuid(), not_pid);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : fd;
}

static void expect(int n)
{
	assert_int_equal(connect_once(0), 0);
	assert_string_equal(taken.sun_path, nth(n).sun_path);
	close(accept(listeners[n], NULL, NULL));
}

static void the_named_one_is_first_and_others_are_found(void **state)
{
	assert_int_equal(connect_once(0), -ENOENT);
	begin(32);
	expect(32);
	end(32);
	begin(3);
	expect(3);
	end(3);
	begin(5);
	begin(0);
	expect(5);
}

static void what_was_found_stays_while_it_answers(void **state)
{
	begin(7);
	expect(7);
	begin(0);
	expect(7);
	end(7);
	expect(0);
}

static void the_named_one_takes_over_when_it_comes(void **state)
{
	begin(7);
	expect(7);
	assert_int_equal(display_search_named(&search, &taken), -ENOENT);
	begin(5);
	expect(5);
	end(5);
	expect(7);
	unlink(nth(5).sun_path);
	begin(5);
	int fd = display_search_named(&search, &taken);
	assert_true(fd >= 0);
	assert_string_equal(taken.sun_path, nth(5).sun_path);
	close(fd);
	assert_int_equal(display_search_named(&search, &taken), -ENOENT);
}

static void a_full_queue_is_no_reason_to_look_elsewhere(void **state)
{
	int fds[16], n = 0;

	begin(5);
	begin(6);
	while (n < 16 && (fds[n] = display_search_connect(&search, &taken, geteuid(), 0)) >= 0)
		n++;
	assert_in_range(n, 1, 15);
	assert_int_equal(fds[n], -EAGAIN);
	assert_string_equal(taken.sun_path, nth(5).sun_path);
	while (n > 0)
		close(fds[--n]);
}

static void only_the_users_own_are_found(void **state)
{
	begin(1);
	assert_int_equal(display_search_connect(&search, &taken, geteuid() + 1, 0), -ENOENT);
	assert_int_equal(connect_once(getpid()), -ENOENT); /* our own guest's */
	assert_int_equal(connect_once(getpid() + 1), 0);
	begin(5); /* what is named is trusted */
	taken = (struct sockaddr_un){0};
	int fd = display_search_connect(&search, &taken, geteuid() + 1, getpid());
	assert_true(fd >= 0);
	close(fd);
}

/* We listen at all of them, and are a guest ourselves by this. */
static void guests_displays_are_not_found(void **state)
{
	char directory[128], mark[192];

	snprintf(directory, sizeof(directory), "%s/wayferry", search.directory);
	snprintf(mark, sizeof(mark), "%s/guest.%d", directory, (int)getpid());
	assert_int_equal(mkdir(directory, 0700), 0);
	begin(1);
	expect(1);
	int socket_of_mark = unix_listener_create(mark, 0177, 0);
	assert_true(socket_of_mark >= 0);
	for (int i = 0; i < 4; i++) /* also when nobody more can connect to it */
		assert_int_equal(connect_once(0), -ENOENT); /* also where it was found before */
	begin(5);                                           /* what is named is trusted */
	expect(5);
	end(5);
	close(socket_of_mark); /* its wayferry-guest was killed, and the process id is ours now */
	expect(1);
	unlink(mark);
	close(open(mark, O_CREAT | O_CLOEXEC, 0600));
	expect(1);
	unlink(mark);
	assert_int_equal(symlink("nothing", mark), 0);
	expect(1);
	unlink(mark);
	rmdir(directory);
}

static void without_a_directory_only_the_named_one_will_do(void **state)
{
	char directory[sizeof(search.directory)];

	strcpy(directory, search.directory);
	begin(1);
	search.directory[0] = 0;
	assert_int_equal(connect_once(0), -ENOENT);
	search.first.sun_family = AF_UNSPEC;
	assert_int_equal(connect_once(0), -ENOENT);
	strcpy(search.directory, directory);
	expect(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_named_one_is_first_and_others_are_found),
		TEST(what_was_found_stays_while_it_answers),
		TEST(the_named_one_takes_over_when_it_comes),
		TEST(a_full_queue_is_no_reason_to_look_elsewhere),
		TEST(only_the_users_own_are_found),
		TEST(guests_displays_are_not_found),
		TEST(without_a_directory_only_the_named_one_will_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
