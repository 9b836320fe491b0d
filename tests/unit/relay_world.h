/*
 * A relay between two recorded ends, with a client that has one object of most kinds. For
 * the programs test_relay*.c.
 */
#ifndef TESTS_UNIT_RELAY_WORLD_H
#define TESTS_UNIT_RELAY_WORLD_H

#include "protocol/relay/relay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/bytes.h"

#define MAX_SENT 256
#define MESSAGE_BYTES 1024
#define FIRST_SERVER_ID WIRE_SERVER_ID_START

struct sent {
	uint8_t bytes[MESSAGE_BYTES];
	size_t size, n_handles;
};

/* A client with these objects, the same ids at both ends after set_up. */
enum id {
	DISPLAY = 1,
	REGISTRY,
	COMPOSITOR,
	SHM,
	SEAT,
	DATA_DEVICE_MANAGER,
	WM_BASE,
	SURFACE,
	DEAD_SURFACE, /* destroyed, no delete_id yet */
	DATA_DEVICE,
	KEYBOARD,
	NEXT,
};

enum global_name {
	GLOBAL_COMPOSITOR = 10,
	GLOBAL_SHM,
	GLOBAL_SEAT,
	GLOBAL_DATA_DEVICE_MANAGER,
	GLOBAL_WM_BASE,
	GLOBAL_UNKNOWN, /* of an interface that the tables do not have */
	GLOBAL_DENIED,  /* allow_global says no */
	GLOBAL_LOWERED, /* allow_global lowers its version to 2 */
};

struct world {
	struct relay_hooks *hooks;
	struct relay *relay;
	struct wire_handles handles[2];
	struct sent sent[2][MAX_SENT];
	size_t n_sent[2], n_checked[2];
	int send_error;
	size_t open_fds;
};

/* What the hooks of the tests do; NULL: forward. */
static relay_hook_fn on_create_pool, on_pool_destroy, on_frame, on_callback_done, on_title,
	on_surface_destroy, on_commit, on_modifiers;

static inline size_t count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static inline int record(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct world *world = data;
	assert_true(size <= MESSAGE_BYTES);
	struct sent *sent = &world->sent[to][world->n_sent[to]++ % MAX_SENT];
	memcpy(sent->bytes, bytes, size);
	sent->size = size;
	sent->n_handles = n_handles;
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return world->send_error;
}

static inline bool allow_global(void *data, const struct interface *interface, uint32_t *version)
{
	if (strcmp(interface->wl->name, "wl_output") == 0)
		*version = 2;
	return strcmp(interface->wl->name, "wl_subcompositor") != 0;
}

static const struct relay_ops ops = {.send = record, .allow_global = allow_global, .defers = true};

/* A message; @format has 'u' (a word), 's' (a string) or 'a' (size, data). Returns its size. */
static inline size_t vwrite_message(
	uint8_t *out, uint32_t id, uint16_t opcode, const char *format, va_list list)
{
	size_t size = WIRE_HEADER_BYTES;
	for (; *format; format++) {
		uint32_t word = va_arg(list, uint32_t); /* the type of an unsigned word in a list */
		if (*format == 'a') {
			memset(out + size, 0, word + 8);
			memcpy(out + size + 4, va_arg(list, const void *), word);
		}
		store_u32(out + size, word);
		size += 4 + (*format == 'a' ? (size_t)align_up(word, 4) : 0);
	}
	store_u32(out, id);
	store_u32(out + 4, (uint32_t)size << 16 | opcode);
	return size;
}

/* A string as two arguments of format 'a'. */
#define STRING(s) (uint32_t)(strlen(s) + 1), (s)

static inline uint16_t opcode_of(enum relay_end from, const char *interface, const char *message)
{
	return relay_opcode(interface_find(interface), from, message);
}

