/*
 * the files of guest-proxy/dmabuf and drm.c, in a client of guest-proxy/clients/client.c, over a
 * channel that is made up. What either end hears is kept as text, a word for each message and its
 * arguments.
 */
#include "guest-proxy/dmabuf/dmabuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-proxy/clients/client.h"
#include "guest-proxy/dmabuf/dmabuf_formats.h"
#include "guest-proxy/dmabuf/drm.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/wayland_rig.h"

#define NODE "/dev/dri/renderD130"
#define DMABUF "zwp_linux_dmabuf_v1"
#define TILED UINT64_C(0x0100000000000002)
#define HI(modifier)                                                                               \
	{                                                                                          \
		.u = (uint32_t)((uint64_t)(modifier) >> 32)                                        \
	}
#define LO(modifier)                                                                               \
	{                                                                                          \
		.u = (uint32_t)(modifier)                                                          \
	}
#define AR24 DRM_FORMAT_ARGB8888
#define XR24 DRM_FORMAT_XRGB8888
#define DMABUF_GLOBAL 7
#define COMPOSITOR_GLOBAL 8

struct end {
	struct rig_peer peer;
	char said[8192]; /* to it */
	size_t n_said;
};

static struct wl_event_loop *loop;
static struct gpu gpu;
static struct clients *clients;
static int fd; /* the application's end */
static struct end app, host;
static uint32_t registry, host_registry;
static struct wire_handle table; /* the last format_table */
static uint32_t dmabuf_version;
static int fds_before;

static void note(struct end *end, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int n = vsnprintf(end->said + end->n_said, sizeof(end->said) - end->n_said, format, list);
	va_end(list);
	end->n_said += (size_t)n;
	assert_true(end->n_said < sizeof(end->said));
}

static void note_arg(struct end *end, char type, union wire_arg *arg)
{
	const uint8_t *data = arg->array.data;
	switch (type) {
	case 's':
		note(end, " %s", arg->s);
		break;
	case 'h':
		note(end, arg->handle.kind == WIRE_BLOB ? " blob" : " fd");
		break;
	case 'a':
		note(end, " ");
		for (uint32_t i = 0; i < arg->array.size; i++)
			note(end, "%02x", data[i]);
		break;
	default:
		note(end, " %u", arg->u);
	}
}

static void hear(struct rig_peer *peer, const struct rig_message *message)
{
	struct end *end = container_of(peer, struct end, peer);
	const struct wl_interface *wl = message->interface->wl;
	uint16_t opcode = relay_opcode(
		message->interface, peer->end == RELAY_DOWN ? RELAY_UP : RELAY_DOWN, message->name);
	struct wire_signature signature;

	if (strcmp(message->name, "delete_id") == 0)
		return;
	wire_signature_parse(
		(peer->end == RELAY_DOWN ? wl->events : wl->methods)[opcode].signature, &signature);
	note(end, "%s", message->name);
	for (size_t i = 0; i < signature.n_args; i++) {
		if (strcmp(message->name, "error") == 0 && i == 2)
			continue; /* a text for people */
		note_arg(end, signature.args[i].type, &message->args[i]);
	}
	note(end, "; ");
	if (strcmp(message->name, "format_table") == 0) {
		wire_handle_finish(&table);
		table = message->args[0].handle;
		message->args[0].handle.kind = WIRE_NONE;
	}
}

static void deliver_to_host(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	rig_deliver(&host.peer, bytes, size, handles, n);
}

/* Lets the proxy work, and the application hear. */
static void run(void)
{
	for (int i = 0; i < 4; i++) {
		uint8_t bytes[8192];
		int fds[FD_MESSAGE_MAX];
		struct wire_handle handles[FD_MESSAGE_MAX];
		size_t n_fds = 0;
		wl_event_loop_dispatch(loop, 0);
		ssize_t n = fd < 0 ? -EAGAIN : fd_recv(fd, bytes, sizeof(bytes), fds, &n_fds);
		for (size_t j = 0; n > 0 && j < n_fds; j++)
			handles[j] = wire_handle_fd(fds[j]);
		if (n > 0) {
			rig_deliver(&app.peer, bytes, (size_t)n, handles, n_fds);
			i = 0;
		}
	}
}

