/* What running processes cost, from /proc. */
#include "tests/bench/process_usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROCESSES 256

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[320]; /* a name of a directory's entry is the longest part */

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* Of all its threads, those that ended included. In nanoseconds, where /proc/PID/stat has ticks. */
static uint64_t read_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec time;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) < 0)
		return 0;
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void add_memory(pid_t pid, struct process_usage *usage)
{
	FILE *file = open_proc(pid, "status");
	char line[256];
	uint64_t kb;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmHWM: %" SCNu64, &kb) == 1)
			usage->peak_kb += kb;
		else if (sscanf(line, "RssAnon: %" SCNu64, &kb) == 1 ||
			sscanf(line, "RssFile: %" SCNu64, &kb) == 1)
			usage->own_kb += kb;
		else if (sscanf(line, "RssShmem: %" SCNu64, &kb) == 1)
			usage->shared_kb += kb;
	}
	fclose(file);
}

/* Adds the children of @pid to @list; returns the new length. */
static size_t append_children(pid_t pid, pid_t *list, size_t n)
{
	char name[64];
	int child;
	FILE *file;

	snprintf(name, sizeof(name), "task/%d/children", pid);
	file = open_proc(pid, name);
	if (!file)
		return n;
	while (n < MAX_PROCESSES && fscanf(file, "%d", &child) == 1) {
		if (child != getpid())
			list[n++] = child;
	}
	fclose(file);
	return n;
}

int process_usage_read(pid_t root, struct process_usage *out)
{
	pid_t list[MAX_PROCESSES] = {root};
	size_t n = 1;
	FILE *alive = open_proc(root, "status");

	memset(out, 0, sizeof(*out));
	if (!alive)
		return -ESRCH;
	fclose(alive);
	for (size_t i = 0; i < n; i++) {
		n = append_children(list[i], list, n);
		out->cpu_ns += read_cpu_ns(list[i]);
		add_memory(list[i], out);
	}
	return 0;
}
