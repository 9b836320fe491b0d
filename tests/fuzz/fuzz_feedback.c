/*
 * linux-dmabuf's formats on their way to a client: what the host says of them (pairs one by one,
 * feedback's table and tranches, in any order and as wrong as it likes) goes through the guest's
 * hooks. The client must be told of nothing but pairs that it can use, in tables that do not
 * change, by indices that are in them. What the host's policy makes of the pairs is fuzz_policy's.
 *
 * The input is u8: the version of the host's global, and whether the guest's GPU has OpenGL and
 * modifiers, and then steps.
 */
#include <assert.h>
#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest-proxy/clients/clients.h"
#include "guest-proxy/connection/clock.h"
#include "guest-proxy/connection/connection.h"
#include "guest-proxy/connection/transfer.h"
#include "guest-proxy/dmabuf/dmabuf_formats.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "guest-proxy/globals/registry.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/fuzz/input.h"
#include "tests/unit/fake_channel.h"

#define DMABUF "zwp_linux_dmabuf_v1"
#define FEEDBACK "zwp_linux_dmabuf_feedback_v1"
#define DMABUF_NAME 3
#define MAX_IDS 64 /* that are looked at */
#define MAX_QUEUE (1 << 20)
#define ARGS(...) ((const union wire_arg[WIRE_MAX_ARGS]){__VA_ARGS__})

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	STEP_TABLE,   /* u8 pairs, for each u8 format, u8 modifier; u8 bytes more that are told */
	STEP_BYTES,   /* u8 n, bytes: a table of these; u32 that are told */
	STEP_FORMATS, /* u8 n, bytes */
	STEP_FLAGS,   /* u32 */
	STEP_DONE,    /* the tranche is */
	STEP_ALL_DONE,
	STEP_DEVICE,   /* u8 n, bytes; upper half: the main one, a tranche's */
	STEP_MODIFIER, /* u8 format, u8 modifier */
	STEP_FORMAT,   /* u8 format */
	STEP_ANSWER,   /* wl_callbacks are done */
	STEP_ASK,      /* the client asks for feedback */
	STEP_REMOVE,   /* the global goes, and (upper half) comes again */
};

static struct world {
	struct connection guest; /* first: relay_data() */
	struct relay_hooks *hooks;
	struct gpu gpu;
	struct host_clocks clocks;
	struct wl_event_loop *loop;
	uint32_t next_id;          /* the client's */
	uint32_t n_pairs[MAX_IDS]; /* of the last table, by the client's id of the feedback */
	struct input input;
} w;

static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_XBGR8888,
	DRM_FORMAT_NV12, DRM_FORMAT_RGB565, DRM_FORMAT_R8, 0x12345678, 0, UINT32_MAX};
static const uint64_t modifiers[] = {DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_INVALID,
	UINT64_C(0x0100000000000001), UINT64_MAX, UINT64_C(1) << 63};

static uint32_t any_format(void)
{
	const uint8_t byte = input_byte(&w.input);
	return byte < 128 ? formats[byte % ARRAY_LENGTH(formats)] : byte;
}

/* There are more than are kept. */
static uint64_t any_modifier(void)
{
	const uint8_t byte = input_byte(&w.input);
	return byte < 128 ? modifiers[byte % ARRAY_LENGTH(modifiers)]
			  : UINT64_C(0x0200000000000000) + byte;
}

/* --- what is said --- */

