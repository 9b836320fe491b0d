/* A client's relay between a test's client and a compositor that looks at the pixels. */
#include "tests/unit/surface_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/buffers/buffer.h"
#include "guest-proxy/globals/registry.h"
#include "guest-proxy/windows/icon.h"
#include "guest-proxy/windows/surface.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

static void wake(struct connection *connection)
{
	container_of(connection, struct surface_rig, connection)->woken++;
}

static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct surface_rig *rig = data;
	rig_deliver(
		to == RELAY_UP ? &rig->compositor : &rig->client, bytes, size, handles, n_handles);
	return 0;
}

static const struct relay_ops ops = {
	.send = handle_send, .allow_global = registry_allows, .defers = true};

static void client_receives(struct rig_peer *peer, const struct rig_message *message)
{
	struct surface_rig *rig = peer->data;
	if (strcmp(message->interface->wl->name, "wl_buffer") == 0)
		rig->releases++;
	if (strcmp(message->interface->wl->name, "wl_callback") == 0)
		rig->callbacks_done++;
	if (message->id == 1 && strcmp(message->name, "error") == 0) {
		rig->error_id = message->args[0].id;
		rig->error_code = message->args[1].u;
		snprintf(rig->error, sizeof(rig->error), "%s", message->args[2].s);
	}
}

static void drop_buffer(struct rig_buffer *buffer)
{
	channel_blob_unref(buffer->blob);
	free(buffer->snapshot);
	*buffer = (struct rig_buffer){0};
}

/* The bytes of the held ones must stay as they were: the compositor may be reading them. */
static void check_held(struct surface_rig *rig)
{
	unsigned held = 0;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		held += rig->buffers[i].held;
	if (held >= 16 || rig->may_reuse) /* then the oldest may be taken */
		return;
	for (uint32_t i = 0; i < RIG_OBJECTS; i++) {
		struct rig_buffer *buffer = &rig->buffers[i];
		/* What the client shares is its own to change. */
		assert(!buffer->held || buffer->blob->made ||
			memcmp(buffer->snapshot, buffer->blob->map, buffer->blob->size) == 0);
	}
}

static void pool_request(struct surface_rig *rig, const struct rig_message *message)
{
	struct channel_blob *blob = rig->pools[message->id];
	const union wire_arg *args = message->args;
	if (strcmp(message->name, "destroy") == 0) {
		channel_blob_unref(blob);
		rig->pools[message->id] = NULL;
		return;
	}
	assert(strcmp(message->name, "create_buffer") == 0 && blob);
	struct rig_buffer *buffer = &rig->buffers[args[0].id];
	assert(!buffer->alive);
	*buffer = (struct rig_buffer){
		.blob = channel_blob_ref(blob),
		.offset = args[1].i,
		.width = args[2].i,
		.height = args[3].i,
		.stride = args[4].i,
		.format = args[5].u,
		.alive = true,
	};
	assert(range_fits((uint64_t)buffer->offset,
		(uint64_t)buffer->stride * (uint64_t)buffer->height, blob->size));
	rig->buffers_made++;
}

static void commit(struct surface_rig *rig, uint32_t id)
{
	struct rig_surface *surface = &rig->surfaces[id];
	check_held(rig);
	surface->commits++;
	if (!surface->attach_pending)
		return;
	surface->attach_pending = false;
	surface->current = surface->attached;
	struct rig_buffer *buffer = surface->current ? &rig->buffers[surface->current] : NULL;
	if (buffer) {
		assert(buffer->alive);
		buffer->held = true;
		free(buffer->snapshot);
		buffer->snapshot = malloc(buffer->blob->size);
		memcpy(buffer->snapshot, buffer->blob->map, buffer->blob->size);
	}
	if (rig->committed)
		rig->committed(rig->committed_data, id, buffer);
}

static void compositor_receives(struct rig_peer *peer, const struct rig_message *message)
{
	struct surface_rig *rig = peer->data;
	const char *interface = message->interface->wl->name;
	bool destroy = strcmp(message->name, "destroy") == 0;

	if (strcmp(interface, "wl_shm") == 0) {
		assert(message->args[1].handle.kind == WIRE_BLOB);
		struct channel_blob *blob = message->args[1].handle.blob;
		assert((size_t)message->args[2].i == blob->size);
		rig->pools[message->args[0].id] = channel_blob_ref(blob);
	} else if (strcmp(interface, "wl_shm_pool") == 0) {
		pool_request(rig, message);
	} else if (strcmp(interface, "wl_buffer") == 0) {
		assert(destroy);
		drop_buffer(&rig->buffers[message->id]);
		rig->buffers_destroyed++;
	} else if (strcmp(interface, "wl_surface") == 0 && strcmp(message->name, "attach") == 0) {
		rig->surfaces[message->id].attached = message->args[0].id;
		rig->surfaces[message->id].attach_pending = true;
	} else if (strcmp(interface, "wl_surface") == 0 && strcmp(message->name, "commit") == 0) {
		commit(rig, message->id);
	} else if (strcmp(message->name, "get_release") == 0) {
		rig->surfaces[message->id].release_asked = message->args[0].id;
	}
	if (destroy)
		rig->deletes[rig->n_deletes++] = message->id;
}

static void send_deletes(struct surface_rig *rig)
{
	while (rig->n_deletes > 0 && !relay_failure(rig->connection.relay))
		rig_event(rig, 1, "delete_id", RIG_ARGS({.u = rig->deletes[--rig->n_deletes]}));
}

void rig_event(struct surface_rig *rig, uint32_t id, const char *name, const union wire_arg *args)
{
	int result = rig_push(rig->connection.relay, &rig->compositor, id, name, args);
	assert(result == 0);
}

