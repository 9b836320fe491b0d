/* Where our other programs are. */
#include "host-bridge/settings/program_path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

void program_path(char found[PATH_MAX], const char *room, const char *name)
{
	const char *const beside[] = {"", room};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');

	for (size_t i = 0; i < ARRAY_LENGTH(beside) && slash; i++) {
		slash[1] = 0;
		int size = snprintf(found, PATH_MAX, "%s%s%s", self, beside[i], name);
		if (size < PATH_MAX && access(found, X_OK) == 0)
			return;
	}
	snprintf(found, PATH_MAX, "%s/%s", WAYFERRY_LIBEXECDIR, name);
}