/* A table that the client has got: the pairs can be used, and nobody changes them. */
static void check_table(int fd, uint32_t size, uint32_t *n_pairs)
{
	static struct dmabuf_pair pairs[DMABUF_MAX_PAIRS];
	const int seals = fcntl(fd, F_GET_SEALS);

	assert(size % sizeof(pairs[0]) == 0 && size <= sizeof(pairs));
	assert(pread(fd, pairs, sizeof(pairs), 0) == size);
	assert(seals >= 0 && seals & F_SEAL_SHRINK && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
	*n_pairs = size / sizeof(pairs[0]);
	for (uint32_t i = 0; i < *n_pairs; i++)
		assert(dmabuf_usable(&w.gpu, pairs[i].format, pairs[i].modifier) &&
			pairs[i].pad == 0);
}

static void check_feedback(
	const char *event, const uint8_t *body, uint32_t *n_pairs, const struct wire_handle *handle)
{
	const uint32_t size = load_u32(body);

	if (strcmp(event, "format_table") == 0) {
		check_table(handle->fd, size, n_pairs);
	} else if (strcmp(event, "tranche_formats") == 0) {
		assert(size > 0 && size % 2 == 0);
		for (uint32_t at = 0; at < size; at += 2)
			assert((uint32_t)(body[4 + at] | body[5 + at] << 8) < *n_pairs);
	} else if (strcmp(event, "main_device") == 0 ||
		strcmp(event, "tranche_target_device") == 0) {
		assert(size == sizeof(w.gpu.device) && memcmp(body + 4, &w.gpu.device, size) == 0);
	}
}

/* What goes to the client, a message at a time. */
static void check_told(
	const uint8_t *bytes, size_t size, const struct wire_handle *handles, size_t n_handles)
{
	struct wire_header header;
	size_t n = 0;

	for (size_t at = 0; at < size; at += header.size) {
		assert(wire_header_decode(bytes + at, &header) == 0);
		const struct relay_object *object =
			relay_object_at(w.guest.relay, RELAY_DOWN, header.id);
		if (!object)
			continue;
		const struct wl_interface *wl = object->interface->wl;
		const struct wl_message *event = &wl->events[header.opcode];
		assert(n < n_handles || !strchr(event->signature, 'h'));
		if (strcmp(wl->name, FEEDBACK) == 0 && header.id < MAX_IDS)
			check_feedback(event->name, bytes + at + WIRE_HEADER_BYTES,
				&w.n_pairs[header.id], &handles[n]);
		n += strchr(event->signature, 'h') != NULL;
	}
}

static int guest_sends(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (to == RELAY_DOWN)
		check_told(bytes, size, handles, n_handles);
	for (size_t i = 0; i < n_handles; i++)
		wire_handle_finish(&handles[i]);
	return 0;
}

static const struct relay_ops ops = {
	.send = guest_sends, .allow_global = registry_allows, .defers = true};

static void say(enum relay_end from, const char *interface, const char *message, uint32_t id,
	const union wire_arg *args, int fd)
{
	static uint8_t bytes[WIRE_MAX_MESSAGE_BYTES];
	struct wire_handle handle = wire_handle_fd(fd);
	const struct interface *of = interface_find(interface);
	const uint16_t opcode = relay_opcode(of, from, message);
	struct wire_signature signature;

	wire_signature_parse(
		(from == RELAY_DOWN ? of->wl->methods : of->wl->events)[opcode].signature,
		&signature);
	const ssize_t size = wire_encode(&signature, id, opcode, args, bytes, sizeof(bytes));
	assert(size > 0);
	relay_push(w.guest.relay, from, bytes, (size_t)size, &handle, fd >= 0);
}

static void request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *args)
{
	say(RELAY_DOWN, interface, message, id, args, -1);
}

static void event(
	const char *interface, const char *message, uint32_t id, const union wire_arg *args)
{
	say(RELAY_UP, interface, message, id, args, -1);
}

/* The host's id of its @nth object of the interface, counted round; 0: there is none. */
static uint32_t find_object(const char *interface, unsigned nth)
{
	uint32_t found[MAX_IDS], n = 0;

	for (uint32_t id = 2; id < MAX_IDS; id++) {
		const struct relay_object *object = relay_object_at(w.guest.relay, RELAY_UP, id);
		if (object && strcmp(object->interface->wl->name, interface) == 0)
			found[n++] = id;
	}
	return n > 0 ? found[nth % n] : 0;
}

/* --- the steps --- */

