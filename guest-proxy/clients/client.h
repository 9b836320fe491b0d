/* One Wayland client: a relay, a channel to the host, and the bytes between them. */
#ifndef GUEST_PROXY_CLIENTS_CLIENT_H
#define GUEST_PROXY_CLIENTS_CLIENT_H

#include "guest-proxy/connection/clock.h"
#include "guest-proxy/connection/counters.h"
#include "protocol/base/log.h"

struct client;

/* What all clients share; whoever makes them owns it. */
struct client_shared {
	struct wl_event_loop *loop; /* borrowed, as is the gpu */
	struct gpu *gpu;
	struct relay_hooks *hooks;
	struct host_clocks clocks;
	struct wl_list list; /* of clients, see client_at */
	unsigned count;
	struct counters past; /* of clients that are gone */
};

/*
 * Serves the client behind @fd until it ends by itself; it is in the list until then. Takes @fd,
 * unless it returns NULL: no memory, or the host gives no channel. @number: for log lines.
 */
struct client *client_create(struct client_shared *shared, int fd, uint64_t number);
/* Ends it at once. */
void client_destroy(struct client *client);

/* The client at @link of client_shared::list. */
struct client *client_at(struct wl_list *link);
/* It has hung up, and the host has still to get bytes from it. */
bool client_lingers(const struct client *client);
const struct connection *client_connection(const struct client *client);

#endif
