/* A Wayland client by hand over a cross-domain context. */
#include "wayland.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000

uint32_t wayland_new_id(struct wayland *wayland)
{
	if (wayland->last_id == 0)
		wayland->last_id = WAYLAND_DISPLAY_ID;
	return ++wayland->last_id; /* without gaps */
}

void wayland_request(struct wayland *wayland, uint32_t object, uint16_t opcode,
	const uint32_t *words, size_t n_words, uint32_t identifier, uint32_t type)
{
	uint32_t message[512] = {object, (uint32_t)(8 + 4 * n_words) << 16 | opcode};
	if (n_words > 0)
		memcpy(message + 2, words, 4 * n_words);
	raw_send(&wayland->context, message, (uint32_t)(8 + 4 * n_words), &identifier, &type,
		type != 0);
}

size_t wayland_string(uint32_t *words, const char *text)
{
	size_t bytes = strlen(text) + 1, n = (bytes + 3) / 4;
	memset(words, 0, 4 * (n + 1));
	words[0] = (uint32_t)bytes;
	memcpy(words + 1, text, bytes);
	return n + 1;
}

const char *wayland_text(const uint32_t *words)
{
	return (const char *)(words + 1);
}

static void take_receive(struct wayland *wayland, const uint8_t *page)
{
	struct raw_send receive;
	memcpy(&receive, page, sizeof(receive));
	if (receive.n_identifiers == 0 && receive.size == 0) {
		wayland->ended = true;
		return;
	}
	if (receive.size > RAW_PAGE - sizeof(receive) || receive.n_identifiers > 28 ||
		wayland->n_identifiers + receive.n_identifiers > 64 ||
		wayland->in_bytes + receive.size > sizeof(wayland->in))
		raw_die("a RECEIVE of %u bytes and %u identifiers", receive.size,
			receive.n_identifiers);
	memcpy(wayland->in + wayland->in_bytes, page + sizeof(receive), receive.size);
	wayland->in_bytes += receive.size;
	for (uint32_t i = 0; i < receive.n_identifiers; i++) {
		wayland->identifiers[wayland->n_identifiers] = receive.identifiers[i];
		wayland->types[wayland->n_identifiers] = receive.types[i];
		wayland->sizes[wayland->n_identifiers++] = receive.sizes[i];
	}
}

static void take_read(struct wayland *wayland, const uint8_t *page)
{
	struct raw_write read;
	memcpy(&read, page, sizeof(read));
	if (read.size > RAW_PAGE - sizeof(read))
		raw_die("a READ of %u bytes", read.size);
	if (read.identifier != wayland->pipe.identifier || wayland->pipe.ended)
		raw_die("a READ of pipe %x", read.identifier);
	wayland->pipe.data = realloc(wayland->pipe.data, wayland->pipe.size + read.size + 1);
	memcpy(wayland->pipe.data + wayland->pipe.size, page + sizeof(read), read.size);
	wayland->pipe.size += read.size;
	wayland->pipe.ended = read.hang_up != 0;
}

static bool whole_event(struct wayland *wayland, struct wayland_event *event)
{
	uint32_t header[2];
	size_t left = wayland->in_bytes - wayland->in_at;
	if (left < sizeof(header))
		return false;
	memcpy(header, wayland->in + wayland->in_at, sizeof(header));
	size_t size = header[1] >> 16;
	if (size < sizeof(header) || size > sizeof(event->words))
		raw_die("an event of %zu bytes", size);
	if (left < size)
		return false;
	event->object = header[0];
	event->opcode = (uint16_t)header[1];
	event->n_words = (uint16_t)((size - sizeof(header)) / 4);
	memcpy(event->words, wayland->in + wayland->in_at + sizeof(header), size - sizeof(header));
	wayland->in_at += size;
	if (wayland->in_at == wayland->in_bytes)
		wayland->in_at = wayland->in_bytes = 0;
	return true;
}

