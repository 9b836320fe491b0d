/* Waiting for the GPU to finish a frame. */
#ifndef GUEST_PROXY_DMABUF_DMABUF_WAIT_H
#define GUEST_PROXY_DMABUF_DMABUF_WAIT_H

#include <stdbool.h>

struct connection;
struct dmabuf;

/*
 * Whether what was drawn into @dmabuf is finished. If not, connection->held is set and the commit
 * is to be held; connection->wake is called with connection->resume set when it is finished.
 */
bool dmabuf_ready(struct connection *connection, const struct dmabuf *dmabuf);

/* The same for @fd (borrowed, until then), which is readable when the frame is finished. */
bool dmabuf_wait(struct connection *connection, int fd);
/* Whether @fd is readable. */
bool dmabuf_fd_ready(int fd);

#endif
