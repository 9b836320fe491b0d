/* A seccomp filter from a table: which system calls this process and its children may make. */
#ifndef HOST_BRIDGE_CONFINE_FILTER_H
#define HOST_BRIDGE_CONFINE_FILTER_H

#include <seccomp.h>
#include <stddef.h>

#define FILTER_MAX_CHECKS 3

struct filter_rule {
	int call;  /* SCMP_SYS(name) */
	int error; /* what the call then fails with, an errno; 0: it is allowed */
	unsigned n_checks;
	struct scmp_arg_cmp checks[FILTER_MAX_CHECKS]; /* the rule applies when all of them hold */
};

/* For tables of rules: without a check, and with one of argument @index (SCMP_CMP_@op). */
/* clang-format off */
#define FILTER_CALL(name, error) {SCMP_SYS(name), error, 0, {{0}}}
#define FILTER_CALL_IF(name, error, index, op, a, b) \
	{SCMP_SYS(name), error, 1, {{index, SCMP_CMP_##op, a, b}}}
/* clang-format on */

/*
 * Loads a filter for this process (of one thread) and what it starts. A call that no rule applies
 * to fails with @otherwise, an errno; 0: it is allowed. Rules that say the same as @otherwise are
 * an error. Sets no_new_privs. 0 or -errno.
 */
int filter_load(int otherwise, const struct filter_rule *rules, size_t n_rules);

#endif
