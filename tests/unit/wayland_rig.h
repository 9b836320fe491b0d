/* A client and a compositor that speak bytes, for tests of what stands between them. */
#ifndef TESTS_WAYLAND_RIG_H
#define TESTS_WAYLAND_RIG_H

#include "protocol/relay/relay.h"

#define RIG_OBJECTS 2048
#define RIG_PENDING_BYTES 65536

struct rig_peer;

/* A message that reached @peer, decoded; its handles are the callback's to take. */
struct rig_message {
	uint32_t id;
	const struct interface *interface;
	const char *name;
	union wire_arg *args; /* 'o' and 'n' as ids */
};

/* One end: what its ids mean, and what it does when a message comes. */
struct rig_peer {
	enum relay_end end; /* RELAY_DOWN: a client, that receives events */
	const struct interface *objects[2][RIG_OBJECTS]; /* low ids, high ids */
	void (*receive)(struct rig_peer *peer, const struct rig_message *message);
	void *data;
	uint32_t next_id; /* free in this peer's range, as are free_ids */
	uint32_t free_ids[RIG_OBJECTS], n_free_ids;
	struct wire_handles handles;
	uint8_t pending[RIG_PENDING_BYTES];
	size_t pending_bytes;
};

void rig_peer_init(struct rig_peer *peer, enum relay_end end,
	void (*receive)(struct rig_peer *, const struct rig_message *), void *data);

const struct interface *rig_interface(const struct rig_peer *peer, uint32_t id);

/* Bytes of whole or cut messages that came for @peer; takes the handles. */
void rig_deliver(struct rig_peer *peer, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/*
 * A message of @peer about its object @id: into @out (64 KiB). New objects get the ids @args say,
 * of @bound's interface where the signature leaves it open. Returns its size.
 */
size_t rig_encode(struct rig_peer *peer, uint32_t id, const char *name, const union wire_arg *args,
	const struct interface *bound, uint8_t *out);

/*
 * rig_encode, then relay_push with the handles in @args. What relay_push returned.
 */
int rig_push(struct relay *relay, struct rig_peer *peer, uint32_t id, const char *name,
	const union wire_arg *args);

/* wl_registry.bind of a global: the new object's id. */
uint32_t rig_bind(struct relay *relay, struct rig_peer *client, uint32_t registry, uint32_t global,
	const char *interface, uint32_t version);

/* A new id in the peer's range. */
uint32_t rig_new_id(struct rig_peer *peer);

#define RIG_ARGS(...) ((union wire_arg[WIRE_MAX_ARGS]){__VA_ARGS__})

#endif
