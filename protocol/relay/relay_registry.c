/* The relay's own hooks for wl_registry: which globals the client sees, and how it binds them. */
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/relay/relay_private.h"

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
