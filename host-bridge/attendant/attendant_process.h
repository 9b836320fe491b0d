/* The attendant's own side. */
#ifndef HOST_BRIDGE_ATTENDANT_ATTENDANT_PROCESS_H
#define HOST_BRIDGE_ATTENDANT_ATTENDANT_PROCESS_H

#include "host-bridge/attendant/attendant_protocol.h"

/* Serves what comes from @socket until that is closed, and ends the process. */
void attendant_run(int socket, const struct attendant_config *config) __attribute__((noreturn));

#endif
