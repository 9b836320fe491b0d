/* guest-proxy/command/child.c */
#include "guest-proxy/command/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct rlimit files;

static int run_shell(struct child *child, const char *script)
{
	const struct child_settings settings = {
		.argv = (char *[]){"sh", "-c", (char *)(uintptr_t)script, NULL},
		.display = "display-7",
		.files = files,
	};
	return child_start(child, &settings);
}

static void wait_for(struct child *child)
{
	while (!child_reap(child))
		usleep(10000);
	assert_int_equal(child->pid, 0);
}

static int status_of(const char *script)
{
	struct child child = {0};
	assert_int_equal(run_shell(&child, script), 0);
	wait_for(&child);
	return child.status;
}

static void the_exit_status_is_the_commands(void **state)
{
	assert_int_equal(status_of("exit 0"), 0);
	assert_int_equal(status_of("exit 37"), 37);
	assert_int_equal(status_of("kill -KILL $$"), 128 + SIGKILL);
}

static void it_finds_the_display_and_nothing_of_ours(void **state)
{
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	signal(SIGPIPE, SIG_IGN);
	setenv("WAYLAND_SOCKET", "5", 1);
	assert_int_equal(status_of("[ \"$WAYLAND_DISPLAY\" = display-7 ]"), 0);
	assert_int_equal(status_of("[ -z \"$WAYLAND_SOCKET\" ]"), 0);
	assert_int_equal(status_of("kill -TERM $$; exit 3"), 128 + SIGTERM);
	assert_int_equal(status_of("kill -PIPE $$; exit 3"), 128 + SIGPIPE);
	assert_int_equal(status_of("[ $(ulimit -n) = 256 ]"), 0);
	unsetenv("WAYLAND_SOCKET");
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void what_cannot_be_run_is_an_error(void **state)
{
	struct child child = {0};
	struct child_settings settings = {.display = "d", .files = files};
	settings.argv = (char *[]){"/nonexistent/program", NULL};
	assert_int_equal(child_start(&child, &settings), -ENOENT);
	settings.argv = (char *[]){"/etc", NULL};
	assert_int_equal(child_start(&child, &settings), -EACCES);
	assert_int_equal(child.pid, 0);
}

static void signals_are_passed_on(void **state)
{
	struct child child = {0};
	int ready[2];
	char byte, script[100];

	assert_int_equal(pipe(ready), 0);
	snprintf(script, sizeof(script),
		"trap 'exit 9' TERM; echo >&%d; while :; do sleep 0.02; done", ready[1]);
	child_signal(&child, SIGTERM); /* to nobody */
	assert_int_equal(run_shell(&child, script), 0);
	assert_false(child_reap(&child));
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1); /* the trap is set */
	close(ready[0]);
	child_signal(&child, SIGTERM);
	wait_for(&child);
	assert_int_equal(child.status, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_status_is_the_commands),
		cmocka_unit_test(it_finds_the_display_and_nothing_of_ours),
		cmocka_unit_test(what_cannot_be_run_is_an_error),
		cmocka_unit_test(signals_are_passed_on),
	};
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = 256;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
