/* libvirt's programs: virsh and virt-xml, as a person would type them. */
#include "host-bridge/machines/libvirt.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"

extern char **environ;

const char *libvirt_uri(const struct libvirt_machine *machine)
{
	return machine->system_user ? "qemu:///system" : "qemu:///session";
}

static void print_quoted(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./:=,@+%";

	if (word[0] && strspn(word, plain) == strlen(word)) {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	}
	putc('\'', out);
}

void libvirt_print_command(FILE *out, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		if (i > 0)
			putc(' ', out);
		print_quoted(out, words[i]);
	}
	putc('\n', out);
}

/* Reads all of it, so that who writes is never held up; keeps what fits. */
static void read_output(int fd, char *output, size_t size)
{
	char rest[4096];
	size_t length = 0;
	ssize_t n;

	do {
		bool fits = length < size - 1;
		n = fits ? read(fd, output + length, size - 1 - length)
			 : read(fd, rest, sizeof(rest));
		if (fits && n > 0)
			length += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	output[length] = 0;
}

static int start(const char *const *words, int output, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char *argv[LIBVIRT_WORDS + 1];
	size_t n = 0;

	for (; words[n] && n < LIBVIRT_WORDS; n++) {
		argv[n] = strdup(words[n]); /* who wants it writable is not ours */
		if (!argv[n])
			break;
	}
	argv[n] = NULL;
	int error = words[n] ? E2BIG : posix_spawn_file_actions_init(&actions);
	if (error == 0) {
		if (output >= 0)
			error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
		if (error == 0)
			error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	while (n > 0)
		free(argv[--n]);
	return -error;
}

int libvirt_run(const char *const *words, char *output, size_t size)
{
	int ends[2] = {-1, -1}, status;
	pid_t pid;

	if (output && pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int error = start(words, ends[1], &pid);
	fd_close(&ends[1]);
	if (error == 0 && output)
		read_output(ends[0], output, size);
	fd_close(&ends[0]);
	if (error < 0) {
		fprintf(stderr, "wayferry-host: cannot run %s: %s\n", words[0], strerror(-error));
		return error;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	int result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (result != 0) {
		fprintf(stderr, "wayferry-host: this failed, with status %d: ", result);
		libvirt_print_command(stderr, words);
	}
	return result;
}
