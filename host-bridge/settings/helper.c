/* wayferry-host as a helper that libvirt starts for a machine: what it finds out by itself. */
#include "host-bridge/settings/helper.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX "-vhost-user-gpu.pid"
#define FDS_LOOKED_AT 1024

/* Whether @text is @prefix and then digits up to @end. */
static bool is_numbered(const char *text, const char *prefix, const char *end)
{
	size_t length = strlen(prefix);

	if ((size_t)(end - text) <= length || memcmp(text, prefix, length) != 0)
		return false;
	for (text += length; text < end; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
	}
	return true;
}

/* Where "-ALIAS" begins, which ends at @end; NULL: there is none. */
static const char *find_alias(const char *text, const char *end)
{
	for (const char *at = end - 1; at > text; at--) {
		if (*at == '-' &&
			(is_numbered(at + 1, "video", end) ||
				(end - at > 4 && memcmp(at + 1, "ua-", 3) == 0)))
			return at;
	}
	return NULL;
}

void helper_own_name(const char *name, size_t length, char own[POLICY_VM_NAME_BYTES + 1])
{
	size_t n = 0;

	for (; n < length && n < POLICY_VM_NAME_BYTES; n++)
		own[n] = (char)(isalnum((unsigned char)name[n]) || name[n] == '_' ? name[n] : '-');
	own[n] = 0;
}

bool helper_name_from_path(const char *path, char name[POLICY_VM_NAME_BYTES + 1])
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t length = strlen(file);

	if (length <= strlen(SUFFIX) || strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	const char *dash = strchr(file, '-'), *end = file + length - strlen(SUFFIX);
	if (!is_numbered(file, "", dash) || dash >= end)
		return false;
	const char *alias = find_alias(dash + 1, end);
	if (!alias)
		return false;
	helper_own_name(dash + 1, (size_t)(alias - dash - 1), name);
	return policy_vm_name_good(name);
}

/* By their numbers: a profile of AppArmor's that lets nobody list them lets them be read. */
bool helper_machine_name(char name[POLICY_VM_NAME_BYTES + 1])
{
	bool found = false;

	for (int fd = 0; fd < FDS_LOOKED_AT && !found; fd++) {
		char link[32], path[PATH_MAX];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, path, sizeof(path) - 1);
		path[length > 0 ? length : 0] = 0;
		found = helper_name_from_path(path, name);
	}
	return found;
}

void helper_find_runtime_directory(void)
{
	const char *set = getenv("XDG_RUNTIME_DIR");
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/run/user/%u", (unsigned)geteuid());
	if ((!set || !set[0]) && stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
		status.st_uid == geteuid())
		setenv("XDG_RUNTIME_DIR", path, 1);
}
