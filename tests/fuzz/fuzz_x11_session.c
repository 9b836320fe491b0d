/*
 * A whole life of Xwayland (guest-proxy/x11/life.h) whose X server and compositor do as they
 * please: what X clients may send each other, above all messages of XDND with any words, selections
 * that change hands in any state, windows that come and go, and what a compositor says of its
 * drags.
 *
 * The input is a row of deeds (below), each a byte and what it needs; answers to what we ask X take
 * their bytes from it, too.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-protocol.h>
#include <xcb/xcbext.h>
#include <xcb/xfixes.h>

#include "guest-proxy/x11/life.h"
#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/windows/surface.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/interfaces/interfaces.h"
#include "tests/fuzz/relay_talk.h"
#include "tests/unit/x_event.h"

#define ARGS(...) ((const union wire_arg[WIRE_MAX_ARGS]){__VA_ARGS__})
#define DEEDS_MAX 400 /* of an input; more say nothing new */
#define EVENT_BYTES 32
#define ROOT 0x100
#define OUR_ID 0x200001
#define ID_MASK 0x1fffff
#define ATOM_BASE 1000
#define XFIXES_EVENT 87
#define FIRST_CLIENT 0x400001
#define OTHER_CLIENT 0x600001
#define GET_PROPERTY 20
#define GET_ATOM_NAME 17
#define INTERN_ATOM 16
#define GET_INPUT_FOCUS 43

/* Ids of Xwayland's objects. */
enum id { REGISTRY = 2, COMPOSITOR, SHM, SEAT, SURFACE, POINTER };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct life *life;
	struct relay_talk talk; /* the input */
	int down, up, wm;       /* the other ends */
	bool starting;          /* answers are a server's */

	unsigned sequence;
	/* Of requests, by sequence: more than an input makes, so that an answer is of its
	 * request's type however late it comes. 0: nothing is answered. */
	uint8_t opcodes[1 << 16];
	uint32_t ids, atoms;
} world;

/* What words are made of: atoms, windows of two clients, of ours and none, numbers */

static uint8_t any_byte(void)
{
	return relay_talk_byte(&world.talk);
}

static uint32_t any_atom(void)
{
	return ATOM_BASE + any_byte() % (N_ATOMS + 2);
}

static uint32_t window_of(uint8_t byte)
{
	static const uint32_t bases[] = {FIRST_CLIENT, FIRST_CLIENT, OTHER_CLIENT, OUR_ID};
	return bases[byte % 4] + byte / 4 % 6;
}

static uint32_t any_window(void)
{
	uint8_t byte = any_byte();
	return byte < 240 ? window_of(byte) : byte < 250 ? ROOT : XCB_NONE;
}

static uint32_t any_word(void)
{
	uint8_t kind = any_byte();
	switch (kind % 5) {
	case 0:
		return any_window();
	case 1:
		return any_atom();
	case 2:
		return 5u << 24 | (kind > 127);
	case 3:
		return relay_talk_number(any_byte());
	}
	return (uint32_t)any_byte() << 16 | any_byte();
}

/* X: these take the places of libxcb's; its functions for requests call the first */

unsigned int xcb_send_request(
	xcb_connection_t *c, int flags, struct iovec *vector, const xcb_protocol_request_t *request)
{
	world.sequence++;
	world.opcodes[world.sequence % ARRAY_LENGTH(world.opcodes)] = request->isvoid ? 0
		: request->ext                                                        ? 1
			       : request->opcode;
	return world.sequence;
}

static void *answer(size_t bytes)
{
	xcb_generic_reply_t *reply = calloc(1, bytes);
	assert(reply);
	reply->response_type = 1;
	return reply;
}

