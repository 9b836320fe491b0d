/* The socket that guest applications connect to. */
#ifndef GUEST_PROXY_CLIENTS_LISTENER_H
#define GUEST_PROXY_CLIENTS_LISTENER_H

#include <wayland-server-core.h>

#include "guest-proxy/clients/client.h"

struct listener;

/*
 * Listens and gives what connects to @clients (borrowed, as is @loop). @passed_fd: a listening
 * socket from systemd (taken, also on error), or -1: then @name, a socket's name in
 * $XDG_RUNTIME_DIR or an absolute path; NULL: the first free one of wayland-0, wayland-1, ... NULL
 * with a log line.
 */
struct listener *listener_create(
	struct wl_event_loop *loop, struct clients *clients, const char *name, int passed_fd);
/* Closes and removes the socket. NULL is fine. */
void listener_destroy(struct listener *listener);

/*
 * Answers whoever waits at the listening socket @fd (borrowed) with a wl_display.error that says
 * @why, and hangs up: nobody will serve them. With a socket of systemd's they would wait for ever,
 * or have it start us again and again.
 */
void listener_refuse(int fd, const char *why);

/* For WAYLAND_DISPLAY: the name, or the path if it is not in $XDG_RUNTIME_DIR. */
const char *listener_display(const struct listener *listener);

#endif
