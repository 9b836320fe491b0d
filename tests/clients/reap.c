/* reap: runs a command under a time limit and lets none of its descendants outlive it.
 *
 *   reap [-t SECONDS] [-g GRACE_SECONDS] COMMAND [ARGUMENT...]
 *
 * It is the subreaper of everything the command starts, so a daemon that forked twice or left its
 * session is still found. When the command has ended, its descendants get GRACE_SECONDS to end by
 * themselves; those that do not are named on stderr and killed.
 *
 * Exit status: the command's (128 + N when signal N killed it); 124 when the time was up;
 * 125 when the command succeeded but left processes behind; 2 for wrong usage.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS_TIME_UP 124
#define STATUS_LEFT_BEHIND 125

static volatile sig_atomic_t stopped_by;

static void handle_signal(int signal_number)
{
	stopped_by = signal_number;
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Reads the parent, state and name of a process. Return: false when it is gone. */
static bool process_read(pid_t pid, pid_t *parent, char *state, char name[64])
{
	char path[64], line[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t length = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[length] = '\0';

	/* The name is in parentheses and may itself contain them. */
	char *open = strchr(line, '('), *close = strrchr(line, ')');
	int parent_id;
	if (!open || !close || sscanf(close + 1, " %c %d", state, &parent_id) != 2)
		return false;
	snprintf(name, 64, "%.*s", (int)(close - open - 1), open + 1);
	*parent = parent_id;
	return true;
}

static bool descends_from_us(pid_t pid)
{
	char state, name[64];
	while (pid > 1) {
		if (pid == getpid())
			return true;
		if (!process_read(pid, &pid, &state, name))
			return false;
	}
	return false;
}

/* Visits every living descendant: names it on stderr when @report, sends it @signal_number unless
 * that is 0. Return: how many there are. */
static unsigned descendants_visit(bool report, int signal_number)
{
	unsigned count = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		pid_t pid = atoi(entry->d_name), parent;
		char state, name[64];
		if (pid <= 0 || pid == getpid() || !process_read(pid, &parent, &state, name))
			continue;
		if (state == 'Z' || !descends_from_us(pid))
			continue;
		count++;
		if (report)
			fprintf(stderr, "reap: left behind: %d %s\n", (int)pid, name);
		if (signal_number)
			kill(pid, signal_number);
	}
	if (proc)
		closedir(proc);
	return count;
}

/* Collects what has ended; notes @child's wait status. Return: true while children remain. */
static bool children_collect(pid_t child, int *status, bool *child_ended)
{
	for (;;) {
		int ended_status;
		pid_t ended = waitpid(-1, &ended_status, WNOHANG);
		if (ended == 0)
			return true;
		if (ended < 0)
			return errno != ECHILD;
		if (ended == child) {
			*status = ended_status;
			*child_ended = true;
		}
	}
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

/* Waits for descendants to end by themselves, then kills the rest.
 * Return: true when none had to be killed. */
static bool descendants_end(double grace_s)
{
	int status;
	bool ended;
	double deadline = now_s() + grace_s;
	while (children_collect(-1, &status, &ended) && now_s() < deadline)
		pause_briefly();

	unsigned left = descendants_visit(true, SIGKILL);
	while (children_collect(-1, &status, &ended)) {
		descendants_visit(false, SIGKILL);
		pause_briefly();
	}
	return left == 0;
}

int main(int argc, char **argv)
{
	double limit_s = 0, grace_s = 3;
	for (int option; (option = getopt(argc, argv, "+t:g:")) != -1;) {
		if (option == 't')
			limit_s = atof(optarg);
		else if (option == 'g')
			grace_s = atof(optarg);
		else
			return 2;
	}
	if (optind == argc) {
		fprintf(stderr,
			"usage: reap [-t SECONDS] [-g GRACE_SECONDS] COMMAND [ARGUMENT...]\n");
		return 2;
	}

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	struct sigaction action = {.sa_handler = handle_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);

	pid_t child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		setsid();
		execvp(argv[optind], argv + optind);
		perror(argv[optind]);
		_exit(127);
	}

	int status = 0;
	bool ended = false;
	double deadline = now_s() + limit_s;
	while (children_collect(child, &status, &ended) && !ended && !stopped_by) {
		if (limit_s > 0 && now_s() > deadline) {
			fprintf(stderr, "reap: not done after %g s\n", limit_s);
			descendants_end(0);
			return STATUS_TIME_UP;
		}
		pause_briefly();
	}
	if (stopped_by) {
		descendants_end(0);
		return 128 + stopped_by;
	}
	bool clean = descendants_end(grace_s);
	int result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result == 0 && !clean ? STATUS_LEFT_BEHIND : result;
}
