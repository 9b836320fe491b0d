/* Starting, signalling and reaping the command we were given. */
#include "guest-proxy/command/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-proxy/command/environment.h"
#include "protocol/base/fd.h"

/* In the child, between fork and exec; @report takes errno if there is no exec. */
static void become(const struct child_settings *settings, pid_t parent, int report)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_NOFILE, &settings->files);
	environment_set(settings->lead, settings->display);
	/* It should not outlive us: its display would be gone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	execvp(settings->argv[0], settings->argv);
	int error = errno;
	ssize_t written = write(report, &error, sizeof(error));
	(void)written; /* if that fails, the parent sees the exit status alone */
	_exit(127);
}

int child_start(struct child *child, const struct child_settings *settings)
{
	int report[2];
	pid_t parent = getpid();

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		become(settings, parent, report[1]);
	int error = pid < 0 ? errno : 0;
	fd_close(&report[1]);
	if (pid > 0) {
		ssize_t n;
		do {
			n = read(report[0], &error,
				sizeof(error)); /* ends with the exec, or with its errno */
		} while (n < 0 && errno == EINTR);
		if (n != sizeof(error))
			error = 0;
		else
			waitpid(pid, NULL, 0);
	}
	fd_close(&report[0]);
	if (error)
		return -error;
	child->pid = pid;
	return 0;
}

void child_signal(const struct child *child, int number)
{
	if (child->pid > 0)
		kill(child->pid, number);
}

bool child_reap(struct child *child)
{
	bool ended = false;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child->pid)
			continue;
		child->pid = 0;
		child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		ended = true;
	}
	return ended;
}
