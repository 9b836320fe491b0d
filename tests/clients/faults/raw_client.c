/* A Wayland client that writes its own bytes. */
#include "tests/clients/faults/raw_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/clients/faults/malformed.h"

#define EVENT_DISPLAY_ERROR 0
#define EVENT_DISPLAY_DELETE_ID 1
#define EVENT_REGISTRY_GLOBAL 0

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The string argument at @bytes, cut to fit @out. */
static void copy_string(const uint8_t *bytes, size_t available, char *out, size_t size)
{
	uint32_t length = available >= 4 ? word_at(bytes) : 0;

	if (length > available - 4)
		length = (uint32_t)available - 4;
	snprintf(out, size, "%.*s", (int)length, length ? (const char *)bytes + 4 : "");
}

static void handle_event(
	struct raw_client *client, uint32_t id, uint32_t opcode, const uint8_t *body, size_t size)
{
	if (id == DISPLAY && opcode == EVENT_DISPLAY_ERROR && size >= 12) {
		client->failed = true;
		client->error_object = word_at(body);
		client->error_code = word_at(body + 4);
		copy_string(
			body + 8, size - 8, client->error_message, sizeof(client->error_message));
	} else if (id == DISPLAY && opcode == EVENT_DISPLAY_DELETE_ID && size >= 4) {
		client->last_done = word_at(body);
	} else if (id == REGISTRY && opcode == EVENT_REGISTRY_GLOBAL && size >= 12 &&
		client->n_globals < RAW_MAX_GLOBALS) {
		struct raw_global *global = &client->globals[client->n_globals++];

		global->name = word_at(body);
		copy_string(body + 4, size - 8, global->interface, sizeof(global->interface));
		global->version = word_at(body + size - 4);
	} else if (client->handle_event) {
		client->handle_event(client, id, opcode, body, size);
	}
}

