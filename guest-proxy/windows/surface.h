/* wl_surfaces of a client: attach, damage and commit, turned into copies to host buffers. */
#ifndef GUEST_PROXY_WINDOWS_SURFACE_H
#define GUEST_PROXY_WINDOWS_SURFACE_H

#include "protocol/relay/relay.h"

extern const struct relay_hook surface_hooks[];

#endif
