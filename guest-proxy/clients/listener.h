/* The socket that guest applications connect to. */
#ifndef GUEST_PROXY_CLIENTS_LISTENER_H
#define GUEST_PROXY_CLIENTS_LISTENER_H

#include <wayland-server-core.h>

#include "guest-proxy/clients/clients.h"

struct listener;

/*
 * Listens and gives what connects to @clients (borrowed, as is @loop). @passed_fd: a listening
 * socket from systemd (taken, also on error), or -1: then @name and @beside_others as
 * display_socket_bind has them. NULL with a log line.
 */
struct listener *listener_create(struct wl_event_loop *loop, struct clients *clients,
	const char *name, bool beside_others, int passed_fd);
/* Closes and removes the socket. NULL is fine. */
void listener_destroy(struct listener *listener);

/* For WAYLAND_DISPLAY. */
const char *listener_display(const struct listener *listener);

#endif
