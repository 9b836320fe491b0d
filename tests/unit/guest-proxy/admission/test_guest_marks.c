/* guest-proxy/admission/guest_marks.c */
#include "guest-proxy/admission/guest_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/program/unix_listener.h"
#include "tests/unit/fd_count.h"

static char runtime[64];
static int fds_before;

static int set_up(void **state)
{
	fds_before = fd_count();
	strcpy(runtime, "/tmp/wayferry-marks-XXXXXX");
	assert_non_null(mkdtemp(runtime));
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	return 0;
}

static char *in_directory(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/wayferry%s%s", runtime, name[0] ? "/" : "", name);
	return path;
}

static int tear_down(void **state)
{
	assert_int_equal(fd_count(), fds_before);
	assert_int_equal(rmdir(in_directory("")), 0); /* nothing is left in it */
	return rmdir(runtime);
}

static bool is_marked(pid_t pid)
{
	char name[32];
	struct stat status;

	snprintf(name, sizeof(name), "guest.%d", (int)pid);
	return lstat(in_directory(name), &status) == 0 && S_ISSOCK(status.st_mode);
}

/* A process that has connected to us, at the other end of *@socket. */
static pid_t start_client(int *socket_of)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* A name that the kernel chooses. */
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	socklen_t size = sizeof(address);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&address, size) == 0)
			pause();
		_exit(1);
	}
	*socket_of = accept(listener, NULL, NULL);
	close(listener);
	return pid;
}

static void end_client(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void we_and_our_clients_are_marked(void **state)
{
	int first_socket, second_socket;
	struct guest_marks *marks = guest_marks_create();

	assert_non_null(marks);
	assert_true(is_marked(getpid()));
	pid_t first = start_client(&first_socket), second = start_client(&second_socket);
	guest_marks_add(marks, first_socket);
	guest_marks_add(marks, first_socket);
	assert_true(is_marked(first));
	assert_false(is_marked(second));
	end_client(first);
	guest_marks_add(marks, second_socket);
	assert_false(is_marked(first));
	assert_true(is_marked(second));
	close(first_socket);
	close(second_socket);
	guest_marks_destroy(marks);
	assert_false(is_marked(second));
	assert_false(is_marked(getpid()));
	end_client(second);
}

/* As another wayferry-guest marks @pid; the socket, which ends with it. */
static int mark_as_another(pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "guest.%d", (int)pid);
	int fd = unix_listener_create(in_directory(name), 0177, 1);
	assert_true(fd >= 0);
	return fd;
}

static void what_the_dead_have_left_is_swept(void **state)
{
	int client;
	pid_t pid = start_client(&client);

	close(client);
	end_client(pid);
	assert_int_equal(mkdir(in_directory(""), 0700), 0);
	int dead = mark_as_another(pid), living = mark_as_another(getppid());
	struct guest_marks *marks = guest_marks_create();
	assert_false(is_marked(pid));
	assert_true(is_marked(getppid())); /* another one's */
	guest_marks_destroy(marks);
	assert_true(is_marked(getppid()));
	close(dead);
	close(living); /* whoever has made it was killed, and the process id is somebody's */
	marks = guest_marks_create();
	assert_false(is_marked(getppid()));
	guest_marks_destroy(marks);
}

/* A process id comes again while we live. */
static void a_client_is_marked_where_the_dead_had_a_mark(void **state)
{
	int client;
	struct guest_marks *marks = guest_marks_create();
	pid_t pid = start_client(&client);

	close(mark_as_another(pid));
	guest_marks_add(marks, client);
	assert_true(is_marked(pid));
	guest_marks_destroy(marks);
	assert_false(is_marked(pid));
	close(client);
	end_client(pid);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(we_and_our_clients_are_marked),
		TEST(what_the_dead_have_left_is_swept),
		TEST(a_client_is_marked_where_the_dead_had_a_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
