/* The policy's hook tables for what belongs to surfaces; see relay.h for what a hook may do. All
 * end with {0}. */
#ifndef HOST_BRIDGE_POLICY_SURFACES_HOOKS_H
#define HOST_BRIDGE_POLICY_SURFACES_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Colour management: profiles as contents. */
extern const struct relay_hook policy_colour_hooks[];

/* Input methods: for the surface with the keyboard. */
extern const struct relay_hook policy_focus_hooks[];

/* Events of seats: which surfaces have the user's attention. */
extern const struct relay_hook policy_attention_hooks[];

/* Regions: their rectangles. */
extern const struct relay_hook policy_region_hooks[];

#endif
