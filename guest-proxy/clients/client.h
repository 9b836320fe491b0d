/* The guest's Wayland clients: one relay and one channel to the host for each. */
#ifndef GUEST_PROXY_CLIENTS_CLIENT_H
#define GUEST_PROXY_CLIENTS_CLIENT_H

#include <stdio.h>

#include "guest-proxy/channel/channel.h"

struct clients;

/* Borrows @loop and @gpu. NULL when memory is short. */
struct clients *clients_create(struct wl_event_loop *loop, struct gpu *gpu);
/* Ends all of them, at once. NULL is fine. */
void clients_destroy(struct clients *clients);

/*
 * Serves a client that connected as @fd (taken). If that cannot be it gets an error and is closed.

 */
void clients_add(struct clients *clients, int fd);

/* Connected, or not quite ended. */
unsigned clients_count(const struct clients *clients);
/* Those that hung up but have bytes in pipes that the host is still to get. */
unsigned clients_lingering(const struct clients *clients);

/* Lines "name value" for those that are and those that were. */
void clients_print_counters(const struct clients *clients, FILE *file);

/*
 * Sends wl_display.error to a client that is not (or no longer) served; best effort. Borrows @fd.

 */
void client_refuse(int fd, const char *text);

#endif
