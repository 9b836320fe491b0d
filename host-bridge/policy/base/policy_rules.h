/* The table of interfaces: which of them guests may see, in which versions, and why not the others.
 */
#ifndef HOST_BRIDGE_POLICY_BASE_POLICY_RULES_H
#define HOST_BRIDGE_POLICY_BASE_POLICY_RULES_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * A line of the configuration: @name is an interface of the table or a group of them, which is
 * refused (@limit "deny"), limited to versions up to a number, or, although the table refuses it,
 * allowed ("allow"). NULL, or what is wrong.
 */
const char *policy_set_rule(struct policy *policy, const char *name, const char *limit);

/* A line of the log for each interface that is allowed although the table refuses it. */
void policy_warn_of_widening(const struct policy *policy);

/* Whether and up to which version a guest may see a global; the relay's allow_global. */
bool policy_allow_global(
	const struct policy *policy, const struct interface *interface, uint32_t *version);

/* Prints the table, one line an interface. */
void policy_print_rules(const struct policy *policy);

#endif
