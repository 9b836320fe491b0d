/* The globals of linux-dmabuf and wl_drm, and the formats that the host announces for them. */
#ifndef GUEST_PROXY_GLOBALS_DMABUF_GLOBALS_H
#define GUEST_PROXY_GLOBALS_DMABUF_GLOBALS_H

#include "protocol/relay/relay.h"

extern const struct relay_hook dmabuf_global_hooks[];

#endif
