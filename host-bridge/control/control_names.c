/* Where machines can be asked what they are. */
#include "host-bridge/control/control_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".control"

int control_directory(char path[CONTROL_PATH_BYTES])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (!runtime || runtime[0] != '/')
		return -ENOENT;
	size_t length = (size_t)snprintf(path, CONTROL_PATH_BYTES, "%s/wayferry", runtime);
	return length < CONTROL_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int control_path(const struct control_name *name, char path[CONTROL_PATH_BYTES])
{
	int error = control_directory(path);

	if (error < 0)
		return error;
	size_t at = strlen(path);
	size_t length = (size_t)snprintf(path + at, CONTROL_PATH_BYTES - at, "/%s%s%d" SUFFIX,
		name->vm, name->vm[0] ? "." : "", (int)name->pid);
	return length < CONTROL_PATH_BYTES - at ? 0 : -ENAMETOOLONG;
}

/* The digits up to @end, and nothing else. 0: they are no process id. */
static pid_t parse_pid(const char *text, const char *end)
{
	long pid = 0;

	if (text == end || *text == '0')
		return 0;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9' || pid > 100000000)
			return 0;
		pid = pid * 10 + (*text - '0');
	}
	return (pid_t)pid;
}

bool control_name_parse(const char *file, struct control_name *name)
{
	size_t length = strlen(file);

	if (length <= strlen(SUFFIX) || strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	const char *end = file + length - strlen(SUFFIX);
	const char *dot = memchr(file, '.', (size_t)(end - file));
	size_t vm_length = dot ? (size_t)(dot - file) : 0;
	if (vm_length >= CONTROL_NAME_BYTES || (dot && vm_length == 0))
		return false;
	*name = (struct control_name){.pid = parse_pid(dot ? dot + 1 : file, end)};
	memcpy(name->vm, file, vm_length);
	return name->pid > 0;
}

bool control_name_is(const struct control_name *name, const char *word)
{
	return (name->vm[0] && strcmp(name->vm, word) == 0) ||
		parse_pid(word, word + strlen(word)) == name->pid;
}
