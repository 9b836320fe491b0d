/* host-bridge/display/connector.c: with the process itself (confined: see test_sandbox.c) */
#include "host-bridge/display/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "tests/unit/fd_count.h"

static char directory[64];
static struct sockaddr_un address, taken;
static struct display_search places;
static int listener, fds_before;
static pid_t helper;

/* The only child. */
static pid_t find_child(void)
{
	char path[64];
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

static int set_up(void **state)
{
	fds_before = fd_count();
	strcpy(directory, "/tmp/wayferry-connector-XXXXXX");
	assert_non_null(mkdtemp(directory));
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 2), 0);
	places = (struct display_search){.first = address};
	assert_int_equal(connector_start(&places, NULL, NULL, NULL, true), 0);
	helper = find_child();
	return 0;
}

static int tear_down(void **state)
{
	int status;

	connector_finish(false);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	fd_close(&listener);
	unlink(address.sun_path);
	assert_int_equal(fd_count(), fds_before);
	return rmdir(directory);
}

#define HANGS_MS 60000

/* connector_connect, asked again for @ms: the connector may be slow beside other work. */
static int connect_within(int ms)
{
	int64_t start = monotonic_ms();
	int fd;
	while ((fd = connector_connect(&places, &taken)) == -EAGAIN && monotonic_ms() - start < ms)
		usleep(1000);
	return fd;
}

static void connections_are_the_connectors(void **state)
{
	int client = connect_within(HANGS_MS);
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct ucred credentials;

	assert_true(client >= 0 && peer >= 0);
	assert_int_equal(connector_peer(peer, &credentials), 0);
	assert_int_equal(credentials.pid, helper);
	assert_int_equal(credentials.uid, geteuid());
	assert_int_equal(write(client, "x", 1), 1);
	assert_int_equal(connector_peer(STDIN_FILENO, &credentials), -ENOTSOCK);
	close(client);
	close(peer);
}

static void errors_are_told(void **state)
{
	int fds[16], n = 0;

	while (n < 16 && (fds[n] = connect_within(n < 2 ? HANGS_MS : 1000)) >= 0)
		n++;
	assert_in_range(n, 2, 15);
	assert_int_equal(fds[n], -EAGAIN); /* the listener's queue is full */
	while (n > 0)
		close(fds[--n]);
	fd_close(&listener);
	assert_int_equal(connect_within(HANGS_MS), -ECONNREFUSED);
	assert_int_equal(unlink(address.sun_path), 0);
	assert_int_equal(connect_within(HANGS_MS), -ENOENT);
}

static void a_connector_that_is_stopped_is_not_waited_for(void **state)
{
	int status, fd, n = 0;

	assert_int_equal(listen(listener, 100), 0);

	assert_int_equal(kill(helper, SIGSTOP), 0);
	assert_int_equal(waitpid(helper, &status, WUNTRACED), helper);
	int64_t start = monotonic_ms();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(connector_connect(&places, &taken), -EAGAIN);
	assert_true(monotonic_ms() - start < 30000); /* 30 ms each would be a wait */
	/* It goes on: what came too late for those serves the next ones, and is not lost. */
	assert_int_equal(kill(helper, SIGCONT), 0);
	fd = connect_within(HANGS_MS);
	assert_true(fd >= 0);
	close(fd);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		close(fd);
		n++;
	}
	assert_int_equal(n, 1); /* and not a thousand */
}

static void a_connector_that_has_ended_is_an_error(void **state)
{
	struct ucred credentials;

	assert_int_equal(kill(helper, SIGKILL), 0);
	int64_t start = monotonic_ms();
	while (connector_connect(&places, &taken) != -EPIPE && monotonic_ms() - start < HANGS_MS)
		usleep(1000);
	assert_int_equal(connector_connect(&places, &taken), -EPIPE);
	assert_int_equal(connector_peer(listener, &credentials), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_the_connectors),
		TEST(errors_are_told),
		TEST(a_connector_that_is_stopped_is_not_waited_for),
		TEST(a_connector_that_has_ended_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
