/* protocol/program/unix_listener.c: in a directory that is watched */
#include "protocol/program/unix_listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/listener.XXXXXX";
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

static int set_up(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(directory); /* nothing else is left in it */
}

static int connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	close(fd);
	return error;
}

/* Whoever finds the name must be able to connect. */
static bool name_came_too_early;

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

/* In the place of listen(2). */
int __wrap_listen(int fd, int backlog)
{
	name_came_too_early = access(path, F_OK) == 0;
	return __real_listen(fd, backlog);
}

static void the_name_comes_when_somebody_listens(void **state)
{
	struct stat status;
	int fd = unix_listener_create(path, 0177, 1);

	assert_true(fd >= 0);
	assert_false(name_came_too_early);
	assert_int_equal(connect_to(path), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(unix_listener_create(path, 0, 1), -EADDRINUSE);
	assert_int_equal(connect_to(path), 0);
	close(fd);
}

static void what_cannot_be_is_said(void **state)
{
	char name[200];
	snprintf(name, sizeof(name), "%s/%0150d", directory, 0);
	assert_int_equal(unix_listener_create(name, 0, 1), -ENAMETOOLONG);
	snprintf(name, sizeof(name), "%s/none/socket", directory);
	assert_int_equal(unix_listener_create(name, 0, 1), -ENOENT);
}

/* As long as a socket's path may be, also where the last part of it is short. */
static void a_path_may_have_107_characters(void **state)
{
	for (size_t last = 1; last < 12; last++) {
		char parent[sizeof(path)], longest[2 * sizeof(path)];
		const int length = (int)(sizeof(path) - 1 - last - 1);
		snprintf(parent, sizeof(parent), "%s/%0*d", directory,
			length - (int)strlen(directory) - 1, 0);
		assert_int_equal(mkdir(parent, 0700), 0);
		snprintf(longest, sizeof(longest), "%s/%.*s", parent, (int)last, "socketsocket");
		assert_int_equal(strlen(longest), 107);
		int fd = unix_listener_create(longest, 0, 1);
		assert_true(fd >= 0);
		assert_int_equal(connect_to(longest), 0);
		close(fd);
		unlink(longest);
		assert_int_equal(rmdir(parent), 0); /* nothing else is left in it */
	}
	char name[sizeof(path) + 1];
	snprintf(name, sizeof(name), "%s/%0*d", directory, (int)(107 - strlen(directory)), 0);
	assert_int_equal(strlen(name), 108);
	assert_int_equal(unix_listener_create(name, 0, 1), -ENAMETOOLONG);
	assert_non_null(strstr(unix_listener_why(-ENAMETOOLONG), "at most 107 characters"));
	assert_string_equal(unix_listener_why(-ENOENT), strerror(ENOENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_comes_when_somebody_listens),
		cmocka_unit_test(what_cannot_be_is_said),
		cmocka_unit_test(a_path_may_have_107_characters),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
