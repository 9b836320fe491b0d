/* wayferry-host gives up what it no longer needs once it has started. */
#ifndef HOST_BRIDGE_CONFINE_SANDBOX_H
#define HOST_BRIDGE_CONFINE_SANDBOX_H

#include <stdbool.h>

#include "host-bridge/confine/steps.h"

/*
 * From here on this process has namespaces of its own (a user, a network, IPC objects, mounts) and
 * an empty root; it opens, makes and removes no files (Landlock); it makes only the system calls of
 * a list (the others fail with EPERM), which opens, makes and connects no sockets but pairs; it
 * gains no privileges; and other processes of its user cannot trace it. It keeps its open fds and
 * its memory. What is to be opened later comes from the connector (display/connector.h), which must
 * have been started.
 *
 * There is no way back. False, with log lines, when @mode asks for more than the kernel gives; what
 * was given up until then stays so. Programs built with the address sanitizer are not confined: it
 * needs too much.
 */
bool sandbox_enter(enum sandbox_mode mode);

/* Tries all steps, those of the renderers' processes too, in processes that end then. */
void sandbox_probe(struct confinement *confinement);

#endif