static void *answer_property(void)
{
	static const uint8_t formats[] = {32, 32, 32, 8, 16, 0};
	uint8_t format = formats[any_byte() % sizeof(formats)];
	uint32_t count = any_byte() % 24;
	xcb_get_property_reply_t *reply = answer(sizeof(*reply) + (size_t)count * format / 8);
	uint8_t *bytes = (uint8_t *)(reply + 1);
	reply->format = format;
	reply->type = format ? any_atom() : XCB_NONE;
	reply->value_len = format ? count : 0;
	reply->bytes_after = any_byte() > 200 ? 4096 : 0;
	for (uint32_t i = 0; i < reply->value_len; i++) {
		uint32_t word = format == 32 ? any_word() : any_byte();
		memcpy(bytes + (size_t)i * format / 8, &word, format / 8);
	}
	return reply;
}

static void *answer_name(void)
{
	static const char *const names[] = {"text/plain", "UTF8_STRING", "text/uri-list", "TARGETS",
		"", "STRING", "image/png", "MULTIPLE", "application/x-wayferry-drag"};
	const char *name = names[any_byte() % ARRAY_LENGTH(names)];
	xcb_get_atom_name_reply_t *reply = answer(sizeof(*reply) + strlen(name));
	reply->name_len = (uint16_t)strlen(name);
	memcpy(reply + 1, name, strlen(name));
	return reply;
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	*error = NULL;
	*reply = NULL;
	/* Late, now and then; or an error. */
	uint8_t how = world.starting ? 2 : any_byte() % 8;
	if (how == 0)
		return 0;
	switch (how == 1 ? 0 : world.opcodes[request % ARRAY_LENGTH(world.opcodes)]) {
	case GET_PROPERTY:
		*reply = answer_property();
		break;
	case GET_ATOM_NAME:
		*reply = answer_name();
		break;
	case INTERN_ATOM: {
		xcb_intern_atom_reply_t *atom = answer(sizeof(*atom));
		atom->atom = world.starting ? ATOM_BASE + world.atoms++ : any_atom();
		*reply = atom;
		break;
	}
	case GET_INPUT_FOCUS:
		*reply = answer(sizeof(xcb_get_input_focus_reply_t));
		break;
	}
	return 1;
}

xcb_connection_t *xcb_connect_to_fd(int fd, xcb_auth_info_t *auth)
{
	world.wm = fd;
	return (xcb_connection_t *)&world;
}

void xcb_disconnect(xcb_connection_t *c)
{
	fd_close(&world.wm);
}

int xcb_connection_has_error(xcb_connection_t *c)
{
	return 0;
}

int xcb_get_file_descriptor(xcb_connection_t *c)
{
	return world.wm;
}

int xcb_flush(xcb_connection_t *c)
{
	return 1;
}

void xcb_discard_reply(xcb_connection_t *c, unsigned int sequence)
{
}

uint32_t xcb_generate_id(xcb_connection_t *c)
{
	return OUR_ID + world.ids++ % ID_MASK;
}

const xcb_query_extension_reply_t *xcb_get_extension_data(
	xcb_connection_t *c, xcb_extension_t *extension)
{
	/* No shapes: see fuzz_x11. */
	static const xcb_query_extension_reply_t none,
		xfixes = {.present = 1, .first_event = XFIXES_EVENT};
	return extension == &xcb_xfixes_id ? &xfixes : &none;
}

const xcb_setup_t *xcb_get_setup(xcb_connection_t *c)
{
	static const struct all {
		xcb_setup_t setup;
		xcb_screen_t screen;
	} all = {{.resource_id_mask = ID_MASK, .roots_len = 1},
		{.root = ROOT, .width_in_pixels = 1280, .height_in_pixels = 720}};
	static_assert(offsetof(struct all, screen) == sizeof(all.setup), "the root follows");
	return &all.setup;
}

/* Rounds, as of the main loop */

