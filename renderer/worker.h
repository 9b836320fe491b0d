/* One context's worker: serves requests on its socket until the host leaves. */
#ifndef RENDERER_WORKER_H
#define RENDERER_WORKER_H

#include "host-bridge/renderer_protocol.h"

/* @socket: the worker's end. An exit status. */
int worker_run(int socket, enum renderer_kind kind, const char *render_node);

#endif
