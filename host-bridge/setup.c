/* `wayferry-host setup`: all that a machine needs on the host, at once. */
#include "host-bridge/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-bridge/settings/config.h"
#include "host-bridge/policy/policy.h"
#include "protocol/base/fd.h"
#include "protocol/program/user_unit.h"

#define CONFIG_BYTES 1024
#define EXIT_USAGE 2 /* as for any other wrong command line */

static void describe(const char *vm, char text[CONFIG_BYTES])
{
	snprintf(text, CONFIG_BYTES,
		"# The machine %s, as wayferry-host has it: see wayferry.conf(5).\n"
		"# clipboard = both\n"
		"# renderer = virgl,venus\n"
		"# window-size = 1G\n",
		vm);
}

/* The directories above the file @path. */
static void make_directories(const char *path)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%s", path);
	for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(directory, 0700);
		*slash = '/';
	}
}

/* 0, -EEXIST, or -errno. */
static int write_config(const char *path, const char *text)
{
	size_t length = strlen(text);

	make_directories(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int error = write(fd, text, length) == (ssize_t)length ? 0 : -EIO;
	fd_close(&fd);
	if (error < 0)
		unlink(path);
	return error;
}

/* Whether it is as write_config has made it. */
static bool is_untouched(const char *path, const char *text)
{
	char found[CONFIG_BYTES + 1];
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(found, 1, sizeof(found) - 1, file) : 0;

	if (file)
		fclose(file);
	found[n] = 0;
	return file && strcmp(found, text) == 0;
}

static bool make_config(const char *path, const char *text)
{
	int error = write_config(path, text);

	if (error == 0)
		printf("%s is made\n", path);
	else if (error == -EEXIST)
		printf("%s is there already\n", path);
	else
		printf("%s is not made: %s\n", path, strerror(-error));
	return error == 0 || error == -EEXIST;
}

static void remove_config(const char *path, const char *text)
{
	if (access(path, F_OK) < 0)
		printf("%s is not there\n", path);
	else if (!is_untouched(path, text) || unlink(path) < 0)
		printf("%s stays: it is not as setup has made it\n", path);
	else
		printf("%s is removed\n", path);
}

int setup_run(const char *vm, bool undo)
{
	char path[PATH_MAX], text[CONFIG_BYTES], unit[POLICY_VM_NAME_BYTES + 32];

	if (!policy_vm_name_good(vm)) {
		fprintf(stderr, "wayferry-host: %s: not 1 to 64 letters, digits, '-' and '_'\n",
			vm);
		return EXIT_USAGE;
	}
	if (!config_default_path(vm, path)) {
		fprintf(stderr,
			"wayferry-host: there is no place for the file: $HOME is not set\n");
		return EXIT_FAILURE;
	}
	describe(vm, text);
	snprintf(unit, sizeof(unit), "wayferry-host@%s.socket", vm);
	if (undo) {
		bool disabled = user_unit_enable(unit, false);
		remove_config(path, text);
		return disabled ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (!make_config(path, text) || !user_unit_enable(unit, true))
		return EXIT_FAILURE;
	printf("\nThe machine's device is at $XDG_RUNTIME_DIR/wayferry/%s.gpu: "
	       "docs/virtual-machines.md, or\n"
	       "wayferry-host libvirt-xml %s. In the machine, as its user:\n"
	       "  sudo usermod -aG render $USER    # and log in again\n"
	       "  wayferry-guest setup\n"
	       "  wayferry-guest doctor\n",
		vm, vm);
	return EXIT_SUCCESS;
}
