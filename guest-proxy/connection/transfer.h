/*
 * Pipes of a client: what it pastes (read pipes: the host's bytes into an fd of the client's) and
 * what it copies out (write pipes: the client writes, the host gets it), any amount in any chunks.
 */
#ifndef GUEST_PROXY_CONNECTION_TRANSFER_H
#define GUEST_PROXY_CONNECTION_TRANSFER_H

#include "guest-proxy/connection/connection.h"

struct transfers;

/* NULL when memory is short. Borrows @connection. */
struct transfers *transfers_create(struct connection *connection);
/* Closes all pipes. NULL is fine. */
void transfers_destroy(struct transfers *transfers);

/* A pipe to the host's write pipe @id: its writing end, for the client; the caller's. -errno. */
int transfers_open_write_pipe(struct transfers *transfers, uint32_t id);

/* channel_listener's pipe_data. */
void transfers_pipe_data(
	struct transfers *transfers, uint32_t id, const void *bytes, size_t size, bool hang_up);

/* While off nothing is read from clients' pipes: the channel is full. */
void transfers_set_reading(struct transfers *transfers, bool reading);

/* Bytes held for fds of the client that do not take them. */
size_t transfers_queued_bytes(const struct transfers *transfers);
/* Pipes open now. */
uint32_t transfers_count(const struct transfers *transfers);
/* Whether bytes wait now, in a client's pipe or for an fd of the client. */
bool transfers_busy(const struct transfers *transfers);
/* Grows with every byte moved: whether something still goes on. */
uint64_t transfers_moved_bytes(const struct transfers *transfers);

extern const struct relay_hook transfer_hooks[];

#endif
