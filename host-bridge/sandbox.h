/* The process gives up what it no longer needs once it has started. */
#ifndef HOST_BRIDGE_SANDBOX_H
#define HOST_BRIDGE_SANDBOX_H

#include <stdbool.h>

/*
 * From here on this process gains no privileges (no setuid programs), makes only the system calls
 * of a list (the others fail with EPERM), and neither opens nor changes files (Landlock, where the
 * kernel has it). It keeps its open fds, memory, and connecting to Unix sockets. @socket_path,
 * which may be NULL, can still be removed.
 *
 * There is no way back. False, with a log line, when the kernel refuses; what was given up until
 * then stays so. Programs built with the address sanitizer are not confined: it needs too much.
 */
bool sandbox_enter(const char *socket_path);

#endif
