/* wayferry-host gives up what it no longer needs once it has started. */
#include "host-bridge/confine/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host-bridge/confine/filter.h"
#include "host-bridge/confine/landlock.h"
#include "host-bridge/confine/namespaces.h"
#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "protocol/base/sanitizer.h"

#define LOG_MODULE "sandbox"

#define ALLOW(name) FILTER_CALL(name, 0)
/* Allowed when argument @index, all 64 bits of it, is @value; or has no bit of @bits. */
#define ALLOW_EQUAL(name, index, value) FILTER_CALL_IF(name, 0, index, EQ, value, 0)
#define ALLOW_WITHOUT(name, index, bits) FILTER_CALL_IF(name, 0, index, MASKED_EQ, bits, 0)
/* As getsockopt and setsockopt are: for sockets of any kind. */
#define ALLOW_LEVEL(name) ALLOW_EQUAL(name, 1, SOL_SOCKET)

/*
 * What the process does after its start. The device: queues, memory, pipes, sockets, timers. libc:
 * allocation, locks, signals, abort. The last rule's argument is filled in at run time.
 */
static const struct filter_rule allowed_calls[] = {
	ALLOW(accept4),
	ALLOW(brk),
	ALLOW(clock_gettime),
	ALLOW(clock_nanosleep),
	ALLOW(close),
	ALLOW(dup),
	ALLOW(dup3),
	ALLOW(epoll_create1),
	ALLOW(epoll_ctl),
	ALLOW(epoll_pwait),
	ALLOW(epoll_wait),
	ALLOW(eventfd2),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW(fallocate),
	/* Not F_SETOWN and F_SETSIG, which send signals to others. */
	ALLOW_EQUAL(fcntl, 1, F_DUPFD_CLOEXEC),
	ALLOW_EQUAL(fcntl, 1, F_GETFD),
	ALLOW_EQUAL(fcntl, 1, F_SETFD),
	ALLOW_EQUAL(fcntl, 1, F_GETFL),
	ALLOW_EQUAL(fcntl, 1, F_SETFL),
	ALLOW_EQUAL(fcntl, 1, F_GETPIPE_SZ),
	ALLOW_EQUAL(fcntl, 1, F_SETPIPE_SZ),
	ALLOW_EQUAL(fcntl, 1, F_ADD_SEALS),
	ALLOW_EQUAL(fcntl, 1, F_GET_SEALS),
	ALLOW(fstat),
	ALLOW(fstatfs),
	ALLOW(ftruncate),
	ALLOW(futex),
	ALLOW(geteuid),
	ALLOW(getpid),
	ALLOW(getrandom),
	ALLOW(getsockname),
	ALLOW_LEVEL(getsockopt),
	ALLOW(gettid),
	ALLOW(getuid),
	ALLOW_EQUAL(ioctl, 1, FIONBIO),
	ALLOW_EQUAL(ioctl, 1, FIONREAD),
	ALLOW_EQUAL(ioctl, 1, UDMABUF_CREATE_LIST),
	ALLOW(lseek),
	ALLOW(madvise),
	ALLOW(memfd_create),
	ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
	ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
	ALLOW(mremap),
	ALLOW(munmap),
	ALLOW(nanosleep),
	ALLOW_EQUAL(newfstatat, 3, AT_EMPTY_PATH), /* libc's fstat */
	ALLOW(pipe2),
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(pread64),
	ALLOW(preadv),
	ALLOW(pwrite64),
	ALLOW(pwritev),
	ALLOW(pwritev2),
	ALLOW(read),
	ALLOW(readv),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(restart_syscall),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sched_yield),
	ALLOW(sendmsg),
	ALLOW_EQUAL(sendto, 4, 0), /* to the peer, not to an address */
	ALLOW_LEVEL(setsockopt),
	ALLOW(shutdown),
	ALLOW(sigaltstack),
	ALLOW(signalfd4),
	ALLOW(splice),
	/* To renderers' processes; datagrams could go to addresses. */
	{SCMP_SYS(socketpair), 0, 2,
		{{0, SCMP_CMP_EQ, AF_UNIX, 0},
			{1, SCMP_CMP_EQ, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0}}},
	ALLOW(timerfd_create),
	ALLOW(timerfd_settime),
	ALLOW(write),
	ALLOW(writev),
};

static int load_filter(void)
{
	struct filter_rule rules[ARRAY_LENGTH(allowed_calls) + 1];

	memcpy(rules, allowed_calls, sizeof(allowed_calls));
	/* abort() in a process of one thread: a signal to itself. */
	rules[ARRAY_LENGTH(allowed_calls)] =
		(struct filter_rule)ALLOW_EQUAL(tgkill, 0, (scmp_datum_t)getpid());
	return filter_load(EPERM, rules, ARRAY_LENGTH(rules));
}

static void confine(struct confinement *confinement)
{
	int *errors = confinement->errors;

	*confinement = (struct confinement){0};
	errors[CONFINE_NAMESPACES] = namespaces_enter();
	errors[CONFINE_ROOT] = errors[CONFINE_NAMESPACES] == 0
		? namespaces_replace_root(NULL, 0, NULL)
		: errors[CONFINE_NAMESPACES];
	namespaces_drop_capabilities();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	errors[CONFINE_LANDLOCK] = landlock_enter(NULL, 0);
	errors[CONFINE_FILTER] = load_filter();
}

bool sandbox_enter(enum sandbox_mode mode)
{
	struct confinement confinement;

	if (mode == SANDBOX_OFF)
		return true;
	if (ADDRESS_SANITIZER) {
		log_debug("built with the address sanitizer: no sandbox");
		return true;
	}
	confine(&confinement);
	return confinement_suffices(&confinement, mode);
}

/* --- what the doctor asks --- */

/* Whether a process namespace with its own /proc can be had: 0 or -errno, as an exit status. */
static int probe_processes(void)
{
	int proc_error = 0, status;
	int kinds = namespaces_find(CLONE_NEWPID);

	if (kinds < 0)
		return -kinds;
	pid_t pid = namespaces_fork(kinds);
	if (pid == 0) {
		int error = namespaces_replace_root(NULL, 0, &proc_error);
		_exit(error < 0 ? -error : -proc_error);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* A child's work; its result is in @confinement, which is shared memory. */
static void probe_in_child(
	void (*work)(struct confinement *confinement), struct confinement *confinement)
{
	pid_t pid = fork();
	if (pid == 0) {
		work(confinement);
		_exit(EXIT_SUCCESS);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void find_process_namespace(struct confinement *confinement)
{
	confinement->errors[CONFINE_PROCESSES] = -probe_processes();
}

void sandbox_probe(struct confinement *confinement)
{
	struct confinement *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*confinement = (struct confinement){0};
	if (shared == MAP_FAILED)
		return;
	probe_in_child(confine, shared);
	probe_in_child(find_process_namespace, shared);
	*confinement = *shared;
	munmap(shared, sizeof(*shared));
}
