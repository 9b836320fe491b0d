/* A cross-domain context (capset 5): one Wayland client of a guest. */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_CONTEXT_H
#define HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_CONTEXT_H

#include "host-bridge/gpu/context.h"
#include "protocol/formats/cross_domain.h"

/* Copies what a guest may know of the host's abilities. @guest_shared: the compositor sees guest
 * blobs themselves (resource_export). */
void cross_domain_capset(
	struct cross_domain_capset_ext *out, bool guest_shared, bool private_textures);

/* @name is what the guest calls it, for log lines. @host is borrowed. NULL when memory is short. */
struct context *cross_domain_context_create(
	const struct context_host *host, uint32_t id, const char *name);

#endif
