/* What becomes of the texts in guests' requests. */
#ifndef HOST_BRIDGE_POLICY_POLICY_TEXTS_H
#define HOST_BRIDGE_POLICY_POLICY_TEXTS_H

#include "host-bridge/policy/policy_hooks.h"

struct policy_text {
	const char *interface, *request;
	relay_hook_fn function; /* NULL: it passes as it is */
};

/* Every request with a string that guests can send; the last one is {0}. */
extern const struct policy_text policy_texts[];

#endif
