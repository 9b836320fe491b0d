/* Asks a compositor which globals it has. */
#include "protocol/wire/registry_probe.h"

#include <stdio.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/wire/wire.h"

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

static void handle_event(
	struct registry_probe *probe, const struct wire_header *header, const uint8_t *body)
{
	bool is_error = header->id == WIRE_DISPLAY_ID && header->opcode == WL_DISPLAY_ERROR;
	bool is_global = header->id == REGISTRY && header->opcode == WL_REGISTRY_GLOBAL;
	struct wire_signature signature;
	union wire_arg args[WIRE_MAX_ARGS];
	const char *why;

	probe->done |= header->id == CALLBACK;
	if (!is_error && !is_global)
		return;
	/* error: object, code, text; global: name, interface, version */
	wire_signature_parse(is_error ? "?ous" : "usu", &signature);
	if (wire_decode(&signature, body, header->size - WIRE_HEADER_BYTES, NULL, args, &why) < 0)
		snprintf(probe->error, sizeof(probe->error), "a malformed event: %s", why);
	else if (is_error)
		snprintf(probe->error, sizeof(probe->error), "%s", args[2].s);
	else
		probe->global(probe->data, args[1].s, args[2].u);
}

bool registry_probe_feed(struct registry_probe *probe, const uint8_t *bytes, size_t size)
{
	while (!probe->done && !probe->error[0]) {
		struct wire_header header;
		size_t taken = min_u64(size, sizeof(probe->rest) - probe->rest_bytes);
		memcpy(probe->rest + probe->rest_bytes, bytes, taken);
		probe->rest_bytes += taken;
		bytes += taken;
		size -= taken;
		if (probe->rest_bytes < WIRE_HEADER_BYTES)
			return true;
		if (wire_header_decode(probe->rest, &header) < 0 ||
			header.size > sizeof(probe->rest)) {
			snprintf(probe->error, sizeof(probe->error), "a message of %u bytes",
				header.size);
			return false;
		}
		if (probe->rest_bytes < header.size)
			return true;
		handle_event(probe, &header, probe->rest + WIRE_HEADER_BYTES);
		probe->rest_bytes -= header.size;
		memmove(probe->rest, probe->rest + header.size, probe->rest_bytes);
	}
	return false;
}