static void drain(int fd)
{
	uint8_t bytes[4096];
	/* Without room for file descriptors the kernel closes them. */
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

static bool settle(struct wl_event_loop *loop)
{
	const char *over = NULL;
	bool more = true;
	for (int i = 0; i < 8 && more && !over; i++) {
		more = false;
		wl_event_loop_dispatch(loop, 0);
		over = life_settle(world.life, &more);
		drain(world.down);
		drain(world.up);
	}
	return !over;
}

static struct wire_handle new_handle(enum relay_end from)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return wire_handle_fd(fd_memfd("fuzz", 4096));
	close(ends[0]);
	return wire_handle_fd(ends[1]);
}

static void push(enum relay_end from, const char *interface, const char *message, uint32_t id,
	const union wire_arg *args)
{
	const struct interface *found = interface_find(interface);
	uint16_t opcode = relay_opcode(found, from, message);
	struct wire_signature signature;
	uint8_t bytes[256];
	wire_signature_parse(
		(from == RELAY_DOWN ? found->wl->methods : found->wl->events)[opcode].signature,
		&signature);
	ssize_t size = wire_encode(&signature, id, opcode, args, bytes, sizeof(bytes));
	assert(size > 0);
	relay_push(world.talk.relay, from, bytes, (size_t)size, NULL, 0);
}

static uint32_t up_id(uint32_t down)
{
	const struct relay_object *object = relay_object_at(world.talk.relay, RELAY_DOWN, down);
	assert(object);
	return object->id[RELAY_UP];
}

/* The beginning: a window that is shown, with the pointer on it, and a button held */

static void start_wayland(void)
{
	static const struct {
		const char *name;
		uint32_t version;
	} globals[] = {{"wl_compositor", 4}, {"wl_shm", 1}, {"wl_seat", 5}, {"xdg_wm_base", 1},
		{"wl_data_device_manager", 3}, {"zwp_primary_selection_device_manager_v1", 1},
		{"xdg_activation_v1", 1}, {"wp_viewporter", 1}, {"zxdg_decoration_manager_v1", 1},
		{"xdg_toplevel_icon_manager_v1", 1}, {"xdg_wm_dialog_v1", 1}};
	push(RELAY_DOWN, "wl_display", "get_registry", 1, ARGS({.id = REGISTRY}));
	uint32_t registry = up_id(REGISTRY);
	for (uint32_t i = 0; i < ARRAY_LENGTH(globals); i++)
		push(RELAY_UP, "wl_registry", "global", registry,
			ARGS({.u = i + 1}, {.s = globals[i].name}, {.u = globals[i].version}));
	for (uint32_t i = 0; COMPOSITOR + i <= SEAT; i++)
		push(RELAY_DOWN, "wl_registry", "bind", REGISTRY,
			ARGS({.u = i + 1}, {.s = globals[i].name}, {.u = globals[i].version},
				{.id = COMPOSITOR + i}));
	push(RELAY_UP, "wl_seat", "capabilities", up_id(SEAT), ARGS({.u = 3}));
	push(RELAY_DOWN, "wl_compositor", "create_surface", COMPOSITOR, ARGS({.id = SURFACE}));
	push(RELAY_DOWN, "wl_seat", "get_pointer", SEAT, ARGS({.id = POINTER}));
}

static void start_window(struct wl_event_loop *loop)
{
	xcb_create_notify_event_t create = {.response_type = XCB_CREATE_NOTIFY,
		.parent = ROOT,
		.window = FIRST_CLIENT,
		.width = 100,
		.height = 100};
	xcb_map_notify_event_t map = {
		.response_type = XCB_MAP_NOTIFY, .event = ROOT, .window = FIRST_CLIENT};
	xcb_client_message_event_t message = {.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = FIRST_CLIENT,
		.type = ATOM_BASE + ATOM_WL_SURFACE_ID,
		.data.data32 = {SURFACE}};
	x_event_set(&create, sizeof(create));
	settle(loop);
	x_event_set(&map, sizeof(map));
	settle(loop);
	x_event_set(&message, sizeof(message));
	settle(loop);
	push(RELAY_UP, "wl_pointer", "enter", up_id(POINTER),
		ARGS({.u = 1}, {.id = up_id(SURFACE)}, {.f = 2560}, {.f = 2560}));
	settle(loop);
	push(RELAY_UP, "wl_pointer", "button", up_id(POINTER),
		ARGS({.u = 2}, {.u = 0}, {.u = 272}, {.u = 1}));
	settle(loop);
}

