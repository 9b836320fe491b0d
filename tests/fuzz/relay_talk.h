/*
 * Both ends of a relay as they please, for fuzzers. The input is a row of segments. The first byte
 * of each says which end speaks (bit 7: the compositor) and whether a handle comes along (bit 6);
 * the rest of it is the length of the segment in words, which follow and are pushed as they are.
 *
 * A length of 63 is a whole message instead, whose form is good whatever the input says: a byte
 * for the object, one for the opcode, and one for each argument, from which small numbers, known
 * strings, ids of objects and ids that are free are made. So the fuzzer soon gets to what messages
 * do to each other: events for objects in every state, delete_id that nobody expects, globals that
 * come twice and go.
 */
#ifndef TESTS_FUZZ_RELAY_TALK_H
#define TESTS_FUZZ_RELAY_TALK_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/relay/relay.h"

#define RELAY_TALK_MESSAGE 63

struct relay_talk {
	struct relay *relay;
	struct wire_handle (*new_handle)(enum relay_end from);
	const uint8_t *data; /* what is left of the input */
	size_t size;
};

static inline uint8_t relay_talk_byte(struct relay_talk *talk)
{
	if (talk->size == 0)
		return 0;
	talk->size--;
	return *talk->data++;
}

static inline uint32_t relay_talk_number(uint8_t byte)
{
	static const uint32_t numbers[] = {UINT32_MAX, UINT32_C(1) << 31, INT32_MAX, 4096, 65536,
		0x34325258, 0x34325241, UINT32_C(0xffff0001), UINT32_C(0xffff0002),
		UINT32_C(0xffff0003), UINT32_C(0xffff0004)};
	return byte < 240 ? byte : numbers[(byte - 240u) % ARRAY_LENGTH(numbers)];
}

static inline const char *relay_talk_string(uint8_t byte)
{
	static const char *const strings[] = {"wl_compositor", "wl_shm", "wl_seat",
		"wl_data_device_manager", "xdg_wm_base", "wl_output", "wp_presentation",
		"zwp_linux_dmabuf_v1", "zwp_tablet_manager_v2", "wl_subcompositor", "wl_drm",
		"wp_viewporter", "wp_commit_timing_manager_v1", "text/plain", "", "unknown_v1",
		"wp_linux_drm_syncobj_manager_v1", "zwp_linux_explicit_synchronization_v1"};
	return strings[byte % ARRAY_LENGTH(strings)];
}

/* Low ids, or from 224 on high ones. */
static inline uint32_t relay_talk_id(uint8_t byte)
{
	return byte < 224 ? byte : WIRE_SERVER_ID_START + byte - 224;
}

static inline uint32_t relay_talk_free_id(struct relay *relay, enum relay_end from)
{
	uint32_t id = from == RELAY_DOWN ? 2 : WIRE_SERVER_ID_START;
	while (relay_object_at(relay, from, id))
		id++;
	return id;
}

/* A message about one of the objects; nothing if there is none of that id. */
static inline void relay_talk_message(struct relay_talk *talk, enum relay_end from)
{
	struct relay_object *object =
		relay_object_at(talk->relay, from, relay_talk_id(relay_talk_byte(talk)));
	uint8_t opcode = relay_talk_byte(talk);
	if (!object)
		return;
	const struct wl_interface *wl = object->interface->wl;
	int count = from == RELAY_DOWN ? wl->method_count : wl->event_count;
	if (count == 0)
		return;
	opcode = (uint8_t)(opcode % count);
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS] = {0};
	struct wire_handle handles[WIRE_MAX_ARGS];
	size_t n_handles = 0;
	wire_signature_parse(
		(from == RELAY_DOWN ? wl->methods : wl->events)[opcode].signature, &signature);
	for (size_t i = 0; i < signature.n_args; i++) {
		uint8_t byte = relay_talk_byte(talk);
		switch (signature.args[i].type) {
		case 's':
			args[i].s = relay_talk_string(byte);
			break;
		case 'o':
			args[i].id = relay_talk_id(byte);
			break;
		case 'n':
			args[i].id = byte == 255 ? 1 : relay_talk_free_id(talk->relay, from);
			break;
		case 'a':
			args[i].array.data = "\0\0\0\0\1\0\0\0";
			args[i].array.size = byte % 9;
			break;
		case 'h':
			handles[n_handles++] = talk->new_handle(from);
			break;
		default:
			args[i].u = relay_talk_number(byte);
		}
	}
	uint8_t bytes[512];
	ssize_t size =
		wire_encode(&signature, object->id[from], opcode, args, bytes, sizeof(bytes));
	assert(size > 0);
	relay_push(talk->relay, from, bytes, (size_t)size, handles, n_handles);
}

static inline void relay_talk(struct relay *relay, const uint8_t *data, size_t size,
	struct wire_handle (*new_handle)(enum relay_end from))
{
	struct relay_talk talk = {relay, new_handle, data, size};
	while (talk.size > 0 && !relay_failure(relay)) {
		uint8_t first = relay_talk_byte(&talk);
		enum relay_end from = first & 0x80 ? RELAY_UP : RELAY_DOWN;
		if ((first & 0x3f) == RELAY_TALK_MESSAGE) {
			relay_talk_message(&talk, from);
			continue;
		}
		size_t n = min_u64((first & 0x3f) * UINT64_C(4), talk.size);
		struct wire_handle handle;
		size_t n_handles = first >> 6 & 1;
		if (n_handles > 0)
			handle = new_handle(from);
		/* An exact copy on the heap, so that ASan sees a read past the end. */
		uint8_t *copy = malloc(n > 0 ? n : 1);
		assert(copy);
		memcpy(copy, talk.data, n);
		int result = relay_push(relay, from, copy, n, &handle, n_handles);
		assert((result < 0) == (relay_failure(relay) != NULL));
		free(copy);
		talk.data += n;
		talk.size -= n;
	}
}

#endif
