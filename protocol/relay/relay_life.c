/* A relay's beginning and end. */
#include "protocol/relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"
#include "protocol/relay/relay_private.h"

#define DEFAULT_MAX_OBJECTS 65536
#define INPUT_BYTES ((size_t)4 << 20) /* a message, or what comes while a hook holds one */

static bool trace_wanted;

void relay_set_trace(bool on)
{
	trace_wanted = on;
}

struct relay *relay_create(const struct relay_hooks *hooks, const struct relay_ops *ops, void *data,
	const char *name, uint32_t max_objects)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	if (!relay)
		return NULL;
	relay->hooks = hooks;
	relay->ops = ops;
	relay->data = data;
	relay->trace = trace_wanted;
	for (size_t end = 0; end < ARRAY_LENGTH(relay->inputs); end++)
		byte_queue_init(&relay->inputs[end].bytes, INPUT_BYTES);
	wl_list_init(&relay->lanes);
	objects_init(&relay->objects, max_objects > 0 ? max_objects : DEFAULT_MAX_OBJECTS);
	relay->name = strdup(name);
	relay->display = object_create(&relay->objects, interface_find("wl_display"), 1);
	if (!relay->name || !relay->display ||
		object_claim_id(&relay->objects, relay->display, RELAY_DOWN, WIRE_DISPLAY_ID) < 0 ||
		object_assign_id(&relay->objects, relay->display, RELAY_UP) < 0) {
		relay_destroy(relay);
		return NULL;
	}
	return relay;
}

void relay_destroy(struct relay *relay)
{
	if (!relay)
		return;
	if (!relay->error)
		relay->error = -ESHUTDOWN; /* what data_destroy sends goes nowhere */
	lanes_finish(relay);
	while (!wl_list_empty(&relay->objects.live)) {
		struct object *object = wl_container_of(relay->objects.live.next, object, link);
		object_mark_destroyed(&object->base);
		object_remove(&relay->objects, &object->base);
	}
	objects_finish(&relay->objects);
	globals_finish(&relay->globals);
	for (size_t end = 0; end < ARRAY_LENGTH(relay->inputs); end++) {
		byte_queue_clear(&relay->inputs[end].bytes);
		wire_handles_finish(&relay->inputs[end].handles);
	}
	free(relay->name);
	free(relay);
}
