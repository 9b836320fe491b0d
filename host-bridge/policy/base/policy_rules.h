/* The table of interfaces: which of them guests may see, in which versions, and why not the others.
 */
#ifndef HOST_BRIDGE_POLICY_BASE_POLICY_RULES_H
#define HOST_BRIDGE_POLICY_BASE_POLICY_RULES_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * Refuses an interface of the table (@limit "deny"), or its versions above a number. There is no
 * way to allow more. NULL, or what is wrong; borrows @interface.
 */
const char *policy_restrict(struct policy *policy, const char *interface, const char *limit);

/* Whether and up to which version a guest may see a global; the relay's allow_global. */
bool policy_allow_global(
	const struct policy *policy, const struct interface *interface, uint32_t *version);

/* Prints the table, one line an interface. */
void policy_print_rules(const struct policy *policy);

#endif
