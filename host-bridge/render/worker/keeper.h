/*
 * The process that keeps the host's socket and starts the one that serves it, again whenever that
 * has ended without the host's wish: what the host has sent meanwhile waits in the socket.
 */
#ifndef HOST_BRIDGE_RENDER_WORKER_KEEPER_H
#define HOST_BRIDGE_RENDER_WORKER_KEEPER_H

#include <sys/types.h>

/*
 * Returns in the process that is to serve @socket (which all of them have), in each that @start,
 * which is as fork(2), has made; it ends with the keeper. The keeper itself never returns. It ends
 * well when the process that serves does, or the host closes the socket; and with an error when
 * the first has never been ready, or several in a row did nothing before they ended. It waits
 * @pause_ms between these, and longer each time.
 */
void keeper_run(int socket, pid_t (*start)(void), int pause_ms);

/* By the process that serves: it begins to; it has done what it is for. */
void keeper_ready(void);
void keeper_useful(void);

#endif