/* What was said to @end since the last time. */
static void expect(struct end *end, const char *text)
{
	assert_string_equal(end->said, text);
	end->said[0] = '\0';
	end->n_said = 0;
}

/* A request of the application with @with, an fd (borrowed) or -1. */
static void ask_with(uint32_t id, const char *name, const union wire_arg *args, int with)
{
	uint8_t bytes[RIG_PENDING_BYTES];
	size_t size = rig_encode(&app.peer, id, name, args, NULL, bytes);
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	assert_int_equal(fd_send(fd, &iov, 1, &with, with >= 0), size);
	run();
}

static void ask(uint32_t id, const char *name, const union wire_arg *args)
{
	ask_with(id, name, args, -1);
}

/* An event of the host, with what is in @blob (taken) for an fd, or NULL. */
static void tell_with(
	uint32_t id, const char *name, const union wire_arg *args, struct channel_blob *blob)
{
	uint8_t bytes[RIG_PENDING_BYTES];
	struct wire_handle handle;
	size_t size = rig_encode(&host.peer, id, name, args, NULL, bytes);
	if (blob) {
		handle = channel_blob_handle(blob);
		channel_blob_unref(blob);
	}
	fake_channel->listener->receive(
		fake_channel->listener_data, bytes, size, &handle, blob != NULL);
	run();
}

static void tell(uint32_t id, const char *name, const union wire_arg *args)
{
	tell_with(id, name, args, NULL);
}

static int setup(void **state)
{
	static const char *const names[] = {DMABUF, "wl_compositor"};
	int ends[2];

	fds_before = fd_count();
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&app, 0, sizeof(app));
	memset(&host, 0, sizeof(host));
	table = wire_handle_fd(-1);
	table.kind = WIRE_NONE;
	rig_peer_init(&app.peer, RELAY_DOWN, hear, NULL);
	rig_peer_init(&host.peer, RELAY_UP, hear, NULL);
	gpu = (struct gpu){.node = NODE, .device = 0x1234, .modifiers = false};
	dmabuf_version = (uint32_t)interface_find(names[0])->wl->version;
	loop = wl_event_loop_create();
	clients = clients_create(loop, &gpu);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	fd = ends[0];
	clients_add(clients, ends[1]);
	fake_channel->send = deliver_to_host;
	return 0;
}

static int teardown(void **state)
{
	clients_destroy(clients);
	assert_null(fake_channel);
	wl_event_loop_destroy(loop);
	wire_handles_finish(&app.peer.handles);
	wire_handle_finish(&table);
	fd_close(&fd);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static void again(void **state)
{
	teardown(state);
	setup(state);
}

/* A registry, in which the host tells of linux-dmabuf. */
static void announce(uint32_t host_version)
{
	registry = rig_new_id(&app.peer);
	ask(1, "get_registry", RIG_ARGS({.id = registry}));
	host_registry = 2;
	expect(&host, "get_registry 2; ");
	tell(host_registry, "global",
		RIG_ARGS({.u = COMPOSITOR_GLOBAL}, {.s = "wl_compositor"}, {.u = 4}));
	expect(&app, "global 8 wl_compositor 4; ");
	tell(host_registry, "global",
		RIG_ARGS({.u = DMABUF_GLOBAL}, {.s = DMABUF}, {.u = host_version}));
}

static uint32_t bind_global(uint32_t name, const char *interface, uint32_t version)
{
	uint32_t id = rig_new_id(&app.peer);
	app.said[0] = host.said[0] = '\0';
	app.n_said = host.n_said = 0;
	ask(registry, "bind", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}, {.id = id}));
	return id;
}

static uint32_t bind_dmabuf(uint32_t version)
{
	return bind_global(DMABUF_GLOBAL, DMABUF, version);
}

/* A dma-buf (fake_channel.h) that is finished, or not; *@finish finishes it. */
static int make_dmabuf(bool finished, int *finish)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (finished)
		assert_int_equal(write(ends[1], "", 1), 1);
	*finish = ends[1];
	return ends[0];
}

/* Globals */

