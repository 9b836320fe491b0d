/*
 * Runs a program as on a kernel, or in a container, that offers less:
 *
 *     deny WHAT... -- PROGRAM [ARGUMENT...]
 *
 * WHAT: landlock (no such system calls), landlock-refused, seccomp-log (no
 * SECCOMP_FILTER_FLAG_LOG), seccomp-call (no seccomp(2), but prctl), seccomp (no filters at all),
 * unshare (no namespaces), mount.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ANY                                                                                        \
	{                                                                                          \
		0, SCMP_CMP_GE, 0, 0                                                               \
	}

static const struct denial {
	const char *name;
	int call, error;
	unsigned n;
	struct scmp_arg_cmp checks[2];
} denials[] = {
	{"landlock", SCMP_SYS(landlock_create_ruleset), ENOSYS, 0, {ANY}},
	{"landlock", SCMP_SYS(landlock_add_rule), ENOSYS, 0, {ANY}},
	{"landlock", SCMP_SYS(landlock_restrict_self), ENOSYS, 0, {ANY}},
	{"landlock-refused", SCMP_SYS(landlock_create_ruleset), EPERM, 0, {ANY}},
	{"seccomp-log", SCMP_SYS(seccomp), EINVAL, 2,
		{{0, SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER, 0},
			{1, SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_LOG}}},
	{"seccomp-call", SCMP_SYS(seccomp), ENOSYS, 0, {ANY}},
	{"seccomp", SCMP_SYS(seccomp), EINVAL, 0, {ANY}},
	{"seccomp", SCMP_SYS(prctl), EINVAL, 1, {{0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0}}},
	{"unshare", SCMP_SYS(unshare), EPERM, 0, {ANY}},
	{"unshare", SCMP_SYS(clone3), ENOSYS, 0, {ANY}}, /* its flags are not seen here */
	{"unshare", SCMP_SYS(clone), EPERM, 1, {{0, SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS}}},
	{"mount", SCMP_SYS(mount), EPERM, 0, {ANY}},
};

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i, status = filter ? 0 : -ENOMEM;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		for (size_t n = 0; n < sizeof(denials) / sizeof(denials[0]) && status == 0; n++) {
			const struct denial *denial = &denials[n];
			if (strcmp(denial->name, argv[i]) == 0)
				status = seccomp_rule_add_array(filter,
					SCMP_ACT_ERRNO((uint32_t)denial->error), denial->call,
					denial->n, denial->checks);
		}
	}
	if (status == 0)
		status = seccomp_load(filter);
	if (status < 0 || i + 1 >= argc) {
		fprintf(stderr, "deny: %s\n", status < 0 ? strerror(-status) : "no program");
		return 2;
	}
	seccomp_release(filter);
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
