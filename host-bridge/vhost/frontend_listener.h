/* The listening Unix socket to which vhost-user frontends connect. */
#ifndef HOST_BRIDGE_VHOST_FRONTEND_LISTENER_H
#define HOST_BRIDGE_VHOST_FRONTEND_LISTENER_H

#include <wayland-server-core.h>

struct frontend_listener;

/*
 * Listens on @path (mode 0600; a stale socket is replaced, one that answers is an error), or, when
 * @path is NULL, on the listening socket @fd (takes it, also on error). @accepted gets each
 * connection, a non-blocking socket that it takes. NULL with a log line.
 */
struct frontend_listener *frontend_listener_create(struct wl_event_loop *loop, const char *path,
	int fd, void (*accepted)(void *data, int socket), void *data);
/* Also removes the socket that frontend_listener_create made. NULL is fine. */
void frontend_listener_destroy(struct frontend_listener *listener);

#endif
