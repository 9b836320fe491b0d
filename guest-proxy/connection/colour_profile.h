/*
 * ICC profiles that clients give as files (color-management-v1). Files of the guest mean nothing to
 * the host, so the contents go there, in memory of the device. They are read when the client makes
 * its image description of them, which waits until the host has made the memory.
 */
#ifndef GUEST_PROXY_CONNECTION_COLOUR_PROFILE_H
#define GUEST_PROXY_CONNECTION_COLOUR_PROFILE_H

#include "protocol/relay/relay.h"

extern const struct relay_hook colour_profile_hooks[];

#endif