bool wayland_next(struct wayland *wayland, struct wayland_event *event, int ms)
{
	while (!whole_event(wayland, event)) {
		if (wayland->in_at > 0) {
			memmove(wayland->in, wayland->in + wayland->in_at,
				wayland->in_bytes - wayland->in_at);
			wayland->in_bytes -= wayland->in_at;
			wayland->in_at = 0;
		}
		const uint8_t *page = wayland->ended ? NULL : raw_event(&wayland->context, ms);
		if (!page)
			return false;
		if (page[0] == RAW_RECEIVE)
			take_receive(wayland, page);
		else if (page[0] == RAW_READ)
			take_read(wayland, page);
		else
			raw_die("an event of kind %u", page[0]);
		if (page[0] == RAW_READ)
			return false;
	}
	if (event->object == WAYLAND_DISPLAY_ID && event->opcode == 0) {
		wayland->error_code = event->words[1] + 1;
		snprintf(wayland->error_text, sizeof(wayland->error_text), "%s",
			wayland_text(event->words + 2));
	}
	return true;
}

bool wayland_sync(
	struct wayland *wayland, void (*handle)(struct wayland *, const struct wayland_event *))
{
	static struct wayland_event event;
	uint32_t callback = wayland_new_id(wayland);
	wayland_request(wayland, WAYLAND_DISPLAY_ID, 0, &callback, 1, 0, 0);
	while (wayland_next(wayland, &event, TIMEOUT_MS)) {
		if (event.object == callback)
			return true;
		if (handle)
			handle(wayland, &event);
	}
	return false;
}

/* The registry tells its globals once. */
static void get_registry(struct wayland *wayland)
{
	static struct wayland_event event;
	wayland->registry = wayland_new_id(wayland);
	wayland_request(wayland, WAYLAND_DISPLAY_ID, 1, &wayland->registry, 1, 0, 0);
	uint32_t callback = wayland_new_id(wayland);
	wayland_request(wayland, WAYLAND_DISPLAY_ID, 0, &callback, 1, 0, 0);
	while (wayland_next(wayland, &event, TIMEOUT_MS) && event.object != callback) {
		struct wayland_global *global = &wayland->globals[wayland->n_globals];
		if (event.object != wayland->registry || event.opcode != 0 ||
			wayland->n_globals == WAYLAND_MAX_GLOBALS)
			continue;
		global->name = event.words[0];
		snprintf(global->interface, sizeof(global->interface), "%s",
			wayland_text(event.words + 1));
		wayland->n_globals++;
	}
}

uint32_t wayland_bind(struct wayland *wayland, const char *interface, uint32_t version)
{
	uint32_t words[64], id = 0;
	if (wayland->registry == 0)
		get_registry(wayland);
	for (size_t i = 0; i < wayland->n_globals && id == 0; i++) {
		if (strcmp(wayland->globals[i].interface, interface) != 0)
			continue;
		words[0] = wayland->globals[i].name;
		size_t n = 1 + wayland_string(words + 1, interface);
		words[n++] = version;
		words[n++] = id = wayland_new_id(wayland);
		wayland_request(wayland, wayland->registry, 0, words, n, 0, 0);
	}
	return id;
}

uint32_t wayland_take(struct wayland *wayland, uint32_t type, uint32_t *size)
{
	for (size_t i = 0; i < wayland->n_identifiers; i++) {
		uint32_t identifier = wayland->identifiers[i];
		if (wayland->types[i] != type)
			continue;
		if (size)
			*size = wayland->sizes[i];
		wayland->n_identifiers--;
		for (; i < wayland->n_identifiers; i++) {
			wayland->identifiers[i] = wayland->identifiers[i + 1];
			wayland->types[i] = wayland->types[i + 1];
			wayland->sizes[i] = wayland->sizes[i + 1];
		}
		return identifier;
	}
	raw_die("no identifier of type %u came", type);
}
