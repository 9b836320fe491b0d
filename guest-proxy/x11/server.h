/* The X display: its sockets, and an Xwayland behind them whenever a client comes. */
#ifndef GUEST_PROXY_X11_SERVER_H
#define GUEST_PROXY_X11_SERVER_H

#include <stdbool.h>
#include <sys/types.h>
#include <wayland-server-core.h>

struct server;

#define SERVER_SOCKETS 2 /* of a display: a path and an abstract name */

struct server_listener {
	/* A client waits, and no Xwayland runs: server_start() or server_refuse() is due. */
	void (*wanted)(void *data);
	/* Xwayland takes a window manager: the connection for it, taken. */
	void (*ready)(void *data, int wm_fd);
	void *data;
};

/*
 * Takes display @number, or the first free one if it is negative; @xwayland is the program. Borrows
 * everything. NULL with a log line.
 */
struct server *server_create(struct wl_event_loop *loop, int number, const char *xwayland,
	const struct server_listener *listener);
/* The same for the display whose SERVER_SOCKETS @fds (taken) are, as the service manager has it. */
struct server *server_adopt(struct wl_event_loop *loop, const int *fds, const char *xwayland,
	const struct server_listener *listener);
/* Ends Xwayland, removes the sockets, unless they were adopted. NULL is fine. */
void server_destroy(struct server *server);

/* ":0" */
const char *server_display(const struct server *server);

/* Starts Xwayland as the Wayland client on @wayland_fd (borrowed). 0 or -errno. */
int server_start(struct server *server, int wayland_fd);

/* Hangs up on the clients that wait. */
void server_refuse(struct server *server);

/* Ends Xwayland, if it runs; clients that come from now on are "wanted" again. */
void server_stop(struct server *server);

/* A child has ended: true if it was Xwayland. */
bool server_child_ended(struct server *server, pid_t pid, int status);

#endif
