/* The policy's other hook tables; see relay.h for what a hook may do. All end with {0}. */
#ifndef HOST_BRIDGE_POLICY_POLICY_HOOKS_H
#define HOST_BRIDGE_POLICY_POLICY_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Texts: what the user sees carries the machine's name, what compositors keep is counted. */
const struct relay_hook *policy_text_hooks(void);

/* Event fds that are pipes to be written to; all others are files to be read. */
extern const struct relay_hook policy_pipe_hooks[];

/*
 * Hooks for every message with an fd that none of @tables (NULL-terminated) names: requests may
 * carry ordinary fds only, events regular files only. For relay_hooks_create; free() it afterwards.
 * NULL when memory is short.
 */
struct relay_hook *policy_fd_hooks_create(const struct relay_hook *const tables[]);

#endif
