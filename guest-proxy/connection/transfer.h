/*
 * Pipes of a client: read pipes, whose bytes come from the host and go into an fd of the client (it
 * pastes), and write pipes, whose bytes come from the client and go to the host (it has copied).
 */
#ifndef GUEST_PROXY_CONNECTION_TRANSFER_H
#define GUEST_PROXY_CONNECTION_TRANSFER_H

#include "guest-proxy/connection/connection.h"

struct transfers;

/* NULL when memory is short. Borrows @connection. */
struct transfers *transfers_create(struct connection *connection);
/* Closes all pipes. NULL is fine. */
void transfers_destroy(struct transfers *transfers);

/* The writing end, the caller's, of a new pipe whose bytes go to the host's write pipe @id. -errno.
 */
int transfers_open_write_pipe(struct transfers *transfers, uint32_t id);

/* channel_listener's pipe_data. */
void transfers_pipe_data(
	struct transfers *transfers, uint32_t id, const void *bytes, size_t size, bool hang_up);

/* False while the channel is full: nothing is read from the client's pipes. */
void transfers_set_reading(struct transfers *transfers, bool reading);

/* Bytes held for fds of the client that do not take them. */
size_t transfers_queued_bytes(const struct transfers *transfers);
/* Pipes open now. */
uint32_t transfers_count(const struct transfers *transfers);
/* Whether bytes wait now, in a client's pipe or for an fd of the client. */
bool transfers_busy(const struct transfers *transfers);
/* How many bytes were moved so far. */
uint64_t transfers_moved_bytes(const struct transfers *transfers);

extern const struct relay_hook transfer_hooks[];

#endif