/* The deeds */

static void deed_message(void)
{
	static const enum atom types[] = {ATOM_XdndEnter, ATOM_XdndPosition, ATOM_XdndStatus,
		ATOM_XdndLeave, ATOM_XdndDrop, ATOM_XdndFinished};
	uint8_t type = any_byte();
	xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = type > 250 ? 8 : 32,
		.window = any_window(),
		.type = type < 200 ? ATOM_BASE + types[type % ARRAY_LENGTH(types)] : any_atom(),
	};
	for (int i = 0; i < 5; i++)
		event.data.data32[i] = any_word();
	x_event_set(&event, sizeof(event));
}

static uint32_t any_selection(void)
{
	static const enum atom selections[] = {
		ATOM_XdndSelection, ATOM_XdndSelection, ATOM_CLIPBOARD, ATOM_PRIMARY};
	uint8_t byte = any_byte();
	return byte < 240 ? ATOM_BASE + selections[byte % 4] : any_atom();
}

static void deed_owner(void)
{
	xcb_xfixes_selection_notify_event_t event = {
		.response_type = XFIXES_EVENT + XCB_XFIXES_SELECTION_NOTIFY,
		.subtype = any_byte() % 3,
		.owner = any_window(),
		.selection = any_selection(),
		.selection_timestamp = any_byte(),
	};
	x_event_set(&event, sizeof(event));
}

static void deed_request(void)
{
	xcb_selection_request_event_t event = {
		.response_type = XCB_SELECTION_REQUEST,
		.time = any_byte(),
		.owner = any_window(),
		.requestor = any_window(),
		.selection = any_selection(),
		.target = any_atom(),
		.property = any_byte() > 32 ? any_atom() : XCB_NONE,
	};
	x_event_set(&event, sizeof(event));
}

static void deed_notify(void)
{
	xcb_selection_notify_event_t event = {
		.response_type = XCB_SELECTION_NOTIFY,
		.time = any_byte(),
		.requestor = any_window(),
		.selection = any_selection(),
		.target = any_atom(),
		.property = any_byte() > 32 ? any_atom() : XCB_NONE,
	};
	x_event_set(&event, sizeof(event));
}

static void deed_property(void)
{
	xcb_property_notify_event_t event = {
		.response_type = XCB_PROPERTY_NOTIFY,
		.window = any_window(),
		.atom = any_atom(),
		.time = any_byte(),
		.state = any_byte() % 2,
	};
	x_event_set(&event, sizeof(event));
}

/* All of these have the window, and where it stands, at the same places. */
static void deed_window(void)
{
	static const uint8_t types[] = {XCB_CREATE_NOTIFY, XCB_DESTROY_NOTIFY, XCB_REPARENT_NOTIFY,
		XCB_MAP_REQUEST, XCB_MAP_NOTIFY, XCB_UNMAP_NOTIFY, XCB_CONFIGURE_REQUEST,
		XCB_CONFIGURE_NOTIFY, XCB_FOCUS_IN};
	uint8_t bytes[EVENT_BYTES];
	bytes[0] = types[any_byte() % sizeof(types)];
	uint32_t windows[] = {ROOT, any_window()};
	for (size_t i = 1; i < sizeof(bytes); i++)
		bytes[i] = i % 4 > 1 || i < 12 ? 0 : any_byte();
	memcpy(bytes + 4, windows, sizeof(windows));
	x_event_set(bytes, sizeof(bytes));
}

