/* Policy: how much one transfer may carry. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_GATE_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_GATE_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * Where transfers of @kind have a limit, puts a gate in front of the pipe @handle (WIRE_FD), which
 * becomes the gate's end. False: it cannot be made, and the pipe is closed.
 */
bool policy_gate(struct relay *relay, enum transfer_kind kind, struct wire_handle *handle);

/* A guest's contents for the pipe @fd end early: nothing of them arrives if they have a limit.
 * @policy: NULL is fine. */
void policy_gate_cut(const struct policy *policy, int fd);

#endif
