/* wl_drm, which the guest proxy offers by itself where the host has linux-dmabuf. */
#ifndef GUEST_PROXY_DMABUF_DRM_H
#define GUEST_PROXY_DMABUF_DRM_H

#include "protocol/relay/relay.h"

/* The name of its global, beside those of the host (which count from 1) and of wayferry-host. */
#define OWN_DRM_NAME UINT32_C(0xffff0002)

/* wl_registry.bind of OWN_DRM_NAME */
enum relay_verdict drm_bind(struct relay_message *message);
/* dmabuf_state::manager was told of @format and @modifier. */
void drm_format(struct relay *relay, uint32_t format, uint64_t modifier);

extern const struct relay_hook drm_hooks[];

#endif
