/* What wayferry-renderer and its workers give up. */
#ifndef HOST_BRIDGE_RENDER_WORKER_SANDBOX_H
#define HOST_BRIDGE_RENDER_WORKER_SANDBOX_H

#include <stdbool.h>

#include "host-bridge/confine/steps.h"

/*
 * The spawner's share, once, at its start: namespaces of its own, with a root in which there is
 * only what renderers read, and a bound for the number of processes. The process that goes on, with
 * a true result, may be a child of the one that came: that one waits for it and ends with it.
 * False, with log lines, when @mode asks for more than the kernel gives. @render_node: a GPU's node
 * besides those that every worker may use; it must last. NULL: none.
 */
bool sandbox_spawner(enum sandbox_mode mode, const char *render_node);

/*
 * A worker's share, before it starts the library: it opens what renderers read and GPUs' devices,
 * and writes nothing else; no network, no signals, no tracing, no mounts, no keys, no limits; no
 * core dumps; a bound for mapped memory and open files. What it starts inherits it. False, with a
 * log line, when the kernel refuses.
 */
bool sandbox_worker(enum sandbox_mode mode);

/*
 * The one program that a worker starts is the library's server for Vulkan: what execveat(2) takes
 * as fd (with AT_EMPTY_PATH), and as its environment. The program itself can start none: a library
 * that is loaded into it sees to that. -errno: it is not there.
 */
int sandbox_server(char *const **environment);

/* The library has started: from here on nothing is executed. */
bool sandbox_worker_started(enum sandbox_mode mode);

#endif
