/* Cross-domain commands on their way into one submission. */
#include "guest-proxy/channel/command_batch.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/formats/cross_domain.h"

#define KEPT_BYTES 16384
#define SEND_BYTES sizeof(struct cross_domain_send_receive)

void command_batch_init(struct command_batch *batch)
{
	*batch = (struct command_batch){.send = SIZE_MAX};
}

void command_batch_finish(struct command_batch *batch)
{
	free(batch->bytes);
	command_batch_init(batch);
}

void command_batch_clear(struct command_batch *batch)
{
	if (batch->capacity > KEPT_BYTES)
		command_batch_finish(batch);
	batch->size = 0;
	batch->send = SIZE_MAX;
}

/* Room for @size bytes more at the end. */
static int reserve(struct command_batch *batch, size_t size)
{
	size_t needed = batch->size + size, capacity = batch->capacity ? batch->capacity : 1024;
	if (needed <= batch->capacity)
		return 0;
	while (capacity < needed)
		capacity *= 2;
	uint8_t *bytes = realloc(batch->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	batch->bytes = bytes;
	batch->capacity = capacity;
	return 0;
}

static void append(struct command_batch *batch, const void *bytes, size_t size)
{
	if (size > 0)
		memcpy(batch->bytes + batch->size, bytes, size);
	batch->size += size;
}

/* Ends the last command: the padding up to the next one belongs to it. */
static void pad(struct command_batch *batch, size_t command)
{
	static const uint8_t zeroes[8];
	append(batch, zeroes, align_up(batch->size, 8) - batch->size);
	struct cross_domain_header header;
	memcpy(&header, batch->bytes + command, sizeof(header));
	header.cmd_size = (uint16_t)(batch->size - command);
	memcpy(batch->bytes + command, &header, sizeof(header));
}

int command_batch_add(struct command_batch *batch, const void *command, size_t size)
{
	int error = reserve(batch, size + 8);
	if (error < 0)
		return error;
	size_t at = batch->size;
	append(batch, command, size);
	pad(batch, at);
	batch->send = SIZE_MAX;
	return 0;
}

int command_batch_write(
	struct command_batch *batch, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	do {
		struct cross_domain_read_write command = {
			.hdr.cmd = CROSS_DOMAIN_CMD_WRITE,
			.identifier = pipe_id,
		};
		size_t n = min_u64(size, COMMAND_BATCH_MAX_COMMAND - sizeof(command));
		int error = reserve(batch, sizeof(command) + n + 8);
		if (error < 0)
			return error;
		command.hang_up = hang_up && n == size;
		command.opaque_data_size = (uint32_t)n;
		size_t at = batch->size;
		append(batch, &command, sizeof(command));
		append(batch, bytes, n);
		pad(batch, at);
		bytes = (const uint8_t *)bytes + n;
		size -= n;
	} while (size > 0);
	batch->send = SIZE_MAX;
	return 0;
}

static struct cross_domain_send_receive *open_send(struct command_batch *batch)
{
	/* Commands start at multiples of 8 in memory from malloc. */
	return (void *)(batch->bytes + batch->send);
}

static int begin_send(struct command_batch *batch)
{
	int error = reserve(batch, SEND_BYTES);
	if (error < 0)
		return error;
	batch->send = batch->size;
	memset(batch->bytes + batch->size, 0, SEND_BYTES);
	batch->size += SEND_BYTES;
	open_send(batch)->hdr.cmd = CROSS_DOMAIN_CMD_SEND;
	open_send(batch)->hdr.cmd_size = SEND_BYTES;
	return 0;
}

/* Bytes that the open SEND can still take. */
static size_t send_room(struct command_batch *batch)
{
	return COMMAND_BATCH_MAX_COMMAND - SEND_BYTES - open_send(batch)->opaque_data_size;
}

/* Adds to the data of the open SEND, which is the last command; its padding is moved behind them.
 */
static int extend_send(struct command_batch *batch, const uint8_t *bytes, size_t size)
{
	int error = reserve(batch, size + 8);
	if (error < 0)
		return error;
	batch->size = batch->send + SEND_BYTES + open_send(batch)->opaque_data_size;
	open_send(batch)->opaque_data_size += (uint32_t)size;
	append(batch, bytes, size);
	pad(batch, batch->send);
	return 0;
}

static bool has_read_pipe(const struct cross_domain_send_receive *send)
{
	for (uint32_t i = 0; i < send->num_identifiers; i++) {
		if (send->types[i] == CROSS_DOMAIN_ID_READ_PIPE)
			return true;
	}
	return false;
}

static bool takes(
	const struct cross_domain_send_receive *send, const struct command_identifier *identifier)
{
	return send->num_identifiers < CROSS_DOMAIN_MAX_IDENTIFIERS &&
		(identifier->type != CROSS_DOMAIN_ID_READ_PIPE || !has_read_pipe(send));
}

int command_batch_send(struct command_batch *batch, const uint8_t *bytes, size_t size,
	const struct command_identifier *identifiers, size_t n_identifiers)
{
	int error = 0;
	if (batch->send == SIZE_MAX || send_room(batch) == 0)
		error = begin_send(batch);
	for (size_t i = 0; i < n_identifiers && error == 0; i++) {
		if (!takes(open_send(batch), &identifiers[i])) {
			/* A SEND without a byte would lose its fds on a stream socket. */
			if (open_send(batch)->opaque_data_size == 0 && size > 1) {
				error = extend_send(batch, bytes, 1);
				bytes++;
				size--;
			}
			if (error == 0)
				error = begin_send(batch);
			if (error < 0)
				break;
		}
		struct cross_domain_send_receive *send = open_send(batch);
		uint32_t at = send->num_identifiers++;
		send->identifiers[at] = identifiers[i].id;
		send->types[at] = identifiers[i].type;
		send->sizes[at] = identifiers[i].size;
	}
	while (error == 0 && size > 0) {
		if (send_room(batch) == 0 && (error = begin_send(batch)) < 0)
			break;
		size_t n = min_u64(size, send_room(batch));
		error = extend_send(batch, bytes, n);
		bytes += n;
		size -= n;
	}
	return error;
}
