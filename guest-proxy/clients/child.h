/* The COMMAND of the command line: runs on our display, and its exit status becomes ours. */
#ifndef GUEST_PROXY_CLIENTS_CHILD_H
#define GUEST_PROXY_CLIENTS_CHILD_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child {
	pid_t pid;  /* 0: not running */
	int status; /* as a shell has it: 128 + n for signal n */
};

/*
 * Starts @argv (NULL-terminated, looked up in PATH) with WAYLAND_DISPLAY=@display, no blocked
 * signals and @files for RLIMIT_NOFILE. 0 or -errno (a command that is not there too).
 */
int child_start(
	struct child *child, char *const argv[], const char *display, const struct rlimit *files);

/* Passes @number on to it. */
void child_signal(const struct child *child, int number);

/* After a SIGCHLD: true once, when it has ended. Reaps other children, too. */
bool child_reap(struct child *child);

#endif
