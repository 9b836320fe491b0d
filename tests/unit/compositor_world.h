/* A connection of compositor.c to a compositor made of bare sockets. For tests. */
#ifndef TESTS_UNIT_COMPOSITOR_WORLD_H
#define TESTS_UNIT_COMPOSITOR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-bridge/cross_domain/compositor.h"
#include "host-bridge/policy/policy.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/wayland_messages.h"

#define REGISTRY 2

static struct world {
	struct policy policy;
	struct vm_quota quota;
	struct wl_event_loop *loop;
	struct compositor *compositor;
	int server;                  /* the fake compositor's end of the connection */
	struct captured from_server; /* what the guest got */
	struct captured from_guest;  /* what the compositor got */
	bool room;
	int room_asked, closed, drained, refuse_with;
	bool in_call; /* in a call of the owner's: nothing may call back */
	size_t fds_before;
} world;

static char directory[] = "/tmp/wayferry-compositor-XXXXXX";
static char path[64];
static int listener = -1;
static union wire_arg args[WIRE_MAX_ARGS];
static uint64_t turn_ends_ns = UINT64_MAX;

/* The owner */

static inline int to_guest(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (world.refuse_with) {
		for (size_t i = 0; i < n_handles; i++)
			wire_handle_finish(&handles[i]);
		return world.refuse_with;
	}
	captured_add(&world.from_server, bytes, size, handles, n_handles);
	return 0;
}

static inline bool has_room(void *data)
{
	world.room_asked++;
	return world.room;
}

static inline void closed(void *data)
{
	assert_false(world.in_call);
	world.closed++;
}

static inline void drained(void *data)
{
	assert_false(world.in_call);
	world.drained++;
}

static const struct compositor_listener owner = {to_guest, has_room, closed, drained};

static inline int from_guest(
	const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n_handles)
{
	world.in_call = true;
	int status = compositor_from_guest(world.compositor, bytes, size, handles, n_handles);
	world.in_call = false;
	return status;
}

static inline int request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	uint8_t bytes[8192];
	size_t size = encode_message(
		RELAY_DOWN, interface, message, id, message_args, bytes, sizeof(bytes));
	return from_guest(bytes, size, NULL, 0);
}

static inline void flush(void)
{
	world.in_call = true;
	compositor_flush(world.compositor);
	world.in_call = false;
}

/* Lets the loop run until nothing happens for a moment. */
static inline void run_loop(void)
{
	struct pollfd pollfd = {.fd = wl_event_loop_get_fd(world.loop), .events = POLLIN};
	for (int i = 0; i < 1000; i++) {
		wl_event_loop_dispatch(world.loop, 0);
		if (poll(&pollfd, 1, 5) == 0) {
			wl_event_loop_dispatch(world.loop, 0); /* idle sources */
			return;
		}
	}
}

/* The compositor */

static inline int listen_at(const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static inline int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/wayland-7", directory);
	listener = listen_at(path);
	return 0;
}

static inline int remove_directory(void **state)
{
	close(listener);
	unlink(path);
	return rmdir(directory);
}

static inline void server_send(const uint8_t *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {(void *)bytes, size};
	assert_int_equal(fd_send(world.server, &iov, 1, fds, n_fds), size);
}

static inline void server_event(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	uint8_t bytes[8192];
	server_send(bytes,
		encode_message(
			RELAY_UP, interface, message, id, message_args, bytes, sizeof(bytes)),
		NULL, 0);
}

/* Receives all that is there; false at the end of file. */
static inline bool server_receive(void)
{
	static uint8_t bytes[65536];
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	ssize_t n;
	while ((n = fd_recv(world.server, bytes, sizeof(bytes), fds, &n_fds)) > 0) {
		struct wire_handle handles[FD_MESSAGE_MAX];
		for (size_t i = 0; i < n_fds; i++)
			handles[i] = wire_handle_fd(fds[i]);
		captured_add(&world.from_guest, bytes, (size_t)n, handles, n_fds);
	}
	return n != 0;
}

static inline int set_up(void **state)
{
	size_t fds_before = count_fds();
	world = (struct world){.server = -1, .room = true, .fds_before = fds_before};
	world.policy.wayland_display = path;
	quota_init(&world.quota);
	world.policy.quota = &world.quota;
	assert_true(policy_init(&world.policy));
	world.loop = wl_event_loop_create();
	world.compositor = compositor_connect(
		world.loop, &world.policy, &turn_ends_ns, "context 1", &owner, NULL);
	assert_non_null(world.compositor);
	world.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(world.server >= 0);
	return 0;
}

static inline int tear_down(void **state)
{
	compositor_destroy(world.compositor);
	world.compositor = NULL;
	wl_event_loop_destroy(world.loop);
	policy_finish(&world.policy);
	captured_clear(&world.from_server);
	captured_clear(&world.from_guest);
	fd_close(&world.server);
	assert_int_equal(count_fds(), world.fds_before);
	return 0;
}

static inline uint32_t take_event(const char *interface, const char *message, uint32_t id)
{
	return captured_take(&world.from_server, RELAY_UP, interface, message, id, args);
}

/* The registry, at both ends. */
static inline void get_registry(void)
{
	assert_int_equal(request("wl_display", "get_registry", 1, ARGS({.id = REGISTRY})), 0);
	flush();
	server_receive();
	captured_clear(&world.from_guest);
}

static inline void announce(const char *interface, uint32_t name)
{
	server_event(
		"wl_registry", "global", REGISTRY, ARGS({.u = name}, {.s = interface}, {.u = 1}));
}

static inline struct compositor *connect_to(const char *display)
{
	static struct policy policy; /* outlives the connection */
	policy = world.policy;
	policy.wayland_display = display;
	return compositor_connect(world.loop, &policy, &turn_ends_ns, "context 2", &owner, NULL);
}

/* Lets time pass in the loop, until @done or a while that is ample. */
static inline void run_loop_until(bool (*done)(void))
{
	for (int i = 0; i < 1000 && !done(); i++)
		wl_event_loop_dispatch(world.loop, 10);
	assert_true(done());
}

/* An offer of a clipboard that the guest may receive from; its id. */
static inline uint32_t get_offer(void)
{
	uint32_t offer = WIRE_SERVER_ID_START;
	get_registry();
	announce("wl_seat", 1);
	announce("wl_data_device_manager", 2);
	run_loop();
	captured_clear(&world.from_server);
	assert_int_equal(request("wl_registry", "bind", REGISTRY,
				 ARGS({.u = 1}, {.s = "wl_seat"}, {.u = 1}, {.id = 3})),
		0);
	assert_int_equal(
		request("wl_registry", "bind", REGISTRY,
			ARGS({.u = 2}, {.s = "wl_data_device_manager"}, {.u = 1}, {.id = 4})),
		0);
	assert_int_equal(
		request("wl_data_device_manager", "get_data_device", 4, ARGS({.id = 5}, {.id = 3})),
		0);
	flush();
	server_receive();
	captured_clear(&world.from_guest);
	server_event("wl_data_device", "data_offer", 5, ARGS({.id = offer}));
	server_event("wl_data_device", "selection", 5, ARGS({.id = offer}));
	run_loop();
	take_event("wl_data_device", "data_offer", 5);
	return args[0].id;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
