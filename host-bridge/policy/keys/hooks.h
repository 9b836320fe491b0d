/* The policy's hook table for keyboards; see relay.h for what a hook may do. Ends with {0}. */
#ifndef HOST_BRIDGE_POLICY_KEYS_HOOKS_H
#define HOST_BRIDGE_POLICY_KEYS_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Chords that are kept from guests. */
extern const struct relay_hook policy_keyboard_hooks[];

/* What the hooks keep for all connections: policy.keyboards. NULL when memory is short. */
struct policy_keyboards *policy_keyboards_create(void);
void policy_keyboards_destroy(struct policy_keyboards *keyboards);

#endif
