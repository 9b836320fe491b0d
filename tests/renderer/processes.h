/* The test's own descendants, by name. */
#ifndef TESTS_RENDERER_PROCESSES_H
#define TESTS_RENDERER_PROCESSES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct process {
	pid_t pid, parent;
	char name[32], state;
	unsigned long long ticks; /* of the processor, so far */
};

static inline bool process_read(pid_t pid, struct process *process)
{
	char path[64], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	text[n] = 0;
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close)
		return false;
	int parent;
	unsigned long long user, system;
	*process = (struct process){.pid = pid};
	snprintf(process->name, sizeof(process->name), "%.*s", (int)(close - open - 1), open + 1);
	if (sscanf(close + 2, "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
		    &process->state, &parent, &user, &system) != 4)
		return false;
	process->parent = parent;
	process->ticks = user + system;
	return true;
}

static inline bool process_is_ours(const struct process *process)
{
	struct process at = *process;
	while (at.parent > 1 && at.parent != getpid())
		if (!process_read(at.parent, &at))
			return false;
	return at.parent == getpid();
}

/* Descendants of this name, living ones or (@dead) not yet waited for: how many; the last one's pid
 * to *@pid. @parent: whose parent has that name; NULL: any. */
static inline unsigned processes_search(const char *name, const char *parent, bool dead, pid_t *pid)
{
	unsigned found = 0;
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; (entry = readdir(proc));) {
		struct process process, above;
		if (atoi(entry->d_name) > 0 && process_read(atoi(entry->d_name), &process) &&
			(process.state == 'Z') == dead && strcmp(process.name, name) == 0 &&
			process_is_ours(&process) &&
			(!parent ||
				(process_read(process.parent, &above) &&
					strcmp(above.name, parent) == 0))) {
			found++;
			if (pid)
				*pid = process.pid;
		}
	}
	closedir(proc);
	return found;
}

static inline unsigned processes_find(const char *name, pid_t *pid)
{
	return processes_search(name, NULL, false, pid);
}

/* Waits for living descendants of this name to be @n. False: they were not within @ms. */
static inline bool processes_await(const char *name, unsigned n, int ms)
{
	for (int left = ms / 20; processes_find(name, NULL) != n; left--) {
		if (left <= 0)
			return false;
		usleep(20000);
	}
	return true;
}

#endif