static void deed_from_compositor(void)
{
	relay_talk_message(&world.talk, RELAY_UP);
}

static void deed_from_xwayland(void)
{
	relay_talk_message(&world.talk, RELAY_DOWN);
}

static void deed_button(void)
{
	const struct relay_object *pointer = relay_object_at(world.talk.relay, RELAY_DOWN, POINTER);
	uint8_t byte = any_byte();
	if (pointer && pointer->id[RELAY_UP] &&
		strcmp(pointer->interface->wl->name, "wl_pointer") == 0)
		push(RELAY_UP, "wl_pointer", "button", pointer->id[RELAY_UP],
			ARGS({.u = byte}, {.u = 0}, {.u = 272}, {.u = byte & 1}));
}

/* A drag or a selection of another Wayland client, or ours come back. */
static void deed_device(void)
{
	const struct relay_object *device = selection_device(life_session(world.life));
	const struct relay_object *surface = relay_object_at(world.talk.relay, RELAY_DOWN, SURFACE);
	if (!device || !device->id[RELAY_UP] || !surface || !surface->id[RELAY_UP] ||
		surface->interface != interface_find("wl_surface"))
		return;
	uint32_t id = device->id[RELAY_UP], offer = relay_talk_free_id(world.talk.relay, RELAY_UP);
	uint8_t what = any_byte() % 6;
	if (what < 3) {
		push(RELAY_UP, "wl_data_device", "data_offer", id, ARGS({.id = offer}));
		push(RELAY_UP, "wl_data_offer", "offer", offer,
			ARGS({.s = relay_talk_string(any_byte())}));
		push(RELAY_UP, "wl_data_offer", "source_actions", offer,
			ARGS({.u = any_byte() % 8}));
	}
	if (what < 2)
		push(RELAY_UP, "wl_data_device", "enter", id,
			ARGS({.u = 3}, {.id = surface->id[RELAY_UP]}, {.f = 256}, {.f = 256},
				{.id = offer}));
	else if (what == 2)
		push(RELAY_UP, "wl_data_device", "selection", id, ARGS({.id = offer}));
	else if (what == 3)
		push(RELAY_UP, "wl_data_device", "motion", id,
			ARGS({.u = 4}, {.f = any_byte() * 256}, {.f = 256}));
	else
		push(RELAY_UP, "wl_data_device", what == 4 ? "leave" : "drop", id, ARGS({0}));
}

static void (*const deeds[])(void) = {deed_message, deed_message, deed_message, deed_owner,
	deed_request, deed_notify, deed_property, deed_window, deed_from_compositor,
	deed_from_compositor, deed_from_xwayland, deed_button, deed_device, deed_device};

/* One input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct session_settings settings;
	struct wl_event_loop *loop = wl_event_loop_create();
	int up[2], down[2];
	log_set_level(LOG_LEVEL_ERROR);
	memset(&world, 0, sizeof(world));
	assert(loop && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, up) == 0 &&
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, down) == 0);
	world.up = up[1];
	world.down = down[1];
	world.life = life_create(loop, &settings, up[0], down[0]);
	assert(world.life);
	const struct session *session = life_session(world.life);
	world.talk = (struct relay_talk){session->relay, new_handle, NULL, 0};
	world.starting = true;
	start_wayland();
	life_manage(world.life, eventfd(0, EFD_CLOEXEC));
	settle(loop);
	assert(session->managing);
	start_window(loop);
	world.starting = false;
	world.talk.data = data;
	world.talk.size = size;
	for (int i = 0; i < DEEDS_MAX && world.talk.size > 0; i++) {
		deeds[any_byte() % ARRAY_LENGTH(deeds)]();
		if (!settle(loop))
			break;
		assert(session->replies.count < 4096);
	}
	free(x_event);
	x_event = NULL;
	life_destroy(world.life);
	close(world.up);
	close(world.down);
	wl_event_loop_destroy(loop);
	return 0;
}
