/* host-bridge/control/machines_asked.c: machines that say too much, or break off, beside a good
 * one. */
#include "host-bridge/control/machines_asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/control/control.h"
#include "host-bridge/control/control_names.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/program/unix_listener.h"

#define PIECE 65536

/* What each of them says: so many bytes of lines, and whether the end comes. */
static const struct {
	struct control_name name;
	size_t bytes;
	bool ends;
} machines[] = {
	{{"broken", 10}, 5, false},
	{{"endless", 11}, SIZE_MAX, false},
	{{"good", 12}, 5, true},
	{{"much", 13}, CONTROL_ANSWER_BYTES - PIECE, true},
};

static char directory[64], paths[ARRAY_LENGTH(machines)][CONTROL_PATH_BYTES];
static pid_t child;

/* Says what machine @i says, to one who has asked; in a process of its own. */
static void say(int fd, size_t i)
{
	static const char line[] = "12345\n";
	char piece[PIECE], request[CONTROL_REQUEST_BYTES];

	if (recv(fd, request, sizeof(request), 0) <= 0)
		_exit(0);
	for (size_t at = 0; at < sizeof(piece); at++)
		piece[at] = line[at % (sizeof(line) - 1)];
	size_t left = machines[i].bytes;
	while (left > 0) {
		ssize_t n = send(fd, piece, min_u64(left, sizeof(piece)), MSG_NOSIGNAL);
		if (n <= 0)
			_exit(0);
		left -= (size_t)n;
	}
	if (machines[i].ends)
		send(fd, "\n" CONTROL_END, strlen("\n" CONTROL_END), MSG_NOSIGNAL);
	_exit(0);
}

/* The child's part: all the machines. */
static void serve(const int *listeners)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct pollfd pollfds[ARRAY_LENGTH(machines)];
		for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
			pollfds[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
		poll(pollfds, ARRAY_LENGTH(machines), -1);
		for (size_t i = 0; i < ARRAY_LENGTH(machines); i++) {
			int fd = pollfds[i].revents ? accept(listeners[i], NULL, NULL) : -1;
			if (fd >= 0 && fork() == 0)
				say(fd, i);
			fd_close(&fd);
		}
	}
}

static int set_up(void **state)
{
	int listeners[ARRAY_LENGTH(machines)];

	strcpy(directory, "/tmp/wayferry-asked-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("XDG_RUNTIME_DIR", directory, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(machines); i++) {
		assert_int_equal(control_path(&machines[i].name, paths[i]), 0);
		*strrchr(paths[i], '/') = 0;
		mkdir(paths[i], 0700);
		assert_int_equal(control_path(&machines[i].name, paths[i]), 0);
		listeners[i] = unix_listener_create(paths[i], 0177, 4);
		assert_true(listeners[i] >= 0);
	}
	child = fork();
	if (child == 0)
		serve(listeners);
	for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
		fd_close(&listeners[i]);
	return child > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
		unlink(paths[i]);
	*strrchr(paths[0], '/') = 0;
	rmdir(paths[0]);
	return rmdir(directory);
}

/* What is printed of the machines that are called @word. */
static char *shown(const char *word, int expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(machines_show(word, false, out), expected);
	fclose(out);
	return text;
}

static void who_says_too_much_is_not_heard(void **state)
{
	char *text = shown("endless", EXIT_FAILURE);
	assert_non_null(strstr(text, "not answering: it says too much\n"));
	assert_null(strstr(text, "12345"));
	free(text);
}

static void who_breaks_off_has_not_answered(void **state)
{
	char *text = shown("broken", EXIT_FAILURE);
	assert_non_null(strstr(text, "not answering: it has broken off\n"));
	assert_null(strstr(text, "12345"));
	free(text);
}

static void as_much_as_an_answer_may_have_is_shown(void **state)
{
	char *text = shown("much", EXIT_SUCCESS);
	assert_int_equal(strlen(text), CONTROL_ANSWER_BYTES - PIECE + 1);
	free(text);
}

static void others_are_shown_beside_them(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(machines_list(false, out), EXIT_FAILURE);
	fclose(out);
	assert_non_null(strstr(text, "it says too much\n12345\n123"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_says_too_much_is_not_heard),
		cmocka_unit_test(who_breaks_off_has_not_answered),
		cmocka_unit_test(as_much_as_an_answer_may_have_is_shown),
		cmocka_unit_test(others_are_shown_beside_them),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
