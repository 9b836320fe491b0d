/* The COMMAND of the command line: runs on our display, and its exit status becomes ours. */
#ifndef GUEST_PROXY_CLIENTS_COMMAND_H
#define GUEST_PROXY_CLIENTS_COMMAND_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct command {
	pid_t pid;  /* 0: not running */
	int status; /* as a shell has it: 128 + n for signal n */
};

/*
 * Starts @argv (NULL-terminated, looked up in PATH) with WAYLAND_DISPLAY=@display, no blocked
 * signals and @files for RLIMIT_NOFILE. 0 or -errno (a command that is not there too).
 */
int command_start(struct command *command, char *const argv[], const char *display,
	const struct rlimit *files);

/* Passes @number on to it. */
void command_signal(const struct command *command, int number);

/* After a SIGCHLD: true when it has ended (once). Reaps whatever else was left to us. */
bool command_reap(struct command *command);

#endif
