/*
 * Counts the system calls that another process makes until SIGTERM comes, by tracing it, and prints
 * the number:
 *
 *     tally PID
 *
 * Prints "ready" when it has begun. The process is let go unharmed; a call that waits is
 * interrupted at either end.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)

static volatile sig_atomic_t ending;

static void handle_term(int signal_number)
{
	ending = 1;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "tally: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Until @pid stops: how. */
static int wait_for_stop(pid_t pid)
{
	bool asked = false;
	int status;

	while (waitpid(pid, &status, __WALL) < 0) {
		if (errno != EINTR)
			fail("waitpid");
		if (ending && !asked && ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
			fail("PTRACE_INTERRUPT");
		asked |= ending;
	}
	if (!WIFSTOPPED(status)) {
		fprintf(stderr, "tally: the process has ended\n");
		exit(1);
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = handle_term};
	bool inside = false;
	uint64_t count = 0;

	if (argc != 2) {
		fprintf(stderr, "Usage: tally PID\n");
		return 2;
	}
	const pid_t pid = atoi(argv[1]);
	sigaction(SIGTERM, &action, NULL);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(intptr_t)PTRACE_O_TRACESYSGOOD) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		fail(argv[1]);
	int status = wait_for_stop(pid);
	puts("ready");
	fflush(stdout);
	while (!ending) {
		int stop = WSTOPSIG(status);
		bool signal_came = stop != SYSCALL_STOP && status >> 16 == 0;
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)(signal_came ? stop : 0)) <
			0)
			fail("ptrace");
		status = wait_for_stop(pid);
		if (WSTOPSIG(status) != SYSCALL_STOP)
			continue;
		inside = !inside;
		count += inside;
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	printf("%" PRIu64 "\n", count);
	return 0;
}
