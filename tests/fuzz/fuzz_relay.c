/*
 * Both ends of a relay as they please (relay_talk.h). Some hooks swallow, so that the ends differ
 * in what they know; some hold messages back, and some keep references.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/relay_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts the handles instead of opening fds. */
static int live_handles;

static void let_go(void *blob)
{
	live_handles--;
}

static struct wire_handle new_handle(enum relay_end from)
{
	live_handles++;
	return (struct wire_handle){.kind = WIRE_BLOB, .fd = -1, .blob_unref = let_go};
}

/* Every message that the relay sends is well-formed. */
static int check_sent(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct wire_header header;
	assert(size >= WIRE_HEADER_BYTES && wire_header_decode(bytes, &header) == 0 &&
		header.size == size);
	assert(header.id != 0);
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return 0;
}

static bool allow_global(void *data, const struct interface *interface, uint32_t *version)
{
	return strcmp(interface->wl->name, "wl_subcompositor") != 0;
}

static enum relay_verdict swallow(struct relay_message *message)
{
	return RELAY_SWALLOW;
}

static enum relay_verdict keep_some(struct relay_message *message)
{
	if (message->args[0].u % 4 == 1)
		return RELAY_FORWARD;
	if (message->args[0].u % 4 == 2)
		relay_send(message->relay, RELAY_DOWN, message->object, message->opcode,
			message->args);
	if (message->args[0].u % 4 == 3)
		relay_forget(message->relay, message->object);
	return RELAY_SWALLOW;
}

/* As a proxy with buffers of its own: the client's create_pool ends here, another goes up. */
static enum relay_verdict replace_pool(struct relay_message *message)
{
	struct relay_object *pool = relay_object_create(
		message->relay, message->args[0].object->interface, message->object->version);
	if (!pool)
		return relay_fail(message->relay, NULL, 2, "no memory");
	union wire_arg args[] = {
		{.object = pool}, {.handle = new_handle(message->from)}, {.i = 4096}};
	relay_send(message->relay, RELAY_UP, message->object, message->opcode, args);
	relay_send_named(message->relay, RELAY_UP, pool, "destroy", NULL);
	return RELAY_SWALLOW;
}

static enum relay_verdict destroy_surface(struct relay_message *message)
{
	relay_send(message->relay, RELAY_UP, message->object, message->opcode, NULL);
	return RELAY_SWALLOW;
}

static void count_down(struct relay_object *object)
{
	--*(int *)object->data;
}

static int live_data;

static enum relay_verdict note_region(struct relay_message *message)
{
	message->args[0].object->data = &live_data;
	message->args[0].object->data_destroy = count_down;
	live_data++;
	return RELAY_FORWARD;
}

/* Objects that hooks remember, whoever destroys them. */
static struct relay_ref remembered[4];

static enum relay_verdict remember(struct relay_message *message)
{
	size_t i = message->args[1].u % ARRAY_LENGTH(remembered);
	relay_ref_set(&remembered[i], message->args[0].object);
	relay_ref_set(&remembered[(i + 1) % ARRAY_LENGTH(remembered)], message->object);
	return RELAY_FORWARD;
}

static enum relay_verdict use_remembered(struct relay_message *message)
{
	for (size_t i = 0; i < ARRAY_LENGTH(remembered); i++) {
		struct relay_object *object = remembered[i].object;
		if (object && strcmp(object->interface->wl->name, "wl_buffer") == 0)
			relay_send_named(message->relay, RELAY_DOWN, object, "release", NULL);
		else if (object)
			relay_send_named(message->relay, RELAY_UP, message->object, "attach",
				(union wire_arg[]){{.object = NULL}, {.i = 0}, {.i = 0}});
	}
	return RELAY_FORWARD;
}

static bool held;

static enum relay_verdict hold_once(struct relay_message *message)
{
	held = !held;
	return held ? RELAY_HOLD : RELAY_FORWARD;
}

static const struct relay_hook hooks[] = {
	{"wl_shm", "create_pool", replace_pool, RELAY_DOWN},
	{"wl_shm_pool", "create_buffer", swallow, RELAY_DOWN},
	{"wl_shm_pool", "resize", swallow, RELAY_DOWN},
	{"wl_compositor", "create_region", note_region, RELAY_DOWN},
	{"wl_surface", "destroy", destroy_surface, RELAY_DOWN},
	{"wl_surface", "attach", remember, RELAY_DOWN},
	{"wl_surface", "commit", use_remembered, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", hold_once, RELAY_DOWN},
	{"wl_surface", "enter", swallow, RELAY_UP},
	{"wl_callback", "done", keep_some, RELAY_UP},
	{0},
};

static const struct relay_ops ops = {.send = check_sent, .allow_global = allow_global};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct relay_hooks *ready;
	if (!ready)
		ready = relay_hooks_create((const struct relay_hook *const[]){hooks, NULL});
	struct relay *relay = relay_create(ready, &ops, NULL, "fuzz", 64);
	assert(ready && relay);
	held = false;
	relay_talk(relay, data, size, new_handle);
	relay_destroy(relay);
	assert(live_handles == 0 && live_data == 0);
	for (size_t i = 0; i < ARRAY_LENGTH(remembered); i++)
		assert(!remembered[i].object);
	return 0;
}
