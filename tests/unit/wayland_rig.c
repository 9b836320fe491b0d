/* A client and a compositor that speak bytes. */
#include "tests/unit/wayland_rig.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

static const struct interface **slot(const struct rig_peer *peer, uint32_t id)
{
	uint32_t index = id & 0xffffff;
	assert(index < RIG_OBJECTS);
	return (const struct interface **)&peer->objects[id >= WIRE_SERVER_ID_START][index];
}

void rig_peer_init(struct rig_peer *peer, enum relay_end end,
	void (*receive)(struct rig_peer *, const struct rig_message *), void *data)
{
	memset(peer, 0, sizeof(*peer));
	peer->end = end;
	peer->receive = receive;
	peer->data = data;
	peer->next_id = end == RELAY_DOWN ? 2 : WIRE_SERVER_ID_START;
	*slot(peer, 1) = interface_find("wl_display");
}

const struct interface *rig_interface(const struct rig_peer *peer, uint32_t id)
{
	return *slot(peer, id);
}

/* The message with number @opcode, which @end sends. */
static const struct wl_message *describe(
	const struct interface *interface, enum relay_end end, uint32_t opcode)
{
	assert(interface);
	int n = end == RELAY_DOWN ? interface->wl->method_count : interface->wl->event_count;
	assert(opcode < (uint32_t)n);
	return end == RELAY_DOWN ? &interface->wl->methods[opcode] : &interface->wl->events[opcode];
}

static void note_new_objects(struct rig_peer *peer, const struct wl_message *message,
	const struct wire_signature *signature, const union wire_arg *args,
	const struct interface *bound)
{
	for (int i = 0; i < signature->n_args; i++) {
		if (signature->args[i].type != 'n')
			continue;
		const struct interface *interface = interface_of(message->types[i]);
		if (!interface)
			interface = bound ? bound
					  : interface_find(args[i - 2].s); /* wl_registry.bind */
		*slot(peer, args[i].id) = interface;
	}
}

static void deliver_message(
	struct rig_peer *peer, const struct wire_header *header, const uint8_t *bytes)
{
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why = NULL;
	const struct interface *interface = rig_interface(peer, header->id);
	const struct wl_message *message = describe(
		interface, peer->end == RELAY_DOWN ? RELAY_UP : RELAY_DOWN, header->opcode);

	wire_signature_parse(message->signature, &signature);
	int result = wire_decode(&signature, bytes + WIRE_HEADER_BYTES,
		header->size - WIRE_HEADER_BYTES, &peer->handles, args, &why);
	assert(result == 0);
	note_new_objects(peer, message, &signature, args, NULL);
	if (header->id == 1 && peer->end == RELAY_DOWN && strcmp(message->name, "delete_id") == 0) {
		*slot(peer, args[0].u) = NULL;
		peer->free_ids[peer->n_free_ids++] = args[0].u;
	}
	if (peer->receive)
		peer->receive(
			peer, &(struct rig_message){header->id, interface, message->name, args});
	for (int i = 0; i < signature.n_args; i++) {
		if (signature.args[i].type == 'h')
			wire_handle_finish(&args[i].handle);
	}
}

void rig_deliver(struct rig_peer *peer, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	for (size_t i = 0; i < n_handles; i++) {
		int result = wire_handles_push(&peer->handles, handles[i]);
		assert(result == 0);
		handles[i] = (struct wire_handle){.fd = -1};
	}
	assert(size <= sizeof(peer->pending) - peer->pending_bytes);
	memcpy(peer->pending + peer->pending_bytes, bytes, size);
	peer->pending_bytes += size;

	struct wire_header header;
	size_t done = 0;
	while (peer->pending_bytes - done >= WIRE_HEADER_BYTES) {
		int result = wire_header_decode(peer->pending + done, &header);
		assert(result == 0);
		if (header.size > peer->pending_bytes - done)
			break;
		deliver_message(peer, &header, peer->pending + done);
		done += header.size;
	}
	memmove(peer->pending, peer->pending + done, peer->pending_bytes - done);
	peer->pending_bytes -= done;
}

size_t rig_encode(struct rig_peer *peer, uint32_t id, const char *name, const union wire_arg *args,
	const struct interface *bound, uint8_t *out)
{
	struct wire_signature signature;
	static const union wire_arg no_args[WIRE_MAX_ARGS];
	const struct interface *interface = rig_interface(peer, id);
	assert(interface);
	uint16_t opcode = relay_opcode(interface, peer->end, name);
	const struct wl_message *message = describe(interface, peer->end, opcode);

	args = args ? args : no_args;
	wire_signature_parse(message->signature, &signature);
	ssize_t size = wire_encode(&signature, id, opcode, args, out, RIG_PENDING_BYTES);
	assert(size > 0);
	note_new_objects(peer, message, &signature, args, bound);
	return (size_t)size;
}

int rig_push(struct relay *relay, struct rig_peer *peer, uint32_t id, const char *name,
	const union wire_arg *args)
{
	uint8_t bytes[RIG_PENDING_BYTES];
	struct wire_signature signature;
	struct wire_handle handles[WIRE_MAX_ARGS];
	size_t n_handles = 0;
	size_t size = rig_encode(peer, id, name, args, NULL, bytes);
	const struct interface *interface = rig_interface(peer, id);

	wire_signature_parse(
		describe(interface, peer->end, relay_opcode(interface, peer->end, name))->signature,
		&signature);
	for (int i = 0; i < signature.n_args; i++) {
		if (signature.args[i].type == 'h')
			handles[n_handles++] = args[i].handle;
	}
	return relay_push(relay, peer->end, bytes, size, handles, n_handles);
}

uint32_t rig_new_id(struct rig_peer *peer)
{
	return peer->n_free_ids > 0 ? peer->free_ids[--peer->n_free_ids] : peer->next_id++;
}

uint32_t rig_bind(struct relay *relay, struct rig_peer *client, uint32_t registry, uint32_t global,
	const char *interface, uint32_t version)
{
	uint32_t id = rig_new_id(client);
	int result = rig_push(relay, client, registry, "bind",
		RIG_ARGS({.u = global}, {.s = interface}, {.u = version}, {.id = id}));
	assert(result == 0);
	return id;
}
