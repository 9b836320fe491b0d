/* The policy's hook tables for what shows them; see relay.h for what a hook may do. All end with
 * {0}. */
#ifndef HOST_BRIDGE_POLICY_SURFACES_HOOKS_H
#define HOST_BRIDGE_POLICY_SURFACES_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Surfaces and subsurfaces: their number and depth, and copies of what they show. */
extern const struct relay_hook policy_surface_hooks[];

/* Drags: their icons. In use where clipboards may leave the machine. */
extern const struct relay_hook policy_drag_hooks[];
/* The hook in it, for those who have another one for the same request. */
enum relay_verdict policy_start_drag(struct relay_message *message);

/* Input methods: for the surface with the keyboard. */
extern const struct relay_hook policy_focus_hooks[];

/* Regions: their rectangles. */
extern const struct relay_hook policy_region_hooks[];

#endif
