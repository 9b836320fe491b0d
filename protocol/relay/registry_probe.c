/* The shortest conversation with a compositor that says something: which globals has it? */
#include "protocol/relay/registry_probe.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define DISPLAY 1
#define REGISTRY 2
#define CALLBACK 3
#define HEADER_BYTES 8

static const uint32_t requests[] = {
	DISPLAY, 12u << 16 | 1, REGISTRY, /* wl_display.get_registry */
	DISPLAY, 12u << 16 | 0, CALLBACK, /* wl_display.sync */
};

const uint8_t *registry_probe_requests(size_t *size)
{
	*size = sizeof(requests);
	return (const uint8_t *)requests;
}

/* The string at @offset of an event's arguments, or NULL when it is none. *@end: behind it. */
static const char *read_string(const uint8_t *body, size_t size, size_t offset, size_t *end)
{
	if (!range_fits(offset, 4, size))
		return NULL;
	uint32_t bytes = load_u32(body + offset);
	if (bytes == 0 || !range_fits(offset + 4, align_up(bytes, 4), size) ||
		body[offset + 4 + bytes - 1] != 0)
		return NULL;
	*end = offset + 4 + align_up(bytes, 4);
	return (const char *)body + offset + 4;
}

static void handle_event(struct registry_probe *probe, uint32_t object, uint32_t opcode,
	const uint8_t *body, size_t size)
{
	size_t end;
	const char *text;

	if (object == CALLBACK) {
		probe->done = true;
	} else if (object == DISPLAY && opcode == 0) { /* error: object, code, message */
		text = read_string(body, size, 8, &end);
		snprintf(probe->error, sizeof(probe->error), "%s", text ? text : "an error");
	} else if (object == REGISTRY && opcode == 0) { /* global: name, interface, version */
		text = read_string(body, size, 4, &end);
		if (text && range_fits(end, 4, size))
			probe->global(probe->data, text, load_u32(body + end));
		else
			snprintf(probe->error, sizeof(probe->error),
				"a malformed wl_registry.global");
	}
}

bool registry_probe_feed(struct registry_probe *probe, const uint8_t *bytes, size_t size)
{
	while (!probe->done && !probe->error[0]) {
		size_t taken = min_u64(size, sizeof(probe->rest) - probe->rest_bytes);
		memcpy(probe->rest + probe->rest_bytes, bytes, taken);
		probe->rest_bytes += taken;
		bytes += taken;
		size -= taken;
		if (probe->rest_bytes < HEADER_BYTES)
			return true;
		uint32_t word = load_u32(probe->rest + 4);
		size_t message_bytes = word >> 16;
		if (message_bytes < HEADER_BYTES || message_bytes > sizeof(probe->rest)) {
			snprintf(probe->error, sizeof(probe->error), "a message of %zu bytes",
				message_bytes);
			return false;
		}
		if (probe->rest_bytes < message_bytes)
			return true;
		handle_event(probe, load_u32(probe->rest), word & 0xffff,
			probe->rest + HEADER_BYTES, message_bytes - HEADER_BYTES);
		probe->rest_bytes -= message_bytes;
		memmove(probe->rest, probe->rest + message_bytes, probe->rest_bytes);
	}
	return false;
}
