/* The policy's hook tables for clipboards and drags; see relay.h for what a hook may do. All end
 * with {0}. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_HOOKS_H
#define HOST_BRIDGE_POLICY_TRANSFERS_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Clipboards, primary selections and drags that leave the machine, and that enter it. */
extern const struct relay_hook policy_clipboard_hooks[];
extern const struct relay_hook policy_offer_hooks[];
extern const struct relay_hook policy_selection_hooks[];

#endif
