/*
 * Icons of a client's windows: the pictures in wl_shm buffers that it adds are copied to host
 * buffers, which stay until the icon is destroyed.
 */
#ifndef GUEST_PROXY_WINDOWS_ICON_H
#define GUEST_PROXY_WINDOWS_ICON_H

#include "protocol/relay/relay.h"

extern const struct relay_hook icon_hooks[];

#endif