/* With all that give_fd gave. */
static inline int push(struct world *world, enum relay_end from, const uint8_t *bytes, size_t size)
{
	struct wire_handle handles[WIRE_HANDLES_MAX];
	size_t n = 0;
	while (world->handles[from].count > 0)
		handles[n++] = wire_handles_pop(&world->handles[from]);
	return relay_push(world->relay, from, bytes, size, handles, n);
}

/* Pushes one message from @from, whole. Returns what relay_push says. */
static inline int push_message(struct world *world, enum relay_end from, uint32_t id,
	const char *interface, const char *message, const char *format, ...)
{
	uint8_t bytes[MESSAGE_BYTES];
	va_list list;
	va_start(list, format);
	size_t size = vwrite_message(bytes, id, opcode_of(from, interface, message), format, list);
	va_end(list);
	return push(world, from, bytes, size);
}

#define request(world, ...) assert_int_equal(push_message(world, RELAY_DOWN, __VA_ARGS__), 0)
#define event(world, ...) assert_int_equal(push_message(world, RELAY_UP, __VA_ARGS__), 0)

/* Words for tables of messages: their number, and they. */
#define TEXT4(a, b, c, d)                                                                          \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define WORDS(...)                                                                                 \
	ARRAY_LENGTH(((uint32_t[]){__VA_ARGS__})),                                                 \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define NO_WORDS                                                                                   \
	0,                                                                                         \
	{                                                                                          \
		0                                                                                  \
	}

/* The next message that went to @to. */
static inline struct sent *next_sent(struct world *world, enum relay_end to)
{
	assert_true(world->n_checked[to] < world->n_sent[to]);
	return &world->sent[to][world->n_checked[to]++ % MAX_SENT];
}

static inline void expect(struct world *world, enum relay_end to, uint32_t id,
	const char *interface, const char *message, const char *format, ...)
{
	uint8_t bytes[MESSAGE_BYTES];
	va_list list;
	va_start(list, format);
	enum relay_end from = to == RELAY_UP ? RELAY_DOWN : RELAY_UP;
	size_t size = vwrite_message(bytes, id, opcode_of(from, interface, message), format, list);
	va_end(list);
	struct sent *sent = next_sent(world, to);
	assert_int_equal(sent->size, size);
	assert_memory_equal(sent->bytes, bytes, size);
}

static inline void expect_nothing_more(struct world *world)
{
	assert_int_equal(world->n_checked[RELAY_DOWN], world->n_sent[RELAY_DOWN]);
	assert_int_equal(world->n_checked[RELAY_UP], world->n_sent[RELAY_UP]);
}

static inline void forget_sent(struct world *world)
{
	world->n_checked[RELAY_DOWN] = world->n_sent[RELAY_DOWN];
	world->n_checked[RELAY_UP] = world->n_sent[RELAY_UP];
}

static inline void expect_failure(
	struct world *world, uint32_t object, uint32_t code, const char *failure, const char *told)
{
	assert_non_null(relay_failure(world->relay));
	assert_string_equal(relay_failure(world->relay), failure);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "error", "uua", object, code,
		STRING(told));
}

static inline void give_fd(struct world *world, enum relay_end from)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(wire_handles_push(&world->handles[from], wire_handle_fd(fd)), 0);
}

#define HOOK(name)                                                                                 \
	static enum relay_verdict call_##name(struct relay_message *message)                       \
	{                                                                                          \
		return name ? name(message) : RELAY_FORWARD;                                       \
	}
HOOK(on_create_pool)
HOOK(on_pool_destroy)
HOOK(on_frame)
HOOK(on_callback_done)
HOOK(on_title)
HOOK(on_surface_destroy)
HOOK(on_commit)
HOOK(on_modifiers)