static void the_newest_version_is_offered_whatever_the_hosts_is(void **state)
{
	char text[128];
	announce(3);
	snprintf(text, sizeof(text), "global %u wl_drm 2; global 7 " DMABUF " %u; ", OWN_DRM_NAME,
		dmabuf_version < 5 ? dmabuf_version : 5);
	expect(&app, text);
	bind_dmabuf(4);
	expect(&host, "bind 7 " DMABUF " 3 3; sync 4; ");
	again(state);
	announce(1); /* without create_immed wl_drm has nothing to make buffers with */
	snprintf(text, sizeof(text), "global 7 " DMABUF " %u; ", dmabuf_version);
	expect(&app, text);
}

static void without_a_render_node_there_are_none(void **state)
{
	gpu.node = NULL;
	announce(4);
	expect(&app, "");
}

/* Formats */

static void tell_pairs(uint32_t id)
{
	tell(id, "modifier", RIG_ARGS({.u = XR24}, HI(TILED), LO(TILED)));
	tell(id, "modifier",
		RIG_ARGS({.u = XR24}, HI(DRM_FORMAT_MOD_INVALID), LO(DRM_FORMAT_MOD_INVALID)));
	tell(id, "modifier", RIG_ARGS({.u = 0x20202020}, {.u = 0}, {.u = 0}));
	tell(id, "modifier", RIG_ARGS({.u = AR24}, {.u = 0}, {.u = 0}));
	tell(id, "format", RIG_ARGS({.u = AR24}));
}

static void an_old_client_hears_of_what_the_guest_can_use(void **state)
{
	announce(4);
	bind_dmabuf(3);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	tell_pairs(3);
	expect(&app,
		"modifier 875713112 16777215 4294967295; modifier 875713089 0 0; "
		"format 875713089; ");
	again(state);
	gpu.modifiers = true;
	announce(4);
	bind_dmabuf(3);
	host.said[0] = '\0';
	tell_pairs(3);
	expect(&app,
		"modifier 875713112 16777216 2; modifier 875713112 16777215 4294967295; "
		"modifier 875713089 0 0; format 875713089; ");
}

static void where_there_is_opengl_only_what_it_shares_is_offered(void **state)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB2101010, DRM_FORMAT_ABGR2101010,
		DRM_FORMAT_RGB565, DRM_FORMAT_XBGR8888};
	gpu.opengl = true;
	announce(4);
	bind_dmabuf(3);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		tell(3, "modifier", RIG_ARGS({.u = formats[i]}, {.u = 0}, {.u = 0}));
	expect(&app, "modifier 875709016 0 0; ");
}

/* The table that was told last has these bytes, and nobody can change them. */
static void expect_table(const struct dmabuf_pair *pairs, size_t n)
{
	struct dmabuf_pair got[16];
	assert_int_equal(table.kind, WIRE_FD);
	assert_int_equal(pread(table.fd, got, sizeof(got), 0), n * sizeof(*pairs));
	assert_memory_equal(got, pairs, n * sizeof(*pairs));
	int seals = fcntl(table.fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	assert_true(pwrite(table.fd, "x", 1, 0) < 0);
}

static const struct dmabuf_pair own_pairs[] = {
	{.format = XR24, .modifier = DRM_FORMAT_MOD_INVALID},
	{.format = AR24, .modifier = DRM_FORMAT_MOD_LINEAR},
};
#define OWN_FEEDBACK                                                                               \
	"format_table fd 32; main_device 3412000000000000; "                                       \
	"tranche_target_device 3412000000000000; tranche_flags 0; tranche_formats 00000100; "      \
	"tranche_done; done; "

static void feedback_is_made_of_formats_where_the_host_has_none(void **state)
{
	announce(3);
	uint32_t manager = bind_dmabuf(4), early = rig_new_id(&app.peer), late;
	expect(&host, "bind 7 " DMABUF " 3 3; sync 4; ");
	ask(manager, "get_default_feedback", RIG_ARGS({.id = early}));
	tell_pairs(3);
	expect(&app, "");
	tell(4, "done", RIG_ARGS({.u = 0}));
	expect(&app, OWN_FEEDBACK);
	expect_table(own_pairs, 2);
	late = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = late}));
	expect(&app, OWN_FEEDBACK);
	expect_table(own_pairs, 2);
	ask(early, "destroy", NULL);
	ask(late, "destroy", NULL);
	ask(manager, "destroy", NULL);
	expect(&host, "destroy; ");
}

