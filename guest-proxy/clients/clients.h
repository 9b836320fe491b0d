/* The guest's Wayland clients. */
#ifndef GUEST_PROXY_CLIENTS_CLIENTS_H
#define GUEST_PROXY_CLIENTS_CLIENTS_H

#include <stdio.h>

#include "guest-proxy/gpu/gpu.h"

struct clients;
struct relay_hook;

/* What is special about the messages of a client: tables for relay_hooks_create. */
extern const struct relay_hook *const client_hooks[];

/* Borrows @loop and @gpu. NULL when memory is short. */
struct clients *clients_create(struct wl_event_loop *loop, struct gpu *gpu);
/* Ends all of them, at once. NULL is fine. */
void clients_destroy(struct clients *clients);

/* Serves a client that connected as @fd (taken). If that cannot be, it gets an error and is closed.
 */
void clients_add(struct clients *clients, int fd);

/* Those that hung up while the host has still to get bytes from them. */
unsigned clients_lingering(const struct clients *clients);

/* How far any of them has come, ever. */
enum clients_progress {
	CLIENTS_NONE,
	CLIENTS_CONNECTED,
	CLIENTS_DRAWN, /* something to be shown has gone to the host */
};
enum clients_progress clients_progress(const struct clients *clients);

/* Lines "name value" for those that are and those that were. */
void clients_print_counters(const struct clients *clients, FILE *file);

#endif
