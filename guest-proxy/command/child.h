/* The COMMAND of the command line: runs on our display, and its exit status becomes ours. */
#ifndef GUEST_PROXY_COMMAND_CHILD_H
#define GUEST_PROXY_COMMAND_CHILD_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "guest-proxy/command/environment.h"

struct child {
	pid_t pid;  /* 0: not running */
	int status; /* as a shell has it: 128 + n for signal n */
};

struct child_settings {
	char *const *argv;   /* ends with NULL; looked up in PATH */
	const char *display; /* for environment_set */
	enum environment_lead lead;
	struct rlimit files; /* RLIMIT_NOFILE */
};

/* Starts it, with no blocked signals. 0 or -errno (a command that is not there too). */
int child_start(struct child *child, const struct child_settings *settings);

/* Passes @number on to it. */
void child_signal(const struct child *child, int number);

/* After a SIGCHLD: true once, when it has ended. Reaps other children, too. */
bool child_reap(struct child *child);

#endif
