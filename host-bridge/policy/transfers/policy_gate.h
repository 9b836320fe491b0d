/* Policy: how much one transfer may carry, and whether the user lets it through. */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_GATE_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_GATE_H

#include "host-bridge/policy/transfers/policy_questions.h"

/*
 * Where @transfer has a limit, or the user is asked about it, puts a gate in front of the pipe
 * @handle (WIRE_FD), which becomes the gate's end: contents may be written to it at once. False:
 * it cannot be made, or too many questions are open, and the pipe is closed.
 */
bool policy_gate(
	struct relay *relay, const struct policy_transfer *transfer, struct wire_handle *handle);

/* Ends one transfer with a gate whose reader has taken nothing for half a minute, for others that
 * need the room. False: there is none. @policy: NULL is fine. */
bool policy_gate_make_room(const struct policy *policy);

/* A guest's contents for the pipe @fd end early: nothing of them arrives if they have a limit.
 * @policy: NULL is fine. */
void policy_gate_cut(const struct policy *policy, int fd);

#endif