static void send_table(uint32_t feedback, const void *bytes, size_t size, uint32_t told)
{
	int fd = fd_memfd("table", size);

	assert(fd >= 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
	say(RELAY_UP, FEEDBACK, "format_table", feedback,
		ARGS({.handle = {.kind = WIRE_FD}}, {.u = told}), fd);
}

static void make_table(uint32_t feedback)
{
	struct dmabuf_pair pairs[255] = {0};
	const uint32_t n = input_byte(&w.input);

	for (uint32_t i = 0; i < n; i++)
		pairs[i] = (struct dmabuf_pair){.format = any_format(), .modifier = any_modifier()};
	send_table(feedback, pairs, n * sizeof(pairs[0]),
		n * (uint32_t)sizeof(pairs[0]) + input_byte(&w.input));
}

static void make_bytes(uint32_t feedback)
{
	uint8_t bytes[255];
	const size_t n = input_bytes(&w.input, bytes, input_byte(&w.input));

	send_table(feedback, bytes, n, input_u32(&w.input));
}

static void send_array(const char *message, uint32_t feedback)
{
	uint8_t bytes[255];
	const size_t n = input_bytes(&w.input, bytes, input_byte(&w.input));

	event(FEEDBACK, message, feedback, ARGS({.array = {bytes, (uint32_t)n}}));
}

static void feedback_step(uint8_t step, unsigned more)
{
	const uint32_t feedback = find_object(FEEDBACK, more);

	if (feedback == 0)
		return;
	switch (step) {
	case STEP_TABLE:
		make_table(feedback);
		break;
	case STEP_BYTES:
		make_bytes(feedback);
		break;
	case STEP_FORMATS:
		send_array("tranche_formats", feedback);
		break;
	case STEP_FLAGS:
		event(FEEDBACK, "tranche_flags", feedback, ARGS({.u = input_u32(&w.input)}));
		break;
	case STEP_DONE:
		event(FEEDBACK, "tranche_done", feedback, ARGS({0}));
		break;
	case STEP_ALL_DONE:
		event(FEEDBACK, "done", feedback, ARGS({0}));
		break;
	case STEP_DEVICE:
		send_array(more & 1 ? "main_device" : "tranche_target_device", feedback);
		break;
	}
}

static void announce(uint32_t name, const char *interface, uint32_t version)
{
	event("wl_registry", "global", find_object("wl_registry", 0),
		ARGS({.u = name}, {.s = interface}, {.u = version}));
}

static void tell_pair(unsigned more, bool with_modifier)
{
	const uint32_t dmabuf = find_object(DMABUF, more), format = any_format();

	if (dmabuf == 0)
		return;
	if (with_modifier) {
		const uint64_t modifier = any_modifier();
		event(DMABUF, "modifier", dmabuf,
			ARGS({.u = format}, {.u = (uint32_t)(modifier >> 32)},
				{.u = (uint32_t)modifier}));
	} else {
		event(DMABUF, "format", dmabuf, ARGS({.u = format}));
	}
}

static void answer(void)
{
	const uint32_t callback = find_object("wl_callback", 0);

	if (callback != 0)
		event("wl_callback", "done", callback, ARGS({.u = 0}));
}

static void other_step(uint8_t step, unsigned more, uint32_t version)
{
	switch (step) {
	case STEP_MODIFIER:
	case STEP_FORMAT:
		tell_pair(more, step == STEP_MODIFIER);
		break;
	case STEP_ANSWER:
		answer();
		break;
	case STEP_ASK:
		if (w.next_id < MAX_IDS)
			request(DMABUF, "get_default_feedback", 3, ARGS({.id = w.next_id++}));
		break;
	case STEP_REMOVE:
		event("wl_registry", "global_remove", find_object("wl_registry", 0),
			ARGS({.u = DMABUF_NAME}));
		if (more > 0)
			announce(DMABUF_NAME, DMABUF, version);
		break;
	}
}

/* --- --- */

static void wake(struct connection *connection)
{
}

static void make_world(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	w.loop = wl_event_loop_create();
	w.hooks = relay_hooks_create(client_hooks);
	w.gpu = (struct gpu){.node = "/dev/dri/renderD128", .device = 0xe282};
	turn_init(&w.gpu.turn, w.loop);
	host_clocks_init(&w.clocks, false);
	assert(w.loop && w.hooks);
}

static void connect_client(struct connection *guest)
{
	connection_init(guest, &w.gpu.turn);
	guest->name = "fuzz";
	guest->loop = w.loop;
	guest->gpu = &w.gpu;
	guest->clocks = &w.clocks;
	guest->wake = wake;
	guest->channel = channel_create(&w.gpu, NULL, NULL);
	guest->transfers = transfers_create(guest);
	guest->dmabuf = dmabuf_state_create();
	guest->relay = relay_create(w.hooks, &ops, guest, "fuzz", 1024);
	assert(guest->channel && guest->transfers && guest->dmabuf && guest->relay);
}

static void disconnect_client(struct connection *guest)
{
	guest->ending = true;
	transfers_destroy(guest->transfers);
	guest->transfers = NULL;
	relay_destroy(guest->relay);
	dmabuf_state_destroy(guest->dmabuf);
	swapchain_finish_retired(guest);
	connection_finish(guest);
	channel_destroy(guest->channel);
}

/* A client with linux-dmabuf (3), a surface (5), and feedback for both (6, 7). */
static void begin(uint32_t version)
{
	const uint32_t known = (uint32_t)interface_find(DMABUF)->wl->version;

	memset(w.n_pairs, 0, sizeof(w.n_pairs));
	request("wl_display", "get_registry", 1, ARGS({.id = 2}));
	announce(1, "wl_compositor", 4);
	announce(2, "wl_shm", 1);
	announce(DMABUF_NAME, DMABUF, version);
	request("wl_registry", "bind", 2,
		ARGS({.u = DMABUF_NAME}, {.s = DMABUF}, {.u = (uint32_t)min_u64(known, 5)},
			{.id = 3}));
	request("wl_registry", "bind", 2,
		ARGS({.u = 1}, {.s = "wl_compositor"}, {.u = 4}, {.id = 4}));
	request("wl_compositor", "create_surface", 4, ARGS({.id = 5}));
	request(DMABUF, "get_default_feedback", 3, ARGS({.id = 6}));
	request(DMABUF, "get_surface_feedback", 3, ARGS({.id = 7}, {.id = 5}));
	w.next_id = 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loop)
		make_world();
	w.input = (struct input){data, size};
	const uint8_t first = input_byte(&w.input);
	const uint32_t version = (first & 15) % 6u + 1;
	w.gpu.opengl = first & 16;
	w.gpu.modifiers = first & 32;
	connect_client(&w.guest);
	begin(version);
	while (w.input.size > 0 && !relay_failure(w.guest.relay)) {
		const uint8_t step = input_byte(&w.input);
		if ((step & 15) < STEP_MODIFIER)
			feedback_step(step & 15, step >> 4);
		else
			other_step(step & 15, step >> 4, version);
	}
	disconnect_client(&w.guest);
	return 0;
}
