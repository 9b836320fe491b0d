/* The globals that DOWN may see, and binding them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/relay/relay_private.h"

#define FIRST_CAPACITY 64
/* Removed globals are remembered for binds under way; beyond so many entries their places are taken
 * again. */
#define KEPT_GLOBALS 256
#define MAX_GLOBALS 65536

static struct global *globals_find(const struct globals *globals, uint32_t name)
{
	for (size_t i = 0; i < globals->count; i++) {
		if (globals->items[i].name == name)
			return &globals->items[i];
	}
	return NULL;
}

static struct global *globals_place(struct globals *globals)
{
	for (size_t i = 0; globals->count >= KEPT_GLOBALS && i < globals->count; i++) {
		if (globals->items[i].removed)
			return &globals->items[i];
	}
	if (globals->count == MAX_GLOBALS)
		return NULL;
	if (globals->count == globals->capacity) {
		size_t capacity = globals->capacity > 0 ? globals->capacity * 2 : FIRST_CAPACITY;
		struct global *items = realloc(globals->items, capacity * sizeof(*items));
		if (!items)
			return NULL;
		globals->items = items;
		globals->capacity = capacity;
	}
	return &globals->items[globals->count++];
}

int globals_announced(struct globals *globals, uint16_t opcode, const union wire_arg *args)
{
	struct global *global = globals_find(globals, args[0].u);
	if (opcode == WL_REGISTRY_GLOBAL_REMOVE) {
		if (global)
			global->removed = true;
		return 0;
	}
	if (!global && !(global = globals_place(globals)))
		return -ENOMEM;
	*global = (struct global){
		.name = args[0].u,
		.interface = interface_find(args[1].s),
		.version = args[2].u,
	};
	return 0;
}

void globals_finish(struct globals *globals)
{
	free(globals->items);
	*globals = (struct globals){0};
}

enum relay_verdict relay_handle_global(struct relay_message *message)
{
	struct relay *relay = message->relay;
	const struct interface *interface = interface_find(message->args[1].s);
	if (!interface || message->args[2].u == 0)
		return RELAY_SWALLOW;
	uint32_t version = (uint32_t)min_u64(message->args[2].u, (uint64_t)interface->wl->version);
	if (relay->ops->allow_global && !relay->ops->allow_global(relay->data, interface, &version))
		return RELAY_SWALLOW;
	message->args[2].u = version;
	return RELAY_FORWARD;
}

enum relay_verdict relay_handle_global_remove(struct relay_message *message)
{
	bool known = globals_find(&message->relay->globals, message->args[0].u) != NULL;
	return known ? RELAY_FORWARD : RELAY_SWALLOW;
}

enum relay_verdict relay_handle_bind(struct relay_message *message)
{
	uint32_t name = message->args[0].u, version = message->args[2].u;
	const char *interface = message->args[1].s;
	const struct global *global = globals_find(&message->relay->globals, name);
	if (!global || !global->interface)
		return relay_fail(message->relay, message->object, WL_DISPLAY_ERROR_INVALID_OBJECT,
			"invalid global %s (%u)", interface, name);
	if (strcmp(interface, global->interface->wl->name) != 0)
		return relay_fail(message->relay, message->object, WL_DISPLAY_ERROR_INVALID_OBJECT,
			"invalid interface for global %u: have %s, wanted %s", name,
			global->interface->wl->name, interface);
	if (version == 0 || version > global->version)
		return relay_fail(message->relay, message->object, WL_DISPLAY_ERROR_INVALID_OBJECT,
			"invalid version for global %s (%u): have %u, wanted %u", interface, name,
			global->version, version);
	return RELAY_FORWARD;
}
