/* Wayland messages by name, for tests: encoding, and taking apart what was captured. */
#ifndef TESTS_UNIT_WAYLAND_MESSAGES_H
#define TESTS_UNIT_WAYLAND_MESSAGES_H

#include <assert.h>
#include <dirent.h>
#include <string.h>

#include "protocol/interfaces/interfaces.h"
#include "protocol/relay/relay.h"
#include "protocol/streams/shared_write.h"
#include "protocol/wire/wire.h"

#define ARGS(...) ((const union wire_arg[WIRE_MAX_ARGS]){__VA_ARGS__})

static inline const struct wl_message *find_message(
	const char *interface, enum relay_end from, const char *message)
{
	const struct interface *found = interface_find(interface);
	assert(found);
	uint16_t opcode = relay_opcode(found, from, message);
	return from == RELAY_DOWN ? &found->wl->methods[opcode] : &found->wl->events[opcode];
}

/* One message from @from (RELAY_DOWN: a request) into @out; its size. Handles travel beside it. */
static inline size_t encode_message(enum relay_end from, const char *interface, const char *message,
	uint32_t id, const union wire_arg *args, uint8_t *out, size_t capacity)
{
	struct wire_signature signature;
	wire_signature_parse(find_message(interface, from, message)->signature, &signature);
	ssize_t size = wire_encode(&signature, id,
		relay_opcode(interface_find(interface), from, message), args, out, capacity);
	assert(size > 0);
	return (size_t)size;
}

struct captured {
	uint8_t bytes[1 << 20];
	size_t size;
	struct wire_handles handles;
};

static inline void captured_add(struct captured *captured, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	assert(size <= sizeof(captured->bytes) - captured->size);
	memcpy(captured->bytes + captured->size, bytes, size);
	captured->size += size;
	for (size_t i = 0; i < n_handles; i++)
		assert(wire_handles_push(&captured->handles, handles[i]) == 0);
}

static inline void captured_clear(struct captured *captured)
{
	captured->size = 0;
	wire_handles_finish(&captured->handles);
}

/*
 * Takes the first message out of @captured, which must be @message about object @id (0: any).
 * Strings in @args stay good until the next call; handles are the caller's. Returns the object's
 * id.
 */
static inline uint32_t captured_take(struct captured *captured, enum relay_end from,
	const char *interface, const char *message, uint32_t id, union wire_arg args[WIRE_MAX_ARGS])
{
	static uint8_t body[WIRE_MAX_MESSAGE_BYTES];
	struct wire_header header;
	struct wire_signature signature;
	const char *why = NULL;

	assert_true(captured->size >= WIRE_HEADER_BYTES);
	assert_int_equal(wire_header_decode(captured->bytes, &header), 0);
	assert_true(captured->size >= header.size);
	if (id)
		assert_int_equal(header.id, id);
	assert_int_equal(header.opcode, relay_opcode(interface_find(interface), from, message));
	memcpy(body, captured->bytes + WIRE_HEADER_BYTES, header.size - WIRE_HEADER_BYTES);
	wire_signature_parse(find_message(interface, from, message)->signature, &signature);
	assert_int_equal(wire_decode(&signature, body, header.size - WIRE_HEADER_BYTES,
				 &captured->handles, args, &why),
		0);
	captured->size -= header.size;
	memmove(captured->bytes, captured->bytes + header.size, captured->size);
	return header.id;
}

static inline size_t count_fds(void)
{
	size_t n = 0;
	shared_write_prepare(); /* its fds stay */
	DIR *directory = opendir("/proc/self/fd");
	assert(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

#endif
