/* Cross-domain commands that leave in one submission. Wayland bytes that follow each other share a
 * SEND, bytes of pipes become WRITEs, and any other command is added as it is. */
#ifndef GUEST_PROXY_CHANNEL_COMMAND_BATCH_H
#define GUEST_PROXY_CHANNEL_COMMAND_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A command's length has 16 bits, and commands start at multiples of 8. */
#define COMMAND_BATCH_MAX_COMMAND 65528u

struct command_batch {
	uint8_t *bytes;
	size_t size, capacity;
	size_t send; /* offset of the SEND that may still grow, or SIZE_MAX */
};

struct command_identifier {
	uint32_t id, type; /* CROSS_DOMAIN_ID_* */
	uint32_t size;
};

void command_batch_init(struct command_batch *batch);
void command_batch_finish(struct command_batch *batch);
/* Empties it; keeps a little memory. */
void command_batch_clear(struct command_batch *batch);

/*
 * Wayland bytes and the identifiers that belong to them, which are sent in front of these bytes or
 * together with their beginning. At most one READ_PIPE goes into each SEND (other hosts insist on
 * that). 0 or -ENOMEM.
 */
int command_batch_send(struct command_batch *batch, const uint8_t *bytes, size_t size,
	const struct command_identifier *identifiers, size_t n_identifiers);

/* Bytes for a write pipe, in as many WRITEs as it takes, @hang_up in the last. 0 or -ENOMEM. */
int command_batch_write(struct command_batch *batch, uint32_t pipe_id, const void *bytes,
	size_t size, bool hang_up);

/* Any other command, complete with header. 0 or -ENOMEM. */
int command_batch_add(struct command_batch *batch, const void *command, size_t size);

#endif
