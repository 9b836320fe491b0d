/*
 * A client of the proxy, of which the test has the application's end, and the host behind it. One
 * program includes it once.
 */
#ifndef TESTS_UNIT_CLIENT_WORLD_H
#define TESTS_UNIT_CLIENT_WORLD_H

#include "guest-proxy/clients/clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/clients_count.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/wayland_rig.h"

static struct wl_event_loop *loop;
static struct gpu gpu; /* its turn alone: the channel is a fake */
static struct clients *clients;
static int fd; /* the application's end */
static struct rig_peer client, compositor;
static unsigned fds_before;

/* What the client heard. */
static uint32_t error_code;
static char error[256], last_event[64];
static unsigned events;
static struct wire_handle last_fd;
static unsigned keymaps;
/* What the compositor heard. */
static char last_request[64];
static unsigned requests;

static inline unsigned count_fds(void)
{
	unsigned n = 0;
	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static inline void client_receives(struct rig_peer *peer, const struct rig_message *message)
{
	events++;
	snprintf(last_event, sizeof(last_event), "%s.%s", message->interface->wl->name,
		message->name);
	if (message->id == 1 && strcmp(message->name, "error") == 0) {
		error_code = message->args[1].u;
		snprintf(error, sizeof(error), "%s", message->args[2].s);
	}
	keymaps += strcmp(message->name, "keymap") == 0;
	if (strcmp(message->name, "keymap") == 0 || strcmp(message->name, "send") == 0) {
		if (keymaps > 1)
			wire_handle_finish(&last_fd);
		last_fd = message->args[1].handle;
		message->args[1].handle.kind = WIRE_NONE;
	}
}

static inline void compositor_receives(struct rig_peer *peer, const struct rig_message *message)
{
	requests++;
	snprintf(last_request, sizeof(last_request), "%s.%s", message->interface->wl->name,
		message->name);
}

static inline void deliver_to_compositor(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	rig_deliver(&compositor, bytes, size, handles, n);
}

static inline int setup(void **state)
{
	fds_before = count_fds();
	signal(SIGPIPE, SIG_IGN); /* as main does */
	log_set_level(LOG_LEVEL_ERROR);
	rig_peer_init(&client, RELAY_DOWN, client_receives, NULL);
	rig_peer_init(&compositor, RELAY_UP, compositor_receives, NULL);
	error_code = UINT32_MAX;
	events = requests = keymaps = 0;
	loop = wl_event_loop_create();
	turn_init(&gpu.turn, loop);
	clients = clients_create(loop, &gpu);
	int ends[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	fd = ends[0];
	clients_add(clients, ends[1]);
	if (fake_channel)
		fake_channel->send = deliver_to_compositor;
	return 0;
}

static inline int teardown(void **state)
{
	clients_destroy(clients);
	assert_null(fake_channel);
	turn_finish(&gpu.turn);
	wl_event_loop_destroy(loop);
	wire_handles_finish(&client.handles);
	fd_close(&fd);
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

/* Lets the proxy work, and the client read. True: the client's connection has ended. */
static inline bool run(void)
{
	bool ended = false;
	for (int i = 0; i < 5; i++) {
		wl_event_loop_dispatch(loop, 0);
		uint8_t bytes[4096];
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		ssize_t n = fd < 0 ? -EAGAIN : fd_recv(fd, bytes, sizeof(bytes), fds, &n_fds);
		if (n > 0) {
			struct wire_handle handles[FD_MESSAGE_MAX];
			for (size_t j = 0; j < n_fds; j++)
				handles[j] = wire_handle_fd(fds[j]);
			rig_deliver(&client, bytes, (size_t)n, handles, n_fds);
			i = 0;
		}
		ended |= n == 0 || (n < 0 && n != -EAGAIN);
	}
	return ended;
}

static inline void send_bytes(const uint8_t *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static inline void request(uint32_t id, const char *name, const union wire_arg *args)
{
	static uint8_t bytes[RIG_PENDING_BYTES];
	send_bytes(bytes, rig_encode(&client, id, name, args, NULL, bytes));
}

static inline void event_with(uint32_t id, const char *name, const union wire_arg *args,
	struct wire_handle *handles, size_t n)
{
	static uint8_t bytes[RIG_PENDING_BYTES];
	size_t size = rig_encode(&compositor, id, name, args, NULL, bytes);
	fake_channel->listener->receive(fake_channel->listener_data, bytes, size, handles, n);
}

static inline void event(uint32_t id, const char *name, const union wire_arg *args)
{
	event_with(id, name, args, NULL, 0);
}

static inline void bind_global(uint32_t name, const char *interface, uint32_t version, uint32_t id)
{
	event(2, "global", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}));
	run();
	request(2, "bind", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}, {.id = id}));
	run();
}

static inline void bind_keyboard(void)
{
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	bind_global(1, "wl_seat", 7, 3);
	request(3, "get_keyboard", RIG_ARGS({.id = 4}));
	run();
}

static inline void send_keymap(void)
{
	struct channel_blob *blob;
	channel_blob_create(fake_channel, 6000, &blob);
	memset(blob->map, 0, blob->size);
	memcpy(blob->map, "xkb_keymap {", 12);
	struct wire_handle handle = channel_blob_handle(blob);
	event_with(
		4, "keymap", RIG_ARGS({.u = 1}, {.handle = {.fd = -1}}, {.u = 6000}), &handle, 1);
	channel_blob_unref(blob);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
