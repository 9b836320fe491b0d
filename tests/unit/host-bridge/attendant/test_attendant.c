/* host-bridge/attendant: programs that ask, and are withdrawn faster than they end; with the real
 * process and real programs. What they are told is in test_policy_questions.c. */
#include "host-bridge/attendant/attendant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LEFT_MAX 8     /* attendant_process.c */
#define STANDING_MS 50 /* there, too */
#define NO_ANSWER 1000 /* no status of a program's */

/* Both tell their process id, and end by no answer; one does not end when it is asked to, either.
 */
static const char patient[] = "#!/bin/sh\necho $$ >>\"$STARTED\"\nexec sleep 1000\n";
static const char stubborn[] = "#!/bin/sh\ntrap '' TERM\necho $$ >>\"$STARTED\"\n"
			       "exec sleep 1000\n";

static struct {
	char directory[64], program[96], started[96];
	int started_fd;
	struct wl_event_loop *loop;
	struct attendant *attendant;
	int status; /* the last answer */
} t;

static int set_up(const char *script)
{
	const struct attendant_config config = {.ask_program = t.program};
	const size_t size = strlen(script);

	strcpy(t.directory, "/tmp/wayferry-attendant.XXXXXX");
	assert_non_null(mkdtemp(t.directory));
	snprintf(t.program, sizeof(t.program), "%s/ask", t.directory);
	snprintf(t.started, sizeof(t.started), "%s/started", t.directory);
	int fd = open(t.program, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, script, size), size);
	close(fd);
	assert_int_equal(mkfifo(t.started, 0600), 0);
	setenv("STARTED", t.started, 1);
	t.started_fd = open(t.started, O_RDWR | O_CLOEXEC);
	assert_true(t.started_fd >= 0);
	t.loop = wl_event_loop_create();
	t.attendant = attendant_start(t.loop, &config);
	assert_non_null(t.attendant);
	return 0;
}

static int set_up_patient(void **state)
{
	return set_up(patient);
}

static int set_up_stubborn(void **state)
{
	return set_up(stubborn);
}

static int tear_down(void **state)
{
	attendant_finish(t.attendant);
	wl_event_loop_destroy(t.loop);
	fd_close(&t.started_fd);
	unlink(t.program);
	unlink(t.started);
	rmdir(t.directory);
	return 0;
}

static void note_answer(void *data, int status)
{
	t.status = status;
}

static void ask(void)
{
	static const struct question question = {.text = "Well?"};

	int error;

	t.status = NO_ANSWER;
	while ((error = attendant_ask(t.attendant, &question, note_answer, NULL)) == -EAGAIN)
		usleep(1000); /* much is on its way to it */
	assert_int_equal(error, 0);
}

/* A program has started for the question: its process id. 0: it was refused, for there are many. */
static pid_t started(void)
{
	struct pollfd fds[] = {{.fd = t.started_fd, .events = POLLIN},
		{.fd = wl_event_loop_get_fd(t.loop), .events = POLLIN}};
	char line[16];
	size_t n = 0;

	for (;;) {
		poll(fds, ARRAY_LENGTH(fds), -1);
		if (fds[0].revents)
			break;
		wl_event_loop_dispatch(t.loop, 0);
		if (t.status != NO_ANSWER) {
			assert_int_equal(t.status, -EAGAIN);
			return 0;
		}
	}
	do {
		assert_true(n < sizeof(line));
		assert_int_equal(read(t.started_fd, &line[n], 1), 1);
	} while (line[n++] != '\n');
	return (pid_t)atoi(line);
}

/* A question until its program runs. */
static pid_t ask_until_started(void)
{
	pid_t pid;

	do {
		ask();
		pid = started();
	} while (pid == 0);
	return pid;
}

/* Whatever its process had come to, between fork and its first line: it ends. */
static void who_is_withdrawn_at_once_ends(void **state)
{
	for (int i = 0; i < 5 * LEFT_MAX; i++) {
		ask();
		usleep(STANDING_MS * 1000 - 1000 + 100 * i); /* about when it starts */
		attendant_withdraw(t.attendant);
	}
	/* Some may have told of themselves before. None of them stays, so that there is room. */
	for (int i = 0; i < 5 * LEFT_MAX; i++) {
		pid_t pid = ask_until_started();
		attendant_withdraw(t.attendant);
		while (kill(pid, 0) == 0)
			usleep(1000);
	}
}

/* Of a process: its parent, and the page faults of those of its children that have ended. */
static void look_at(pid_t pid, int *parent, unsigned long *faults)
{
	char path[32], line[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	const char *rest = strrchr(line, ')');
	assert_non_null(rest);
	assert_int_equal(sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %lu", parent, faults), 2);
}

/* The attendant finds them all at once, as when a machine is faster than it. */
static void what_is_withdrawn_before_it_is_asked_starts_nothing(void **state)
{
	unsigned long before, after;
	int attendant, parent;
	pid_t pid = ask_until_started();

	look_at(pid, &attendant, &before);
	attendant_withdraw(t.attendant);
	while (kill(pid, 0) == 0)
		usleep(1000);
	look_at(attendant, &parent, &before);
	assert_int_equal(parent, getpid());
	assert_true(before > 0); /* the one that has ended */
	kill(attendant, SIGSTOP);
	for (int i = 0; i < 20; i++) {
		ask();
		attendant_withdraw(t.attendant);
	}
	ask();
	usleep(2 * STANDING_MS * 1000); /* all have stood long enough when it comes to them */
	kill(attendant, SIGCONT);
	pid = started();
	assert_true(pid > 0);
	look_at(attendant, &parent, &after);
	assert_int_equal(after, before);
	kill(pid, SIGKILL);
}

static void who_does_not_end_is_not_joined_by_many(void **state)
{
	pid_t pids[LEFT_MAX];

	for (size_t i = 0; i < LEFT_MAX; i++) {
		ask();
		pids[i] = started();
		assert_int_not_equal(pids[i], 0);
		attendant_withdraw(t.attendant);
	}
	ask();
	assert_int_equal(started(), 0);
	kill(pids[0], SIGKILL);
	pids[0] = ask_until_started();
	for (size_t i = 0; i < LEFT_MAX; i++)
		kill(pids[i], SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_is_withdrawn_at_once_ends, set_up_patient, tear_down),
		cmocka_unit_test_setup_teardown(what_is_withdrawn_before_it_is_asked_starts_nothing,
			set_up_patient, tear_down),
		cmocka_unit_test_setup_teardown(
			who_does_not_end_is_not_joined_by_many, set_up_stubborn, tear_down),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