/* Turns of the event loop until the relay need not hold a commit for the sake of the turns. */
static void finish_held(struct surface_rig *rig)
{
	while (rig->connection.held && !rig->connection.memory_due) {
		wl_event_loop_dispatch(rig->loop, 1000);
		if (!rig->connection.resume)
			continue;
		rig->connection.resume = false;
		rig->held++;
		relay_push(rig->connection.relay, RELAY_DOWN, NULL, 0, NULL, 0);
	}
}

void rig_request(struct surface_rig *rig, uint32_t id, const char *name, const union wire_arg *args)
{
	int result = rig_push(rig->connection.relay, &rig->client, id, name, args);
	assert(result == 0);
	finish_held(rig);
	send_deletes(rig);
}

void rig_bad_request(struct surface_rig *rig, uint32_t id, const char *name,
	const union wire_arg *args, uint32_t error_id, uint32_t code)
{
	int result = rig_push(rig->connection.relay, &rig->client, id, name, args);
	assert(result == -EPROTO);
	assert(rig->error_id == error_id && rig->error_code == code);
}

void surface_rig_init(struct surface_rig *rig)
{
	static const struct relay_hook *const tables[] = {
		buffer_hooks, swapchain_hooks, surface_hooks, icon_hooks, NULL};
	static const struct {
		const char *interface;
		uint32_t version;
	} globals[] = {{"wl_compositor", 7}, {"wl_shm", 1}, {"wp_viewporter", 1}};

	memset(rig, 0, sizeof(*rig));
	rig_peer_init(&rig->client, RELAY_DOWN, client_receives, rig);
	rig_peer_init(&rig->compositor, RELAY_UP, compositor_receives, rig);
	rig->hooks = relay_hooks_create(tables);
	rig->loop = wl_event_loop_create();
	turn_init(&rig->turn, rig->loop);
	connection_init(&rig->connection, &rig->turn);
	rig->connection.channel = channel_create(NULL, NULL, NULL);
	rig->connection.name = "test";
	rig->connection.wake = wake;
	rig->connection.relay = relay_create(rig->hooks, &ops, &rig->connection, "test", 0);

	rig->registry = rig_new_id(&rig->client);
	rig_request(rig, 1, "get_registry", RIG_ARGS({.id = rig->registry}));
	for (uint32_t i = 0; i < ARRAY_LENGTH(globals); i++)
		rig_event(rig, rig_up_id(rig, rig->registry), "global",
			RIG_ARGS({.u = i + 1}, {.s = globals[i].interface},
				{.u = globals[i].version}));
	rig->compositor_id =
		rig_bind(rig->connection.relay, &rig->client, rig->registry, 1, "wl_compositor", 7);
	rig->shm = rig_bind(rig->connection.relay, &rig->client, rig->registry, 2, "wl_shm", 1);
	rig->viewporter =
		rig_bind(rig->connection.relay, &rig->client, rig->registry, 3, "wp_viewporter", 1);
}

void surface_rig_finish(struct surface_rig *rig)
{
	rig->connection.ending = true;
	relay_destroy(rig->connection.relay);
	swapchain_finish_retired(&rig->connection);
	for (uint32_t i = 0; i < RIG_OBJECTS; i++) {
		if (rig->buffers[i].alive)
			drop_buffer(&rig->buffers[i]);
		channel_blob_unref(rig->pools[i]);
	}
	assert(rig->connection.n_pools == 0 && rig->connection.n_retired == 0);
	assert(wl_list_empty(&rig->connection.swapchains));
	wire_handles_finish(&rig->client.handles);
	wire_handles_finish(&rig->compositor.handles);
	channel_destroy(rig->connection.channel); /* asserts that no blob is left */
	relay_hooks_destroy(rig->hooks);
	connection_finish(&rig->connection);
	turn_finish(&rig->turn);
	wl_event_loop_destroy(rig->loop);
}

uint32_t rig_up_id(struct surface_rig *rig, uint32_t id)
{
	const struct relay_object *object = relay_object_at(rig->connection.relay, RELAY_DOWN, id);
	assert(object);
	return object->id[RELAY_UP];
}

struct rig_surface *rig_surface_of(struct surface_rig *rig, uint32_t id)
{
	return &rig->surfaces[rig_up_id(rig, id)];
}

uint32_t rig_create_surface(struct surface_rig *rig)
{
	uint32_t id = rig_new_id(&rig->client);
	rig_request(rig, rig->compositor_id, "create_surface", RIG_ARGS({.id = id}));
	return id;
}

uint32_t rig_create_pool(struct surface_rig *rig, int fd, int32_t size)
{
	uint32_t id = rig_new_id(&rig->client);
	rig_request(rig, rig->shm, "create_pool",
		RIG_ARGS({.id = id}, {.handle = wire_handle_fd(fd_dup(fd))}, {.i = size}));
	return id;
}

uint32_t rig_create_buffer(struct surface_rig *rig, uint32_t pool, int32_t offset, int32_t width,
	int32_t height, int32_t stride, uint32_t format)
{
	uint32_t id = rig_new_id(&rig->client);
	rig_request(rig, pool, "create_buffer",
		RIG_ARGS({.id = id}, {.i = offset}, {.i = width}, {.i = height}, {.i = stride},
			{.u = format}));
	return id;
}

void rig_release(struct surface_rig *rig, uint32_t buffer)
{
	check_held(rig);
	rig->buffers[buffer].held = false;
	rig_event(rig, buffer, "release", NULL);
	send_deletes(rig);
}
