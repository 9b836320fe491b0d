/*
 * What guests may do: a table of interfaces with versions and limits, the machine's name, and the
 * marks it leaves.
 */
#ifndef HOST_BRIDGE_POLICY_POLICY_H
#define HOST_BRIDGE_POLICY_POLICY_H

#include <stdio.h>

#include "host-bridge/policy/base/policy_rules.h"

#define POLICY_VM_NAME_BYTES 64

/* Fills in the defaults and prepares the hooks; false when memory is short. */
bool policy_init(struct policy *policy);
/*
 * @policy, in place of policy_init, takes over from @before: the machine, its quota, what it counts
 * and its selections are the same. Who goes by @before still does; when nobody does any more,
 * @before is finished. False when memory is short: nothing has changed.
 */
bool policy_follow(struct policy *policy, struct policy *before);
/* Of the last one; nobody uses any. */
void policy_finish(struct policy *policy);

/*
 * A machine's name goes into window titles ("[NAME] title") and application ids
 * ("wayferry.NAME.APP_ID"): 1 to POLICY_VM_NAME_BYTES letters, digits, '-' and '_'.
 */
bool policy_vm_name_good(const char *name);

/* Prints the table, one line an interface, for wayferry-host capabilities. */
void policy_print(const struct policy *policy);

/* "name value" lines. */
void policy_print_counters(const struct policy *policy, FILE *out);

#endif
