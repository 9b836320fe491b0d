/* Landlock: which files this process and its children may use. */
#include "host-bridge/confine/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/base/fd.h"

/*
 * Parts of Landlock that are younger than the oldest headers we build with; the kernel says which
 * of them it knows.
 */
struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* version 4 */
	uint64_t scoped;             /* version 6 */
};
#define ACCESS_FS_1 ((UINT64_C(1) << 13) - 1)          /* all of version 1 */
#define ACCESS_FS_REFER (UINT64_C(1) << 13)            /* version 2 */
#define ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)         /* version 3 */
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15)        /* version 5 */
#define ACCESS_NET_TCP UINT64_C(3)                     /* version 4: bind and connect */
#define SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS UINT64_C(3) /* version 6 */

/* What can be granted for a file that is no directory. */
#define ACCESS_FILE                                                                                \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
		LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV)

static const uint64_t accesses[] = {
	[PLACE_READ] = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
		LANDLOCK_ACCESS_FS_READ_DIR,
	[PLACE_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_IOCTL_DEV,
	[PLACE_LIST] = LANDLOCK_ACCESS_FS_READ_DIR,
	[PLACE_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

/* What the kernel's @version lets us forbid, and the size of struct ruleset it knows. */
static size_t describe_ruleset(int version, struct ruleset *ruleset)
{
	*ruleset = (struct ruleset){.handled_access_fs = ACCESS_FS_1};
	if (version >= 2)
		ruleset->handled_access_fs |= ACCESS_FS_REFER;
	if (version >= 3)
		ruleset->handled_access_fs |= ACCESS_FS_TRUNCATE;
	if (version >= 5)
		ruleset->handled_access_fs |= ACCESS_FS_IOCTL_DEV;
	if (version >= 4)
		ruleset->handled_access_net = ACCESS_NET_TCP;
	if (version >= 6)
		ruleset->scoped = SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS;
	return version >= 6 ? sizeof(*ruleset) : version >= 4 ? 16 : 8;
}

static int allow(int ruleset, const struct place *place, uint64_t handled)
{
	struct stat status;
	struct landlock_path_beneath_attr rule = {
		.allowed_access = accesses[place->use] & handled,
		.parent_fd = open(place->path, O_PATH | O_CLOEXEC),
	};
	int fd = rule.parent_fd, error = 0;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= ACCESS_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		error = -errno;
	fd_close(&fd);
	return error;
}

int landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? -errno : version == 0 ? -EOPNOTSUPP : (int)version;
}

int landlock_enter(const struct place *places, size_t n_places)
{
	struct ruleset description;
	int version = landlock_version();

	if (version < 0)
		return version;
	size_t size = describe_ruleset(version, &description);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &description, size, 0);
	int error = ruleset < 0 ? -errno : 0;
	for (size_t i = 0; i < n_places && error == 0; i++)
		error = allow(ruleset, &places[i], description.handled_access_fs);
	if (error == 0 &&
		(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			syscall(SYS_landlock_restrict_self, ruleset, 0) < 0))
		error = -errno;
	fd_close(&ruleset);
	return error;
}
