/*
 * libwayferry-noexec.so: loaded into the library's server for Vulkan when a worker starts it. It
 * is the last program that is started there: from here on exec fails.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The worker's filter has refused execve, and system calls of other architectures, already. */
static struct sock_filter instructions[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

__attribute__((constructor)) static void forbid_exec(void)
{
	const struct sock_fprog filter = {
		.len = sizeof(instructions) / sizeof(instructions[0]), .filter = instructions};

	/* Executed by its fd, the program has that for a name. */
	prctl(PR_SET_NAME, "virgl_render_server");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
		_exit(EXIT_FAILURE);
}
