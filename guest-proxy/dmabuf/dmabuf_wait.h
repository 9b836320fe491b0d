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

#endif
