/*
 * What a worker gives up. Mesa, LLVM and the drivers of GPUs need far more than the device does
 * (code made at run time, threads, their own files), so this is a list of what is forbidden.
 */
#include "host-bridge/render/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "protocol/base/bytes.h"
#include "protocol/base/sanitizer.h"

#define LOG_MODULE "renderer"
#include "protocol/base/log.h"

#define MAX_FILES 4096
#define MAX_MAPPED_BYTES (UINT64_C(1) << 40) /* guest memory is mapped whole; LLVM is large */

static const int forbidden_calls[] = {
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(perf_event_open),
	/* the network, and sockets of others */
	SCMP_SYS(socket),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	/* the file system */
	SCMP_SYS(creat),
	SCMP_SYS(truncate),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chown),
	SCMP_SYS(fchown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(setxattr),
	SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(utimensat),
	SCMP_SYS(openat2), /* its flags lie in memory, where a filter does not see them */
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	/* the system */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(fsopen),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(syslog),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(capset),
};

static int forbid(scmp_filter_ctx filter)
{
	const uint32_t refusal = SCMP_ACT_ERRNO(EPERM);
	int status = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(forbidden_calls) && status == 0; i++)
		status = seccomp_rule_add(filter, refusal, forbidden_calls[i], 0);
	/* Files may be opened, but neither made nor cut. */
	static const uint64_t flags[] = {O_CREAT, O_TRUNC, __O_TMPFILE};
	for (size_t i = 0; i < ARRAY_LENGTH(flags) && status == 0; i++) {
		status = seccomp_rule_add(filter, refusal, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
		if (status == 0)
			status = seccomp_rule_add(filter, refusal, SCMP_SYS(open), 1,
				SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	}
	return status;
}

static void limit(int resource, rlim_t value)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) < 0)
		return;
	limits.rlim_max = limits.rlim_max < value ? limits.rlim_max : value;
	limits.rlim_cur = limits.rlim_max;
	setrlimit(resource, &limits);
}

bool sandbox_worker(void)
{
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, MAX_FILES);
	if (!ADDRESS_SANITIZER) /* its shadow of the memory is larger */
		limit(RLIMIT_AS, MAX_MAPPED_BYTES);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_err("no_new_privs: %s", strerror(errno));
		return false;
	}
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int status = filter ? forbid(filter) : -ENOMEM;
	if (status == 0)
		status = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	if (status < 0)
		log_err("seccomp: %s", strerror(-status));
	return status == 0;
}
