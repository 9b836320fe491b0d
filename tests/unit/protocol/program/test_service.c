/* protocol/program/service.c: against a real datagram socket, and sockets passed as a manager does
 */
#include "protocol/program/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/log.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/fd_count.h"

static char directory[64];
static int manager; /* the end that hears what is told */
static int fds_before;

static int setup(void **state)
{
	fds_before = fd_count();
	strcpy(directory, "/tmp/wayferry-service-XXXXXX");
	assert_non_null(mkdtemp(directory));
	log_set_level(LOG_LEVEL_ERROR);
	unsetenv("NOTIFY_SOCKET");
	manager = -1;
	return 0;
}

static int teardown(void **state)
{
	if (manager >= 0)
		close(manager);
	assert_int_equal(fd_count(), fds_before);
	return rmdir(directory);
}

/* Listens at @name ('@': an abstract one) and says so in the environment. */
static void start_manager(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = 0;
	assert_int_equal(
		bind(manager, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	static char text[2048];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

/* What is heard within @ms, one message after another. */
static unsigned count_watchdog(struct wl_event_loop *loop, int ms)
{
	unsigned n = 0;

	for (int64_t end = monotonic_ms() + ms; monotonic_ms() < end;) {
		wl_event_loop_dispatch(loop, 10);
		n += strcmp(heard(), "WATCHDOG=1") == 0;
	}
	return n;
}

/* How long it takes until @n are heard, in ms. */
static int64_t await_watchdog(struct wl_event_loop *loop, unsigned n)
{
	const int64_t start = monotonic_ms();

	while (n > 0)
		n -= count_watchdog(loop, 1);
	return monotonic_ms() - start;
}

static void a_watchdog_hears_of_a_loop_that_turns(void **state)
{
	char path[100], pid[32];
	struct service service;
	struct wl_event_loop *loop = wl_event_loop_create();

	snprintf(path, sizeof(path), "%s/notify", directory);
	start_manager(path);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	service_open(&service);
	assert_true(service_watch(&service, loop));
	assert_null(getenv("WATCHDOG_USEC"));
	await_watchdog(loop, 1); /* at once; then after half of what the manager waits for */
	assert_true(await_watchdog(loop, 5) >= 4 * 45);
	service_close(&service);

	/* It is another process's, there is none, or nobody wants to be told. */
	setenv("WATCHDOG_PID", "1", 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	setenv("NOTIFY_SOCKET", path, 1);
	service_open(&service);
	assert_true(service_watch(&service, loop));
	assert_int_equal(count_watchdog(loop, 200), 0);
	assert_true(service_watch(&service, loop));
	assert_int_equal(count_watchdog(loop, 200), 0);
	service_close(&service);
	setenv("WATCHDOG_USEC", "100000", 1);
	service_open(&service);
	assert_true(service_watch(&service, loop));
	assert_int_equal(count_watchdog(loop, 200), 0);
	service_close(&service);
	wl_event_loop_destroy(loop);
	unlink(path);
}

static void the_manager_hears_what_it_is_told(void **state)
{
	char path[100];
	struct service service;
	snprintf(path, sizeof(path), "%s/notify", directory);
	start_manager(path);
	service_open(&service);
	assert_null(getenv("NOTIFY_SOCKET")); /* not for those we start */
	service_notify(&service, "READY=1\nSTATUS=display %s, %d", "wayland-9", 7);
	assert_string_equal(heard(), "READY=1\nSTATUS=display wayland-9, 7");
	service_notify(&service, "STOPPING=1");
	assert_string_equal(heard(), "STOPPING=1");
	assert_string_equal(heard(), "");
	service_close(&service);
	unlink(path);
}

static void an_abstract_socket_will_do(void **state)
{
	char name[64];
	struct service service;
	snprintf(name, sizeof(name), "@wayferry-test-%d", (int)getpid());
	start_manager(name);
	service_open(&service);
	service_notify(&service, "READY=1");
	assert_string_equal(heard(), "READY=1");
	service_close(&service);
}

static void without_a_manager_nothing_is_told(void **state)
{
	static const char *const nobody[] = {"", "relative", "/nonexistent/notify", "vsock:2:1"};
	struct service service;

	service_open(&service);
	service_notify(&service, "READY=1");
	service_close(&service);
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		setenv("NOTIFY_SOCKET", nobody[i], 1);
		service_open(&service);
		assert_int_equal(service.notify_fd, -1);
		service_notify(&service, "READY=1");
		service_close(&service);
	}
	char long_path[300];
	memset(long_path, '/', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = 0;
	setenv("NOTIFY_SOCKET", long_path, 1);
	service_open(&service);
	assert_int_equal(service.notify_fd, -1);
}

static void a_manager_that_does_not_read_or_went_away_is_not_waited_for(void **state)
{
	char path[100];
	struct service service;
	snprintf(path, sizeof(path), "%s/notify", directory);
	start_manager(path);
	service_open(&service);
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < 2000; i++)
		service_notify(&service, "STATUS=%d", i);
	assert_string_equal(heard(), "STATUS=0");
	close(manager);
	manager = -1;
	service_notify(&service, "STATUS=gone");
	service_close(&service);
	unlink(path);
}

static void a_long_status_is_cut(void **state)
{
	char path[100], text[1500];
	struct service service;
	snprintf(path, sizeof(path), "%s/notify", directory);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	start_manager(path);
	service_open(&service);
	service_notify(&service, "STATUS=%s", text);
	assert_int_equal(strlen(heard()), 511);
	service_close(&service);
	unlink(path);
}

/* What a manager passes, in a child where fd 3 and the environment are free to take. */
enum passed { NOTHING, LISTENING, CONNECTED, DATAGRAMS, A_FILE };

static int make_passed(enum passed what)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];

	switch (what) {
	case NOTHING:
		return -1;
	case LISTENING: {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
			listen(fd, 5) < 0)
			_exit(101);
		return fd;
	}
	case CONNECTED:
	case DATAGRAMS:
		if (socketpair(AF_UNIX, what == CONNECTED ? SOCK_STREAM : SOCK_DGRAM, 0, ends) < 0)
			_exit(102);
		return ends[0];
	case A_FILE:
		return open("/dev/null", O_RDWR);
	}
	return -1;
}

