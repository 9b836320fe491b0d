/* The policy's hook tables for clipboards and drags; see relay.h for what a hook may do. All end
 * with {0}. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_HOOKS_H
#define HOST_BRIDGE_POLICY_TRANSFERS_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Clipboards, primary selections and drags that leave the machine, and that enter it. */
extern const struct relay_hook policy_clipboard_hooks[];
extern const struct relay_hook policy_offer_hooks[];
extern const struct relay_hook policy_selection_hooks[];

/* Which of the two selections a data device, or a device of primary selections, is for. */
enum transfer_kind policy_selection_kind(const struct relay_object *device);

/* RELAY_SWALLOW; the user is told, and it is counted. @type: what was asked for; NULL: all. */
enum relay_verdict policy_refuse_transfer(struct relay_message *message, enum transfer_kind kind,
	enum transfer_way way, const char *type);

#endif
