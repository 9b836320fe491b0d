/* A relay under the policy's hooks, between two ends that keep what they get. For tests. */
#ifndef TESTS_UNIT_POLICY_WORLD_H
#define TESTS_UNIT_POLICY_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "host-bridge/resources/resources.h"
#include "host-bridge/policy/policy.h"
#include "tests/unit/wayland_messages.h"

#define REGISTRY 2
#define FIRST_ID 3

static struct world {
	struct policy_connection connection; /* first: relay_data() */
	struct policy policy;
	struct vm_quota quota;
	struct relay *relay;
	struct captured sent[2];
	uint32_t next_id, next_name;
	size_t fds_before;
	int refs;
} world;

static union wire_arg args[WIRE_MAX_ARGS];

static inline int capture(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	captured_add(&world.sent[to], bytes, size, handles, n_handles);
	return 0;
}

static inline bool allow(void *data, const struct interface *interface, uint32_t *version)
{
	return policy_allow_global(&world.policy, interface, version);
}

static const struct relay_ops ops = {.send = capture, .allow_global = allow};

/* Pushes one message; what relay_push says. */
static inline int push(enum relay_end from, const char *interface, const char *message, uint32_t id,
	const union wire_arg *message_args, struct wire_handle handle)
{
	uint8_t bytes[8192];
	size_t size =
		encode_message(from, interface, message, id, message_args, bytes, sizeof(bytes));

	return relay_push(
		world.relay, from, bytes, size, &handle, handle.kind != WIRE_NONE ? 1 : 0);
}

static const struct wire_handle no_handle = {.kind = WIRE_NONE, .fd = -1};

static inline void request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	assert_int_equal(push(RELAY_DOWN, interface, message, id, message_args, no_handle), 0);
}

static inline void event(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	assert_int_equal(push(RELAY_UP, interface, message, id, message_args, no_handle), 0);
}

/* The compositor's id of the object that the request at the front of what was sent UP makes. */
static inline uint32_t take_up(const char *interface, const char *message)
{
	return captured_take(&world.sent[RELAY_UP], RELAY_DOWN, interface, message, 0, args);
}

/* The compositor's id of what is the client's @id. */
static inline uint32_t up_id(uint32_t id)
{
	return relay_object_at(world.relay, RELAY_DOWN, id)->id[RELAY_UP];
}

struct pair { /* of ids */
	uint32_t down, up;
};

/* Announces a global and binds it. */
static inline struct pair bind_global(const char *interface)
{
	const struct interface *described = interface_find(interface);
	uint32_t version = (uint32_t)described->wl->version, name = world.next_name++;
	struct pair pair = {.down = world.next_id++};
	struct captured *up = &world.sent[RELAY_UP];

	policy_allow_global(&world.policy, described, &version); /* newer tables have more */
	event("wl_registry", "global", REGISTRY,
		ARGS({.u = name}, {.s = interface}, {.u = version}));
	captured_clear(&world.sent[RELAY_DOWN]);
	request("wl_registry", "bind", REGISTRY,
		ARGS({.u = name}, {.s = interface}, {.u = version}, {.id = pair.down}));
	captured_take(up, RELAY_DOWN, "wl_registry", "bind", 0, args);
	pair.up = args[3].id;
	return pair;
}

/* The user presses a button, an event with @serial, in a window of the client's. */
static inline void user_presses(uint32_t serial)
{
	captured_clear(&world.sent[RELAY_UP]);
	struct pair compositor = bind_global("wl_compositor"), seat = bind_global("wl_seat");
	struct pair surface = {.down = world.next_id++}, pointer = {.down = world.next_id++};

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface.down}));
	surface.up = (take_up("wl_compositor", "create_surface"), args[0].id);
	request("wl_seat", "get_pointer", seat.down, ARGS({.id = pointer.down}));
	pointer.up = (take_up("wl_seat", "get_pointer"), args[0].id);
	event("wl_pointer", "enter", pointer.up,
		ARGS({.u = serial - 1}, {.id = surface.up}, {.f = 0}, {.f = 0}));
	event("wl_pointer", "button", pointer.up,
		ARGS({.u = serial}, {.u = 0}, {.u = 272}, {.u = 1}));
	captured_clear(&world.sent[RELAY_DOWN]);
}

static inline int start(struct policy settings)
{
	world = (struct world){.next_id = FIRST_ID, .next_name = 1, .fds_before = count_fds()};
	world.policy = settings;
	quota_init(&world.quota);
	world.policy.quota = &world.quota;
	assert_true(policy_init(&world.policy));
	world.connection.policy = &world.policy;
	world.connection.name = "test";
	world.relay = relay_create(world.policy.hooks, &ops, &world, "test", 0);
	assert_non_null(world.relay);
	request("wl_display", "get_registry", 1, ARGS({.id = REGISTRY}));
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_display", "get_registry", 1, args);
	assert_int_equal(args[0].id, REGISTRY);
	return 0;
}

static inline int set_up(void **state)
{
	return start((struct policy){0});
}

static inline int set_up_named(void **state)
{
	return start((struct policy){.vm_name = "box"});
}

static inline int tear_down(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	captured_clear(&world.sent[RELAY_DOWN]);
	captured_clear(&world.sent[RELAY_UP]);
	policy_finish(&world.policy);
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		assert_int_equal(world.quota.entries[i].use, 0);
	assert_int_equal(world.refs, 0);
	assert_int_equal(count_fds(), world.fds_before);
	return 0;
}

/* The guest was told @code about object @id, and the relay takes nothing more. */
static inline void expect_error(uint32_t id, uint32_t code)
{
	assert_non_null(relay_failure(world.relay));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_display", "error", 1, args);
	assert_int_equal(args[0].id, id);
	assert_int_equal(args[1].u, code);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

static inline void unref_fake(void *blob)
{
	struct resource *resource = blob;
	resource->refs--;
	world.refs--;
}

static inline struct wire_handle blob_handle(struct resource *resource)
{
	resource->refs++;
	world.refs++;
	return (struct wire_handle){
		.kind = WIRE_BLOB, .fd = -1, .blob = resource, .blob_unref = unref_fake};
}

#endif
