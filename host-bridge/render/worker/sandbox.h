/* What a worker gives up before it starts the library. */
#ifndef HOST_BRIDGE_RENDER_WORKER_SANDBOX_H
#define HOST_BRIDGE_RENDER_WORKER_SANDBOX_H

#include <stdbool.h>

/*
 * No new privileges; files can be opened, but not made, cut, moved or removed; no network, no
 * tracing, no mounts, no keys; no core dumps; a bound for mapped memory. Children inherit it.
 * False, with a log line, when the kernel refuses.
 */
bool sandbox_worker(void);

#endif