static void feedback_outlives_who_was_asked_for_it(void **state)
{
	announce(3);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	ask(manager, "destroy", NULL);
	tell(4, "done", RIG_ARGS({.u = 0}));
	expect(&app, "format_table fd 0; main_device 3412000000000000; done; ");
}

static void tell_tranche(uint32_t id, uint32_t flags, const uint16_t *indices, uint32_t n)
{
	uint64_t device = 0xe200;
	tell(id, "tranche_target_device", RIG_ARGS({.array = {&device, 8}}));
	tell(id, "tranche_flags", RIG_ARGS({.u = flags}));
	tell(id, "tranche_formats", RIG_ARGS({.array = {indices, 2 * n}}));
	tell(id, "tranche_done", NULL);
}

static void feedback_of_the_host_is_told_anew(void **state)
{
	static const struct dmabuf_pair theirs[] = {
		{.format = XR24, .modifier = TILED},
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = 0x20202020, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = AR24, .modifier = DRM_FORMAT_MOD_INVALID},
		{.format = DRM_FORMAT_NV12, .modifier = DRM_FORMAT_MOD_LINEAR},
	};
	static const struct dmabuf_pair left[] = {
		{.format = XR24, .modifier = DRM_FORMAT_MOD_LINEAR},
		{.format = AR24, .modifier = DRM_FORMAT_MOD_INVALID},
		{.format = DRM_FORMAT_NV12, .modifier = DRM_FORMAT_MOD_LINEAR},
	};
	uint64_t device = 0xe200;
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	expect(&host, "bind 7 " DMABUF " 4 3; ");
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	expect(&host, "get_default_feedback 4; ");
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(fake_channel, sizeof(theirs), &blob), 0);
	memcpy(blob->map, theirs, sizeof(theirs));
	tell_with(4, "format_table", RIG_ARGS({.i = 0}, {.u = sizeof(theirs)}), blob);
	tell(4, "main_device", RIG_ARGS({.array = {&device, 8}}));
	tell_tranche(4, 1, (const uint16_t[]){0, 1}, 2);       /* for scan-out */
	tell_tranche(4, 0, (const uint16_t[]){0, 2}, 2);       /* nothing for the guest */
	tell_tranche(4, 0, (const uint16_t[]){3, 4, 999}, 3);  /* one too far */
	tell_tranche(4, 0, (const uint16_t[]){4, 1, 3, 0}, 4); /* of another device, once more */
	expect(&app, "");
	tell(4, "done", NULL);
	expect(&app,
		"format_table fd 48; main_device 3412000000000000; "
		"tranche_target_device 3412000000000000; tranche_flags 1; tranche_formats 0000; "
		"tranche_done; "
		"tranche_target_device 3412000000000000; tranche_flags 0; "
		"tranche_formats 01000200; tranche_done; "
		"tranche_target_device 3412000000000000; tranche_flags 0; tranche_formats 0000; "
		"tranche_done; done; ");
	expect_table(left, 3);

	/* Something else is better now; the table is the same. */
	tell_tranche(4, 0, (const uint16_t[]){4}, 1);
	tell(4, "done", NULL);
	expect(&app,
		"main_device 3412000000000000; tranche_target_device 3412000000000000; "
		"tranche_flags 0; tranche_formats 0200; tranche_done; done; ");
}

static void a_table_that_is_no_file_of_pairs_is_an_empty_one(void **state)
{
	announce(4);
	uint32_t manager = bind_dmabuf(4), feedback = rig_new_id(&app.peer);
	ask(manager, "get_default_feedback", RIG_ARGS({.id = feedback}));
	struct channel_blob *blob;
	assert_int_equal(channel_blob_create(fake_channel, 16, &blob), 0);
	memset(blob->map, 0, blob->size);
	tell_with(4, "format_table", RIG_ARGS({.i = 0}, {.u = UINT32_MAX}), blob);
	tell_tranche(4, 0, (const uint16_t[]){0, 65535}, 2);
	tell(4, "done", NULL);
	expect(&app, "format_table fd 0; main_device 3412000000000000; done; ");
}