struct passing {
	enum passed what;
	const char *pid, *count; /* pid NULL: the child's own */
	int result;
	int most; /* 0: one is asked for */
};

/* The first are taken; what is beyond is closed. */
static void pass_several(const struct passing *passing)
{
	int fds[3] = {-1, -1, -1};
	int result = service_listen_fds(fds, passing->most);
	if (result != passing->result)
		_exit(6);
	for (int i = 0; i < result; i++) {
		if (fds[i] != 3 + i || !(fcntl(fds[i], F_GETFD) & FD_CLOEXEC))
			_exit(7);
	}
	if (strcmp(passing->count, "3") == 0 && fcntl(5, F_GETFD) >= 0)
		_exit(8);
	_exit(getenv("LISTEN_PID") || getenv("LISTEN_FDS") ? 9 : 0);
}

static void pass(const struct passing *passing)
{
	char pid[32];
	int fd = make_passed(passing->what);

	for (int i = 3; i < 6 && fd >= 0; i++)
		dup2(fd, i);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", passing->pid ? passing->pid : pid, 1);
	setenv("LISTEN_FDS", passing->count, 1);
	setenv("LISTEN_FDNAMES", "connection", 1);
	log_set_level(LOG_LEVEL_ERROR);
	if (passing->most > 0)
		pass_several(passing);
	int result = service_listen_fd();
	if (result != passing->result)
		_exit(1);
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
		_exit(2);
	if (result == 3 && !(fcntl(3, F_GETFD) & FD_CLOEXEC))
		_exit(3);
	/* The second and third of "3" are closed, and only they. */
	if (result == 3 && strcmp(passing->count, "3") == 0 &&
		(fcntl(4, F_GETFD) >= 0 || fcntl(5, F_GETFD) >= 0))
		_exit(4);
	if (service_listen_fd() != -ENOENT)
		_exit(5);
	_exit(0);
}

static void sockets_that_listen_are_taken_and_others_are_not(void **state)
{
	static const struct passing cases[] = {
		{LISTENING, NULL, "1", 3, 0},
		{LISTENING, NULL, "3", 3, 0},
		{LISTENING, NULL, "0", -ENOENT, 0},
		{LISTENING, NULL, "-1", -ENOENT, 0},
		{LISTENING, NULL, "99999999999", -ENOENT, 0},
		{LISTENING, NULL, "many", -ENOENT, 0},
		{LISTENING, "1", "1", -ENOENT, 0},
		{LISTENING, "", "1", -ENOENT, 0},
		{CONNECTED, NULL, "1", -ENOTSOCK, 0},
		{DATAGRAMS, NULL, "1", -ENOTSOCK, 0},
		{A_FILE, NULL, "1", -ENOTSOCK, 0},
		{LISTENING, NULL, "3", 2, .most = 2},
		{LISTENING, NULL, "1", 1, .most = 2},
		{LISTENING, NULL, "0", -ENOENT, .most = 2},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t child = fork();
		int status;
		if (child == 0)
			pass(&cases[i]);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			fail_msg("case %zu ended with %#x", i, (unsigned)status);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_manager_hears_what_it_is_told),
		TEST(a_watchdog_hears_of_a_loop_that_turns),
		TEST(an_abstract_socket_will_do),
		TEST(without_a_manager_nothing_is_told),
		TEST(a_manager_that_does_not_read_or_went_away_is_not_waited_for),
		TEST(a_long_status_is_cut),
		TEST(sockets_that_listen_are_taken_and_others_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
