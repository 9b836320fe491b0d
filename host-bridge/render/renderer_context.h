/* 3D contexts: virgl (OpenGL) and venus (Vulkan). Each has a worker, which does all of the work. */
#ifndef HOST_BRIDGE_RENDER_RENDERER_CONTEXT_H
#define HOST_BRIDGE_RENDER_RENDERER_CONTEXT_H

#include "host-bridge/contexts/context.h"
#include "host-bridge/render/renderer.h"

struct renderer_context_kind {
	struct context_kind base;
	struct renderer *renderer;
	const struct renderer_capset *capset;
};

/* The kind of contexts that have @capset, which is one of @renderer's; both borrowed. */
void renderer_context_kind_init(struct renderer_context_kind *kind, struct renderer *renderer,
	const struct renderer_capset *capset);

#endif
