/* A seccomp filter from a table: which system calls this process and its children may make. */
#include "host-bridge/confine/filter.h"

#include <errno.h>
#include <stdint.h>

static uint32_t action_of(int error)
{
	return error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)error);
}

int filter_load(int otherwise, const struct filter_rule *rules, size_t n_rules)
{
	scmp_filter_ctx filter = seccomp_init(action_of(otherwise));
	int status = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < n_rules && status == 0; i++)
		status = seccomp_rule_add_array(filter, action_of(rules[i].error), rules[i].call,
			rules[i].n_checks, rules[i].checks);
	/* Refused calls in the kernel's audit log, where it can do that; of no weight where not. */
	if (status == 0)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (status == 0)
		status = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return status;
}
