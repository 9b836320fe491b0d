/* The policy's hook tables for what shows them; see relay.h for what a hook may do. All end with
 * {0}. */
#ifndef HOST_BRIDGE_POLICY_WINDOWS_HOOKS_H
#define HOST_BRIDGE_POLICY_WINDOWS_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Surfaces and subsurfaces: their number and depth, and copies of what they show. */
extern const struct relay_hook policy_surface_hooks[];

/* Sizes and places of popups. */
extern const struct relay_hook popup_hooks[];

/* Requests that answer what the user does: menus, moves. */
extern const struct relay_hook policy_action_hooks[];

/* wl_data_device.start_drag: its icon (policy_surface_hooks.c). */
enum relay_verdict policy_start_drag(struct relay_message *message);

#endif
