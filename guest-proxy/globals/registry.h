/* Which of the host's globals the guest's applications see. */
#ifndef GUEST_PROXY_GLOBALS_REGISTRY_H
#define GUEST_PROXY_GLOBALS_REGISTRY_H

#include "protocol/relay/relay.h"

/* relay_ops' allow_global; @data: struct connection. */
bool registry_allows(void *data, const struct interface *interface, uint32_t *version);

#endif
