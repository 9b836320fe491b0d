/* Asks a compositor which globals it has. */
#include "protocol/wire/registry_probe.h"

#include <stdio.h>
#include <string.h>
#include <wayland-server-protocol.h>

#define REGISTRY 2
#define CALLBACK 3

static const uint32_t requests[] = {
	WIRE_DISPLAY_ID, 12u << 16 | 1, REGISTRY, /* wl_display.get_registry */
	WIRE_DISPLAY_ID, 12u << 16 | 0, CALLBACK, /* wl_display.sync */
};

const uint8_t *registry_probe_requests(size_t *size)
{
	*size = sizeof(requests);
	return (const uint8_t *)requests;
}

static int handle_event(void *data, const struct wire_header *header, const uint8_t *body)
{
	struct registry_probe *probe = data;
	bool is_error = header->id == WIRE_DISPLAY_ID && header->opcode == WL_DISPLAY_ERROR;
	bool is_global = header->id == REGISTRY && header->opcode == WL_REGISTRY_GLOBAL;
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why;

	probe->done |= header->id == CALLBACK;
	if (!is_error && !is_global)
		return probe->done;
	/* error: object, code, text; global: name, interface, version */
	if (wire_event_args(header, body, is_error ? "?ous" : "usu", args, &why) < 0)
		snprintf(probe->error, sizeof(probe->error), "a malformed event: %s", why);
	else if (is_error)
		snprintf(probe->error, sizeof(probe->error), "%s", args[2].s);
	else
		probe->global(probe->data, args[1].s, args[2].u);
	return probe->error[0] != 0;
}

bool registry_probe_feed(struct registry_probe *probe, const uint8_t *bytes, size_t size)
{
	probe->events.handle = handle_event;
	probe->events.data = probe;
	if (probe->done || probe->error[0])
		return false;
	int result = wire_events_feed(&probe->events, bytes, size);
	if (result < 0)
		snprintf(probe->error, sizeof(probe->error), "a message of no possible size");
	return result == 0;
}
