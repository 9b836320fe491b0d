/* One context's worker: serves requests on its socket until the host leaves. */
#ifndef HOST_BRIDGE_RENDER_WORKER_WORKER_H
#define HOST_BRIDGE_RENDER_WORKER_WORKER_H

#include "host-bridge/confine/steps.h"
#include "host-bridge/render/renderer_protocol.h"

/* @socket: the worker's end. An exit status. */
int worker_run(
	int socket, enum renderer_kind kind, const char *render_node, enum sandbox_mode sandbox);

#endif
