/* A client of guest-proxy/clients, over a channel that is made up. */
#include "tests/unit/dmabuf_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"

struct wl_event_loop *loop;
struct gpu gpu;
struct clients *clients;
int fd; /* the application's end */
struct end app, host;
uint32_t registry, host_registry;
struct wire_handle table; /* the last format_table */
uint32_t dmabuf_version;
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

void hear(struct rig_peer *peer, const struct rig_message *message)
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

void deliver_to_host(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	rig_deliver(&host.peer, bytes, size, handles, n);
}

/* Lets the proxy work, and the application hear. */
void run(void)
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
void expect(struct end *end, const char *text)
{
	assert_string_equal(end->said, text);
	end->said[0] = '\0';
	end->n_said = 0;
}

/* A request of the application with @with, an fd (borrowed) or -1. */
void ask_with(uint32_t id, const char *name, const union wire_arg *args, int with)
{
	uint8_t bytes[RIG_PENDING_BYTES];
	size_t size = rig_encode(&app.peer, id, name, args, NULL, bytes);
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	assert_int_equal(fd_send(fd, &iov, 1, &with, with >= 0), size);
	run();
}

void ask(uint32_t id, const char *name, const union wire_arg *args)
{
	ask_with(id, name, args, -1);
}

/* An event of the host, with what is in @blob (taken) for an fd, or NULL. */
void tell_with(uint32_t id, const char *name, const union wire_arg *args, struct channel_blob *blob)
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

void tell(uint32_t id, const char *name, const union wire_arg *args)
{
	tell_with(id, name, args, NULL);
}

int setup(void **state)
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
	dmabuf_version = (uint32_t)min_u64(5, (uint64_t)interface_find(names[0])->wl->version);
	loop = wl_event_loop_create();
	turn_init(&gpu.turn, loop);
	clients = clients_create(loop, &gpu);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	fd = ends[0];
	clients_add(clients, ends[1]);
	fake_channel->send = deliver_to_host;
	return 0;
}

int teardown(void **state)
{
	clients_destroy(clients);
	assert_null(fake_channel);
	turn_finish(&gpu.turn);
	wl_event_loop_destroy(loop);
	wire_handles_finish(&app.peer.handles);
	wire_handle_finish(&table);
	fd_close(&fd);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

void again(void **state)
{
	teardown(state);
	setup(state);
}

/* A registry, in which the host tells of linux-dmabuf. */
void announce(uint32_t host_version)
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

uint32_t bind_global(uint32_t name, const char *interface, uint32_t version)
{
	uint32_t id = rig_new_id(&app.peer);
	app.said[0] = host.said[0] = '\0';
	app.n_said = host.n_said = 0;
	ask(registry, "bind", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}, {.id = id}));
	return id;
}

uint32_t bind_dmabuf(uint32_t version)
{
	return bind_global(DMABUF_GLOBAL, DMABUF, version);
}

/* A dma-buf (fake_channel.h) that is finished, or not; *@finish finishes it. */
void expect_counters(const char *lines)
{
	char *counters = NULL;
	size_t size;
	FILE *file = open_memstream(&counters, &size);
	clients_print_counters(clients, file);
	fclose(file);
	assert_non_null(strstr(counters, lines));
	free(counters);
}

int make_dmabuf(bool finished, int *finish)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (finished)
		assert_int_equal(write(ends[1], "", 1), 1);
	*finish = ends[1];
	return ends[0];
}

uint32_t new_params(uint32_t manager)
{
	uint32_t id = rig_new_id(&app.peer);
	ask(manager, "create_params", RIG_ARGS({.id = id}));
	return id;
}

void add(uint32_t params, int dmabuf, uint32_t plane)
{
	ask_with(params, "add",
		RIG_ARGS({.i = 0}, {.u = plane}, {.u = 256 * plane}, {.u = 64}, {.u = 0}, {.u = 0}),
		dmabuf);
}

void tell_pairs(uint32_t id)
{
	tell(id, "modifier", RIG_ARGS({.u = XR24}, HI(TILED), LO(TILED)));
	tell(id, "modifier",
		RIG_ARGS({.u = XR24}, HI(DRM_FORMAT_MOD_INVALID), LO(DRM_FORMAT_MOD_INVALID)));
	tell(id, "modifier", RIG_ARGS({.u = 0x20202020}, {.u = 0}, {.u = 0}));
	tell(id, "modifier", RIG_ARGS({.u = AR24}, {.u = 0}, {.u = 0}));
	tell(id, "format", RIG_ARGS({.u = AR24}));
}

uint32_t make_buffer(uint32_t manager, int dmabuf)
{
	uint32_t params = new_params(manager), buffer = rig_new_id(&app.peer);
	add(params, dmabuf, 0);
	ask(params, "create_immed",
		RIG_ARGS({.id = buffer}, {.i = 16}, {.i = 16}, {.u = XR24}, {.u = 0}));
	return buffer;
}

uint32_t make_pixel_buffer(void)
{
	tell(host_registry, "global",
		RIG_ARGS({.u = 12}, {.s = "wp_single_pixel_buffer_manager_v1"}, {.u = 1}));
	uint32_t manager = bind_global(12, "wp_single_pixel_buffer_manager_v1", 1);
	uint32_t buffer = rig_new_id(&app.peer);
	ask(manager, "create_u32_rgba_buffer",
		RIG_ARGS({.id = buffer}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = 0}));
	return buffer;
}

void forget_what_was_said(void)
{
	app.n_said = host.n_said = 0;
	app.said[0] = host.said[0] = '\0';
}
