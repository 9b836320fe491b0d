/* Textures of 3D contexts as the monitor is given them: dma-bufs. */
#ifndef HOST_BRIDGE_CONSOLE_TEXTURE_H
#define HOST_BRIDGE_CONSOLE_TEXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "host-bridge/console/console_protocol.h"
#include "host-bridge/resources/resource.h"

/*
 * Whether @resource, a RESOURCE_3D, can be shown: its worker has exported it, in a format and of a
 * size that others can use.
 */
bool texture_can_be_shown(const struct resource *resource);

/*
 * What there is to say of @resource, which can be shown, but for the rectangle. False: without
 * DMABUF_SCANOUT2 (@modifiers) its layout cannot be told.
 */
bool texture_describe(
	const struct resource *resource, bool modifiers, struct console_dmabuf_scanout *out);

#endif
