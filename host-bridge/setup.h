/* `wayferry-host setup`: all that a machine needs on the host, at once. */
#ifndef HOST_BRIDGE_SETUP_H
#define HOST_BRIDGE_SETUP_H

#include <stdbool.h>

/*
 * Makes the configuration file of the machine @vm, where there is none, enables its socket and says
 * what is to be done in the guest. @undo: disables the socket, and removes the file unless somebody
 * has changed it. Both can be done again. Exit status.
 */
int setup_run(const char *vm, bool undo);

#endif
