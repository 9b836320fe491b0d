/* The surfaces that a client's stream of Wayland requests creates, in their order. */
#include "tests/wlcs/surfaces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define HEADER_BYTES 8
#define DISPLAY_ID 1

/* Opcodes of requests */
#define DISPLAY_GET_REGISTRY 1
#define REGISTRY_BIND 0
#define COMPOSITOR_CREATE_SURFACE 0

static bool contains(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static void add_global(uint32_t *ids, size_t *n, uint32_t id)
{
	if (*n < SURFACES_GLOBALS_MAX && !contains(ids, *n, id))
		ids[(*n)++] = id;
}

static void add_surface(struct surfaces *surfaces, uint32_t id)
{
	if (surfaces->n == surfaces->capacity) {
		surfaces->capacity = surfaces->capacity * 2 + 16;
		surfaces->ids = realloc(surfaces->ids, surfaces->capacity * sizeof(uint32_t));
		if (!surfaces->ids)
			abort();
	}
	surfaces->ids[surfaces->n++] = id;
}

/* wl_registry.bind(name, interface, version, id): arguments of @n bytes */
static void note_bind(struct surfaces *surfaces, const uint8_t *arguments, size_t n)
{
	static const char compositor[] = "wl_compositor";
	const size_t head = 8, tail = align_up(sizeof(compositor), 4) + 4;

	if (n == head + tail + 4 && load_u32(arguments + 4) == sizeof(compositor) &&
		memcmp(arguments + head, compositor, sizeof(compositor)) == 0)
		add_global(surfaces->compositors, &surfaces->n_compositors,
			load_u32(arguments + head + tail));
}

static void note_message(struct surfaces *surfaces, const uint8_t *message, size_t n)
{
	const uint32_t object = load_u32(message), opcode = load_u32(message + 4) & 0xffff;
	const uint8_t *arguments = message + HEADER_BYTES;

	n -= HEADER_BYTES;
	if (object == DISPLAY_ID && opcode == DISPLAY_GET_REGISTRY && n == 4)
		add_global(surfaces->registries, &surfaces->n_registries, load_u32(arguments));
	else if (opcode == REGISTRY_BIND &&
		contains(surfaces->registries, surfaces->n_registries, object))
		note_bind(surfaces, arguments, n);
	else if (opcode == COMPOSITOR_CREATE_SURFACE && n == 4 &&
		contains(surfaces->compositors, surfaces->n_compositors, object))
		add_surface(surfaces, load_u32(arguments));
}

void surfaces_feed(struct surfaces *surfaces, const uint8_t *bytes, size_t n)
{
	size_t size = HEADER_BYTES;

	while (n > 0) {
		if (surfaces->have >= HEADER_BYTES)
			size = load_u32(surfaces->message + 4) >> 16;
		if (size < HEADER_BYTES)
			return;
		size_t part = min_u64(n, size - surfaces->have);
		memcpy(surfaces->message + surfaces->have, bytes, part);
		surfaces->have += part;
		bytes += part;
		n -= part;
		if (surfaces->have < HEADER_BYTES ||
			surfaces->have < load_u32(surfaces->message + 4) >> 16)
			continue;
		note_message(surfaces, surfaces->message, surfaces->have);
		surfaces->have = 0;
		size = HEADER_BYTES;
	}
}

void surfaces_finish(struct surfaces *surfaces)
{
	free(surfaces->ids);
}

ptrdiff_t surfaces_find(const struct surfaces *surfaces, uint32_t id)
{
	for (size_t i = surfaces->n; i > 0; i--) {
		if (surfaces->ids[i - 1] == id)
			return (ptrdiff_t)i - 1;
	}
	return -1;
}
