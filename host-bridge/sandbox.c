/*
 * The process gives up what it no longer needs once it has started: Landlock for files, seccomp for
 * system calls.
 */
#include "host-bridge/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/udmabuf.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/sanitizer.h"

#define LOG_MODULE "sandbox"

/*
 * Parts of Landlock that are younger than the oldest headers we build with; the kernel says which
 * of them it knows.
 */
struct landlock_ruleset {
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

/* What the kernel's @version lets us forbid, and the size of struct landlock_ruleset it knows. */
static size_t describe_ruleset(long version, struct landlock_ruleset *ruleset)
{
	*ruleset = (struct landlock_ruleset){.handled_access_fs = ACCESS_FS_1};
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

/* Landlock knows directories: whatever lies beside the socket could be removed, too. */
static int allow_removal(int ruleset, const char *path)
{
	char *directory = strdup(path);
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!directory)
		return -ENOMEM;
	if (slash)
		slash[slash == directory ? 1 : 0] = 0;
	int parent = open(slash ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = parent,
	};
	int status = 0;
	if (parent < 0 ||
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		status = -errno;
	fd_close(&parent);
	free(directory);
	return status;
}

static bool enter_landlock(const char *socket_path)
{
	struct landlock_ruleset description;
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1) {
		log_info("this kernel has no Landlock; files are guarded by the list of system "
			 "calls alone");
		return true;
	}
	size_t size = describe_ruleset(version, &description);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &description, size, 0);
	int status = ruleset < 0 ? -errno : 0;
	if (status == 0 && socket_path)
		status = allow_removal(ruleset, socket_path);
	if (status == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		status = -errno;
	fd_close(&ruleset);
	if (status < 0)
		log_err("Landlock: %s", strerror(-status));
	return status == 0;
}

/*
 * What the process does after its start. The device: queues, memory, pipes, sockets, timers. libc:
 * allocation, locks, signals, abort.
 */
static const int allowed_calls[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(connect),
	SCMP_SYS(dup),
	SCMP_SYS(dup3),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fallocate),
	SCMP_SYS(fcntl),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(ftruncate),
	SCMP_SYS(futex),
	SCMP_SYS(geteuid),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(newfstatat),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(signalfd4),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/*
 * Calls that are allowed with one argument only: equal to @value, or with none of the bits of
 * @forbidden set.
 */
static const struct {
	int call;
	unsigned argument;
	uint64_t value, forbidden;
} limited_calls[] = {
	{SCMP_SYS(socket), 0, AF_UNIX, 0},
	{SCMP_SYS(socketpair), 0, AF_UNIX, 0},
	{SCMP_SYS(mmap), 2, 0, PROT_EXEC},
	{SCMP_SYS(mprotect), 2, 0, PROT_EXEC},
	{SCMP_SYS(ioctl), 1, FIONREAD, 0},
	{SCMP_SYS(ioctl), 1, FIONBIO, 0},
	{SCMP_SYS(ioctl), 1, UDMABUF_CREATE_LIST, 0},
};

static int fill_filter(scmp_filter_ctx filter)
{
	int status = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(allowed_calls) && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	for (size_t i = 0; i < ARRAY_LENGTH(limited_calls) && status == 0; i++) {
		unsigned argument = limited_calls[i].argument;
		struct scmp_arg_cmp limit = limited_calls[i].forbidden
			? SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, limited_calls[i].forbidden, 0)
			: SCMP_CMP(argument, SCMP_CMP_EQ, limited_calls[i].value, 0);
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, limited_calls[i].call, 1, limit);
	}
	/* abort() in a process of one thread: a signal to itself. */
	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return status;
}

static bool enter_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int status = filter ? fill_filter(filter) : -ENOMEM;

	/* The kernel's audit log, where there is one, says what was refused. */
	if (status == 0)
		status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (status == 0)
		status = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (status < 0)
		log_err("seccomp: %s", strerror(-status));
	return status == 0;
}

bool sandbox_enter(const char *socket_path)
{
	if (ADDRESS_SANITIZER) {
		log_debug("built with the address sanitizer: no sandbox");
		return true;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_err("no_new_privs: %s", strerror(errno));
		return false;
	}
	return enter_landlock(socket_path) && enter_seccomp();
}