static const struct relay_hook test_hooks[] = {
	{"wl_shm", "create_pool", call_on_create_pool, RELAY_DOWN},
	{"wl_shm_pool", "destroy", call_on_pool_destroy, RELAY_DOWN},
	{"wl_surface", "frame", call_on_frame, RELAY_DOWN},
	{"wl_surface", "commit", call_on_commit, RELAY_DOWN},
	{"wl_surface", "destroy", call_on_surface_destroy, RELAY_DOWN},
	{"wl_callback", "done", call_on_callback_done, RELAY_UP},
	{"wl_keyboard", "modifiers", call_on_modifiers, RELAY_UP_OURS},
	{"xdg_toplevel", "set_title", call_on_title, RELAY_DOWN},
	{"an_interface_of_the_future", "whatever", call_on_title, RELAY_DOWN},
	{0},
};

static inline void announce(
	struct world *world, uint32_t name, const char *interface, uint32_t version)
{
	event(world, REGISTRY, "wl_registry", "global", "uau", name, STRING(interface), version);
}

static inline void bind(
	struct world *world, uint32_t name, const char *interface, uint32_t version, uint32_t id)
{
	request(world, REGISTRY, "wl_registry", "bind", "uauu", name, STRING(interface), version,
		id);
}

/* A hook that keeps a message from the other end. */
static inline enum relay_verdict swallow(struct relay_message *message)
{
	return RELAY_SWALLOW;
}

static inline int set_up_with(void **state, uint32_t max_objects)
{
	static const struct relay_hook *const tables[] = {test_hooks, NULL};
	struct world *world = calloc(1, sizeof(*world));
	world->open_fds = count_fds();
	world->hooks = relay_hooks_create(tables);
	world->relay = relay_create(world->hooks, &ops, world, "test", max_objects);
	*state = world;
	on_create_pool = on_pool_destroy = on_frame = on_callback_done = on_title =
		on_surface_destroy = on_commit = on_modifiers = NULL;

	request(world, DISPLAY, "wl_display", "get_registry", "u", REGISTRY);
	announce(world, GLOBAL_COMPOSITOR, "wl_compositor", 4);
	announce(world, GLOBAL_SHM, "wl_shm", 1);
	announce(world, GLOBAL_SEAT, "wl_seat", 3);
	announce(world, GLOBAL_DATA_DEVICE_MANAGER, "wl_data_device_manager", 3);
	announce(world, GLOBAL_WM_BASE, "xdg_wm_base", 2);
	announce(world, GLOBAL_UNKNOWN, "an_interface_of_the_future", 1);
	announce(world, GLOBAL_DENIED, "wl_subcompositor", 1);
	announce(world, GLOBAL_LOWERED, "wl_output", 3);
	bind(world, GLOBAL_COMPOSITOR, "wl_compositor", 4, COMPOSITOR);
	bind(world, GLOBAL_SHM, "wl_shm", 1, SHM);
	bind(world, GLOBAL_SEAT, "wl_seat", 3, SEAT);
	bind(world, GLOBAL_DATA_DEVICE_MANAGER, "wl_data_device_manager", 3, DATA_DEVICE_MANAGER);
	bind(world, GLOBAL_WM_BASE, "xdg_wm_base", 1, WM_BASE);
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", SURFACE);
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", DEAD_SURFACE);
	request(world, DEAD_SURFACE, "wl_surface", "destroy", "");
	request(world, DATA_DEVICE_MANAGER, "wl_data_device_manager", "get_data_device", "uu",
		DATA_DEVICE, SEAT);
	request(world, SEAT, "wl_seat", "get_keyboard", "u", KEYBOARD);
	assert_null(relay_failure(world->relay));
	return 0;
}

static inline int set_up(void **state)
{
	set_up_with(state, 64);
	forget_sent(*state);
	return 0;
}

static inline int set_up_unchecked(void **state)
{
	return set_up_with(state, 64);
}

static inline int tear_down(void **state)
{
	struct world *world = *state;
	relay_destroy(world->relay);
	relay_hooks_destroy(world->hooks);
	wire_handles_finish(&world->handles[RELAY_DOWN]);
	wire_handles_finish(&world->handles[RELAY_UP]);
	assert_int_equal(count_fds(), world->open_fds);
	free(world);
	return 0;
}

#endif
