/* What wayferry-renderer and its workers give up. */
#ifndef HOST_BRIDGE_RENDER_WORKER_SANDBOX_H
#define HOST_BRIDGE_RENDER_WORKER_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "host-bridge/confine/steps.h"

/*
 * Once, before there is a spawner: what this machine offers. @render_node: a GPU's node besides
 * those that every worker may use; it must last. NULL: none. False: there is no memory.
 */
bool sandbox_find(enum sandbox_mode mode, const char *render_node);

/* fork(2), for a spawner: with namespaces of its own where there are some. */
pid_t sandbox_fork(void);

/*
 * A spawner's share, at its start: a root in which there is only what renderers read, no
 * capabilities, and a bound for the number of processes. False, with log lines, when @mode asks
 * for more than the kernel gives, or the first spawner had more.
 */
bool sandbox_spawner(enum sandbox_mode mode);

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
