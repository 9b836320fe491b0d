/* The library's server for Vulkan, a program of its own that a worker starts. */
#ifndef HOST_BRIDGE_RENDER_WORKER_SERVER_H
#define HOST_BRIDGE_RENDER_WORKER_SERVER_H

/* Starts it; our end of its socket (SOCK_SEQPACKET), or -1, with a log line. */
int server_start(void);

#endif