/* Reads once and takes whole events apart. 0 or -errno; the end of file sets client->end. */
static int read_events(struct raw_client *client, int timeout_ms)
{
	ssize_t n = client->link->ops->receive(client->link, client->input + client->n_input,
		sizeof(client->input) - client->n_input, timeout_ms);
	size_t used = 0;

	if (n < 0)
		return (int)n;
	if (n == 0)
		client->end = true;
	client->n_input += (size_t)n;
	while (client->n_input - used >= 8) {
		const uint8_t *event = client->input + used;
		size_t size = word_at(event + 4) >> 16;

		if (size < 8 || size > client->n_input - used)
			break;
		handle_event(
			client, word_at(event), word_at(event + 4) & 0xffff, event + 8, size - 8);
		used += size;
	}
	client->n_input -= used;
	memmove(client->input, client->input + used, client->n_input);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int send_words(struct raw_client *client, const uint32_t *words, size_t n_words, size_t pool)
{
	return client->link->ops->send(client->link, words, n_words * 4, pool);
}

int raw_client_await(struct raw_client *client, uint32_t id)
{
	int64_t deadline_ms = now_ms() + RAW_CLIENT_TIMEOUT_MS;
	int error = 0;

	client->last_done = 0;
	while (error == 0 && client->last_done != id) {
		if (client->failed)
			return -EPROTO;
		if (client->end)
			return -EPIPE;
		if (now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		error = read_events(client, RAW_CLIENT_TIMEOUT_MS);
	}
	return client->failed ? -EPROTO : error;
}

int raw_client_ping(struct raw_client *client)
{
	const uint32_t sync[] = {DISPLAY, 12 << 16 | 0, FREED};
	int error = send_words(client, sync, 3, 0);

	return error ? error : raw_client_await(client, FREED);
}

int raw_client_look(struct raw_client *client)
{
	int error = read_events(client, 0);

	if (error == -ETIMEDOUT)
		return 0;
	return client->failed ? -EPROTO : client->end ? -EPIPE : error;
}

int raw_client_drain(struct raw_client *client)
{
	int64_t deadline_ms = now_ms() + RAW_CLIENT_TIMEOUT_MS;
	int error = 0;

	while (error == 0 && !client->end) {
		if (now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		error = read_events(client, RAW_CLIENT_TIMEOUT_MS);
	}
	return error;
}

const struct raw_global *raw_client_global(const struct raw_client *client, const char *interface)
{
	for (size_t i = 0; i < client->n_globals; i++) {
		if (strcmp(client->globals[i].interface, interface) == 0)
			return &client->globals[i];
	}
	return NULL;
}

int raw_client_bind(struct raw_client *client, uint32_t name, const char *interface,
	uint32_t version, uint32_t id)
{
	size_t length = strlen(interface) + 1, padded = (length + 3) / 4;
	uint32_t words[40] = {REGISTRY, (uint32_t)(6 + padded) << 18 | 0, name, (uint32_t)length};

	memcpy(&words[4], interface, length);
	words[4 + padded] = version;
	words[5 + padded] = id;
	return send_words(client, words, 6 + padded, 0);
}

/* Everything behind the globals. */
static int make_objects(struct raw_client *client)
{
	static const struct {
		const char *interface;
		uint32_t version, id;
	} binds[] = {
		{"wl_compositor", 4, COMPOSITOR},
		{"wl_shm", 1, SHM},
		{"xdg_wm_base", 1, WM_BASE},
	};
	const uint32_t surface[] = {COMPOSITOR, 12 << 16 | 0, SURFACE};
	const uint32_t pool[] = {SHM, 16 << 16 | 0, POOL, POOL_BYTES};
	const uint32_t rest[] = {
		POOL,
		32 << 16 | 0,
		BUFFER,
		0,
		16,
		16,
		64,
		1,
		WM_BASE,
		16 << 16 | 2,
		XDG_SURFACE,
		SURFACE,
		XDG_SURFACE,
		12 << 16 | 1,
		TOPLEVEL,
	};
	const uint32_t old[] = {
		OLD_COMPOSITOR,
		12 << 16 | 0,
		OLD_SURFACE,
		COMPOSITOR,
		12 << 16 | 1,
		DEAD,
		DEAD,
		8 << 16 | 0,
	};
	const struct raw_global *global;
	int error = 0;

	for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]) && !error; i++) {
		global = raw_client_global(client, binds[i].interface);
		if (!global || global->version < binds[i].version) {
			fprintf(stderr, "%s %u is not offered\n", binds[i].interface,
				binds[i].version);
			return -ENOENT;
		}
		error = raw_client_bind(
			client, global->name, binds[i].interface, binds[i].version, binds[i].id);
	}
	error = error ? error : send_words(client, surface, 3, 0);
	error = error ? error : send_words(client, pool, 4, POOL_BYTES);
	error = error ? error : send_words(client, rest, sizeof(rest) / 4, 0);
	global = raw_client_global(client, "wl_compositor");
	error = error ? error
		      : raw_client_bind(client, global->name, "wl_compositor", 1, OLD_COMPOSITOR);
	error = error ? error : send_words(client, old, sizeof(old) / 4, 0);
	return error ? error : raw_client_ping(client);
}

int raw_client_prepare(struct raw_client *client, struct link *link)
{
	const uint32_t get_registry[] = {DISPLAY, 12 << 16 | 1, REGISTRY};
	int error;

	memset(client, 0, sizeof(*client));
	client->link = link;
	error = send_words(client, get_registry, 3, 0);
	error = error ? error : raw_client_ping(client);
	error = error ? error : make_objects(client);
	if (error)
		fprintf(stderr, "preparing a client failed: %s %s\n", strerror(-error),
			client->error_message);
	return error;
}

void raw_client_finish(struct raw_client *client)
{
	if (client->link)
		client->link->ops->close(client->link);
	client->link = NULL;
}
