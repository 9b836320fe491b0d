/* 3D contexts: virgl (OpenGL) and venus (Vulkan). Each has a worker, which does all of the work. */
#ifndef HOST_BRIDGE_RENDER_RENDERER_CONTEXT_H
#define HOST_BRIDGE_RENDER_RENDERER_CONTEXT_H

#include "host-bridge/gpu/context.h"

/* @capset_id must be one of the renderer's. NULL when memory is short or no worker can be had. */
struct context *renderer_context_create(
	const struct context_host *host, uint32_t id, uint32_t capset_id, const char *name);

#endif