/* Buffers */

static uint32_t new_params(uint32_t manager)
{
	uint32_t id = rig_new_id(&app.peer);
	ask(manager, "create_params", RIG_ARGS({.id = id}));
	return id;
}

static void add(uint32_t params, int dmabuf, uint32_t plane)
{
	ask_with(params, "add",
		RIG_ARGS({.i = 0}, {.u = plane}, {.u = 256 * plane}, {.u = 64}, {.u = 0}, {.u = 0}),
		dmabuf);
}

static void planes_cross_as_blobs_that_are_let_go(void **state)
{
	int finish, dmabuf = make_dmabuf(true, &finish);
	announce(4);
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	expect(&host, "bind 7 " DMABUF " 3 3; create_params 4; ");
	add(params, dmabuf, 0);
	add(params, dmabuf, 1);
	assert_int_equal(fake_channel->imports, 0);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	expect(&host,
		"add blob 0 0 64 0 0; add blob 1 256 64 0 0; create_immed 5 16 16 875713112 0; ");
	ask(params, "destroy", NULL);
	tell(5, "release", NULL); /* goes to the application when the host gives it back */
	expect(&app, "release; ");
	ask(buffer, "destroy", NULL);
	expect(&host, "destroy; destroy; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_buffer_that_was_asked_for_comes_as_an_event(void **state)
{
	int finish, dmabuf = make_dmabuf(true, &finish);
	announce(4);
	uint32_t params = new_params(bind_dmabuf(3));
	add(params, dmabuf, 0);
	ask(params, "create", RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	tell(4, "created", RIG_ARGS({.id = WIRE_SERVER_ID_START}));
	expect(&app, "created 4278190080; ");
	ask(WIRE_SERVER_ID_START, "destroy", NULL);
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void what_is_no_dmabuf_of_the_device_is_refused(void **state)
{
	enum { MEMFD, NULL_DEVICE, SOCKET, N_KINDS };
	for (int kind = 0; kind < 2 * N_KINDS; kind++) {
		int ends[2], other;
		char text[64];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		other = kind % N_KINDS == MEMFD         ? fd_memfd("other", 4096)
			: kind % N_KINDS == NULL_DEVICE ? open("/dev/null", O_RDWR | O_CLOEXEC)
							: fd_dup(ends[0]);
		int finish, dmabuf = make_dmabuf(true, &finish);
		announce(4);
		uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
		host.n_said = 0;
		add(params, dmabuf, 0);
		add(params, other, 1);
		expect(&host, "add blob 0 0 64 0 0; ");
		if (kind < N_KINDS) {
			ask(params, "create",
				RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
			expect(&app, "failed; ");
			ask(params, "create",
				RIG_ARGS({.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
			snprintf(text, sizeof(text), "error %u 0; ", params);
		} else {
			ask(params, "create_immed",
				RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24},
					{.u = 0}));
			snprintf(text, sizeof(text), "error %u 7; ", params);
		}
		expect(&app, text);
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		fd_close(&other);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

static void an_import_for_want_of_memory_is_an_error_of_its_own(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {{-ENOMEM, "error 1 2; "}, {-EMFILE, "error 1 2; "}, {-EPIPE, "error 1 3; "}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int finish, dmabuf = make_dmabuf(true, &finish);
		announce(4);
		uint32_t params = new_params(bind_dmabuf(3));
		fake_channel->import_error = cases[i].error;
		add(params, dmabuf, 0);
		expect(&app, cases[i].text);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

/* Frames that are not finished */

/* A surface with @dmabuf attached; its id. */
static uint32_t attach(int dmabuf)
{
	announce(4);
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	uint32_t params = new_params(bind_dmabuf(3)), buffer = rig_new_id(&app.peer);
	add(params, dmabuf, 0);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	host.n_said = 0;
	ask(surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	expect(&host, "attach 7 0 0; ");
	return surface;
}

static void a_commit_waits_until_its_frame_is_finished(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t surface = attach(dmabuf);
	ask(surface, "commit", NULL);
	ask(surface, "damage", RIG_ARGS({.i = 1}, {.i = 2}, {.i = 3}, {.i = 4}));
	ask(surface, "commit", NULL);
	expect(&host, "");
	assert_int_equal(write(finish, "", 1), 1);
	run();
	expect(&host, "commit; damage 1 2 3 4; commit; ");
	ask(surface, "commit", NULL);
	expect(&host, "commit; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void others_do_not_wait(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish), ends[2], first = fd;
	struct channel *first_channel = fake_channel;
	uint32_t surface = attach(dmabuf);
	ask(surface, "commit", NULL);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	clients_add(clients, ends[1]);
	fake_channel->send = deliver_to_host;
	static struct end first_app, first_host;
	first_app = app;
	first_host = host;
	rig_peer_init(&app.peer, RELAY_DOWN, hear, NULL);
	rig_peer_init(&host.peer, RELAY_UP, hear, NULL);
	fd = ends[0];
	ask(1, "get_registry", RIG_ARGS({.id = rig_new_id(&app.peer)}));
	expect(&host, "get_registry 2; ");
	fd_close(&fd);
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(loop, 0);
	fd = first;
	fake_channel = first_channel;
	app = first_app;
	host = first_host;
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_client_may_go_while_its_frame_is_not_finished(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	ask(attach(dmabuf), "commit", NULL);
	fd_close(&fd);
	run();
	assert_int_equal(write(finish, "", 1), 1);
	run();
	for (int i = 0; i < 100 && clients_count(clients) > 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(clients_count(clients), 0);
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void a_frame_that_is_never_finished_is_the_end_of_its_client(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	ask(attach(dmabuf), "commit", NULL);
	for (int i = 0; i < 80 && !app.n_said; i++) {
		wl_event_loop_dispatch(loop, 100);
		run();
	}
	expect(&app, "error 1 3; ");
	expect(&host, "");
	fd_close(&dmabuf);
	fd_close(&finish);
}

/* wl_drm */

static uint32_t bind_drm(void)
{
	announce(4);
	uint32_t drm = bind_global(OWN_DRM_NAME, "wl_drm", 2);
	expect(&host, "bind 7 " DMABUF " 3 3; ");
	expect(&app, "device " NODE "; capabilities 1; ");
	return drm;
}

static void wl_drm_tells_of_the_guests_device(void **state)
{
	uint32_t drm = bind_drm();
	tell_pairs(3);
	expect(&app, "format 875713112; format 875713089; ");
	bind_global(OWN_DRM_NAME, "wl_drm", 1);
	expect(&app, "device " NODE "; format 875713112; format 875713089; ");
	ask(drm, "authenticate", RIG_ARGS({.u = 5}));
	expect(&app, "authenticated; ");
	expect(&host, "");
}

static void wl_drms_buffers_are_linux_dmabufs(void **state)
{
	int finish, dmabuf = make_dmabuf(false, &finish);
	uint32_t drm = bind_drm(), buffer = rig_new_id(&app.peer);
	ask_with(drm, "create_prime_buffer",
		RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 16}, {.i = 16}, {.u = DRM_FORMAT_NV12},
			{.i = 0}, {.i = 16}, {.i = 256}, {.i = 32}, {.i = 1}, {.i = 2}),
		dmabuf);
	expect(&host,
		"create_params 4; add blob 0 0 16 16777215 4294967295; "
		"add blob 1 256 32 16777215 4294967295; create_immed 5 16 16 842094158 0; "
		"destroy; ");
	assert_int_equal(fake_channel->imports, 0);
	tell(1, "delete_id", RIG_ARGS({.u = 4}));
	/* It is waited for like any other. */
	uint32_t compositor = bind_global(COMPOSITOR_GLOBAL, "wl_compositor", 4);
	uint32_t surface = rig_new_id(&app.peer);
	ask(compositor, "create_surface", RIG_ARGS({.id = surface}));
	ask(surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	ask(surface, "commit", NULL);
	assert_null(strstr(host.said, "commit"));
	assert_int_equal(write(finish, "", 1), 1);
	run();
	assert_non_null(strstr(host.said, "commit"));
	tell(5, "release", NULL);
	expect(&app, "release; ");
	fd_close(&dmabuf);
	fd_close(&finish);
}

static void what_wl_drm_cannot_do_is_refused(void **state)
{
	enum { NAMED, PLANAR, FOREIGN, FORMAT, N_CASES };
	static const uint32_t codes[N_CASES] = {2, 2, 2, 1};
	for (int i = 0; i < N_CASES; i++) {
		uint32_t drm = bind_drm(), buffer = rig_new_id(&app.peer);
		int finish, dmabuf = make_dmabuf(true, &finish);
		int other = fd_memfd("other", 4096);
		char text[64];
		if (i == NAMED)
			ask(drm, "create_buffer",
				RIG_ARGS({.id = buffer}, {.u = 1}, {.i = 16}, {.i = 16}, {.u = 64},
					{.u = XR24}));
		else if (i == PLANAR)
			ask(drm, "create_planar_buffer",
				RIG_ARGS({.id = buffer}, {.u = 1}, {.i = 16}, {.i = 16},
					{.u = XR24}));
		else
			ask_with(drm, "create_prime_buffer",
				RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 16}, {.i = 16},
					{.u = i == FORMAT ? 1 : XR24}, {.i = 0}, {.i = 64}),
				i == FOREIGN ? other : dmabuf);
		snprintf(text, sizeof(text), "error %u %u; ", drm, codes[i]);
		expect(&app, text);
		expect(&host, "");
		fd_close(&other);
		fd_close(&dmabuf);
		fd_close(&finish);
		again(state);
	}
}

/* Growth */

static void a_thousand_sizes_leave_nothing_behind(void **state)
{
	announce(4);
	uint32_t manager = bind_dmabuf(3);
	int fds = fd_count();
	for (int32_t size = 1; size <= 1000; size++) {
		int finish, dmabuf = make_dmabuf(true, &finish);
		uint32_t params = new_params(manager), buffer = rig_new_id(&app.peer);
		add(params, dmabuf, 0);
		ask(params, "create_immed",
			RIG_ARGS({.id = buffer}, {.i = size}, {.i = size}, {.u = XR24}, {.u = 0}));
		fd_close(&dmabuf);
		fd_close(&finish);
		ask(params, "destroy", NULL);
		ask(buffer, "destroy", NULL);
		tell(1, "delete_id", RIG_ARGS({.u = 4}));
		tell(1, "delete_id", RIG_ARGS({.u = 5}));
		host.n_said = 0;
	}
	assert_int_equal(fd_count(), fds);
	assert_int_equal(fake_channel->imports, 0);
	assert_int_equal(fake_channel->counters.blobs, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_version_is_offered_whatever_the_hosts_is),
		TEST(without_a_render_node_there_are_none),
		TEST(an_old_client_hears_of_what_the_guest_can_use),
		TEST(where_there_is_opengl_only_what_it_shares_is_offered),
		TEST(feedback_is_made_of_formats_where_the_host_has_none),
		TEST(feedback_outlives_who_was_asked_for_it),
		TEST(feedback_of_the_host_is_told_anew),
		TEST(a_table_that_is_no_file_of_pairs_is_an_empty_one),
		TEST(planes_cross_as_blobs_that_are_let_go),
		TEST(a_buffer_that_was_asked_for_comes_as_an_event),
		TEST(what_is_no_dmabuf_of_the_device_is_refused),
		TEST(an_import_for_want_of_memory_is_an_error_of_its_own),
		TEST(a_commit_waits_until_its_frame_is_finished),
		TEST(others_do_not_wait),
		TEST(a_client_may_go_while_its_frame_is_not_finished),
		TEST(a_frame_that_is_never_finished_is_the_end_of_its_client),
		TEST(wl_drm_tells_of_the_guests_device),
		TEST(wl_drms_buffers_are_linux_dmabufs),
		TEST(what_wl_drm_cannot_do_is_refused),
		TEST(a_thousand_sizes_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
