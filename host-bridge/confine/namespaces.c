/* Namespaces: a network, IPC objects, mounts and processes of this process's own. */
#include "host-bridge/confine/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define OWN (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#define ROOT_MODE "mode=0755,size=256k,nr_inodes=512"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	fd_close(&fd);
	return error;
}

/* In a new user namespace: this process is who it was. */
static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	int error = write_file("/proc/self/setgroups", "deny");
	if (error < 0 && error != -ENOENT) /* kernels before 3.19 */
		return error;
	snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)gid, (unsigned)gid);
	error = write_file("/proc/self/gid_map", text);
	if (error < 0)
		return error;
	snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)uid, (unsigned)uid);
	return write_file("/proc/self/uid_map", text);
}

/*
 * Not by unshare(2), after which a process could never again have children in another process
 * namespace. And not by clone3(2), which filters that look at its flags refuse.
 */
static pid_t fork_into(int kinds)
{
	const long flags = kinds | SIGCHLD;
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, flags, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
#endif
}

pid_t namespaces_fork(int kinds)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	pid_t pid = kinds == 0 ? fork() : fork_into(kinds);

	if (pid == 0 && kinds & CLONE_NEWUSER) {
		int error = map_ids(uid, gid);
		if (error < 0)
			_exit(-error);
	}
	return pid;
}

/* A child tries them. 0 or -errno. */
static int try(int kinds)
{
	int status;
	pid_t pid = namespaces_fork(kinds);

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int namespaces_find(int flags)
{
	/* Some kernels give user namespaces but refuse to map ids there. */
	int error = try(CLONE_NEWUSER | OWN | flags);

	if (error == 0)
		return CLONE_NEWUSER | OWN | flags;
	/* Root needs no user namespace for the others. */
	return try(OWN | flags) == 0 ? OWN | flags : error;
}

int namespaces_enter(void)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	int kinds = namespaces_find(0);

	if (kinds < 0)
		return kinds;
	if (unshare(kinds) < 0)
		return -errno;
	return kinds & CLONE_NEWUSER && map_ids(uid, gid) < 0 ? -ENOTRECOVERABLE : 0;
}

/* --- the root --- */

/* Makes what @path (absolute) is to be mounted on, below @base: a directory or an empty file. */
static int make_mount_point(const char *base, const char *path, bool directory, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s%s", base, path) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (char *slash = out + strlen(base) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		int made = mkdir(out, 0755);
		*slash = '/';
		if (made < 0 && errno != EEXIST)
			return -errno;
	}
	int made = directory ? mkdir(out, 0755) : mknod(out, S_IFREG | 0444, 0);
	return made < 0 && errno != EEXIST ? -errno : 0;
}

/* Has the symbolic link @path below @base, too. */
static int copy_link(const char *base, const char *path)
{
	char target[PATH_MAX], copy[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = 0;
	int error = make_mount_point(base, path, true, copy);
	if (error < 0 || rmdir(copy) < 0 || symlink(target, copy) < 0)
		return error < 0 ? error : -errno;
	return 0;
}

static int bind_place(const char *base, const struct place *place)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
	struct stat status;
	char point[PATH_MAX];

	if (lstat(place->path, &status) < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (S_ISLNK(status.st_mode))
		return copy_link(base, place->path);
	int error = make_mount_point(base, place->path, S_ISDIR(status.st_mode), point);
	if (error < 0 || place->use == PLACE_LIST)
		return error;
	if (mount(place->path, point, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	/* Device nodes can be written to all the same: this is about files and directories. */
	if (syscall(SYS_mount_setattr, AT_FDCWD, point, AT_RECURSIVE, &attributes,
		    sizeof(attributes)) < 0)
		return -errno;
	return 0;
}

static int mount_proc(const char *base)
{
	char point[PATH_MAX];
	int error = make_mount_point(base, "/proc", true, point);

	if (error == 0 &&
		mount("proc", point, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) <
			0)
		error = -errno;
	return error;
}

/* Some directory that exists, and that no place is in. */
static int mount_base(const char **base)
{
	static const char *const candidates[] = {"/mnt", "/srv", "/media", "/home", "/tmp"};
	int error = -ENOENT;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LENGTH(candidates); i++) {
		if (mount("wayferry", candidates[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    ROOT_MODE) == 0) {
			*base = candidates[i];
			return 0;
		}
		error = -errno;
	}
	return error;
}

int namespaces_replace_root(const struct place *places, size_t n_places, int *proc_error)
{
	const char *base = NULL;

	int error = mount_base(&base);
	for (size_t i = 0; i < n_places && error == 0; i++)
		error = bind_place(base, &places[i]);
	if (error == 0 && proc_error)
		*proc_error = mount_proc(base);
	if (error == 0 &&
		mount(NULL, base, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			ROOT_MODE) < 0)
		error = -errno;
	/* The old root comes to lie on the new one, and is taken off. */
	if (error == 0 && (chdir(base) < 0 || syscall(SYS_pivot_root, ".", ".") < 0))
		error = -errno;
	if (error < 0 && base)
		umount2(base, MNT_DETACH);
	if (error == 0 && (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0))
		error = -ENOTRECOVERABLE;
	return error;
}

void namespaces_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	/* For programs that root executes; fails where there is nothing to drop. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	syscall(SYS_capset, &header, none);
}
