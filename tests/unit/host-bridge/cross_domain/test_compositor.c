/* host-bridge/cross_domain/compositor.c, against a compositor made of bare sockets */
#include "host-bridge/cross_domain/compositor.h"

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

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
static int crowd[16]; /* connections that wait to be accepted, more than there is room for */
static union wire_arg args[WIRE_MAX_ARGS];
static uint64_t turn_ends_ns = UINT64_MAX;

/* The owner */

static int to_guest(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
	size_t n_handles)
{
	if (world.refuse_with) {
		for (size_t i = 0; i < n_handles; i++)
			wire_handle_finish(&handles[i]);
		return world.refuse_with;
	}
	captured_add(&world.from_server, bytes, size, handles, n_handles);
	return 0;
}

static bool has_room(void *data)
{
	world.room_asked++;
	return world.room;
}

static void closed(void *data)
{
	assert_false(world.in_call);
	world.closed++;
}

static void drained(void *data)
{
	assert_false(world.in_call);
	world.drained++;
}

static const struct compositor_listener owner = {to_guest, has_room, closed, drained};

static int from_guest(
	const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n_handles)
{
	world.in_call = true;
	int status = compositor_from_guest(world.compositor, bytes, size, handles, n_handles);
	world.in_call = false;
	return status;
}

static int request(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	uint8_t bytes[8192];
	size_t size = encode_message(
		RELAY_DOWN, interface, message, id, message_args, bytes, sizeof(bytes));
	return from_guest(bytes, size, NULL, 0);
}

static void flush(void)
{
	world.in_call = true;
	compositor_flush(world.compositor);
	world.in_call = false;
}

/* Lets the loop run until nothing happens for a moment. */
static void run_loop(void)
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

static int listen_at(const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/wayland-7", directory);
	listener = listen_at(path);
	return 0;
}

static int remove_directory(void **state)
{
	close(listener);
	unlink(path);
	return rmdir(directory);
}

static void server_send(const uint8_t *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {(void *)bytes, size};
	assert_int_equal(fd_send(world.server, &iov, 1, fds, n_fds), size);
}

static void server_event(
	const char *interface, const char *message, uint32_t id, const union wire_arg *message_args)
{
	uint8_t bytes[8192];
	server_send(bytes,
		encode_message(
			RELAY_UP, interface, message, id, message_args, bytes, sizeof(bytes)),
		NULL, 0);
}

/* Receives all that is there; false at the end of file. */
static bool server_receive(void)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static uint32_t take_event(const char *interface, const char *message, uint32_t id)
{
	return captured_take(&world.from_server, RELAY_UP, interface, message, id, args);
}

/* The registry, at both ends. */
static void get_registry(void)
{
	assert_int_equal(request("wl_display", "get_registry", 1, ARGS({.id = REGISTRY})), 0);
	flush();
	server_receive();
	captured_clear(&world.from_guest);
}

static void announce(const char *interface, uint32_t name)
{
	server_event(
		"wl_registry", "global", REGISTRY, ARGS({.u = name}, {.s = interface}, {.u = 1}));
}

/* Connecting */

static struct compositor *connect_to(const char *display)
{
	static struct policy policy; /* outlives the connection */
	policy = world.policy;
	policy.wayland_display = display;
	return compositor_connect(world.loop, &policy, &turn_ends_ns, "context 2", &owner, NULL);
}

static void expect_connection(const char *display)
{
	struct compositor *compositor = connect_to(display);
	assert_non_null(compositor);
	compositor_destroy(compositor);
	close(accept(listener, NULL, NULL));
}

static void the_socket_is_found_as_clients_find_it(void **state)
{
	setenv("XDG_RUNTIME_DIR", directory, 1);
	setenv("WAYLAND_DISPLAY", "wayland-7", 1);
	expect_connection("wayland-7");
	expect_connection(NULL);
	setenv("WAYLAND_DISPLAY", path, 1);
	expect_connection(NULL);

	char default_path[64];
	snprintf(default_path, sizeof(default_path), "%s/wayland-0", directory);
	unsetenv("WAYLAND_DISPLAY");
	assert_null(connect_to(NULL));
	rename(path, default_path);
	expect_connection(NULL);
	rename(default_path, path);
}

static void without_a_compositor_there_is_no_connection(void **state)
{
	char long_name[200];
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	setenv("XDG_RUNTIME_DIR", directory, 1);
	assert_null(connect_to("nobody"));
	assert_null(connect_to(long_name));
	assert_null(connect_to("/dev/null"));
	unsetenv("XDG_RUNTIME_DIR");
	assert_null(connect_to("wayland-7"));
}

static void many_failed_connections_are_few_log_lines(void **state)
{
	size_t lines = 0;
	setenv("XDG_RUNTIME_DIR", directory, 1);
	log_capture_begin();
	for (int i = 0; i < 1000; i++)
		assert_null(connect_to("nobody"));
	log_capture_end();
	for (const char *at = log_capture_text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_true(lines <= 10);
}

static void objects_and_queues_are_charged_to_the_machine(void **state)
{
	struct vm_quota *quota = &world.quota;
	get_registry();
	assert_int_equal(quota->entries[QUOTA_OBJECTS].use, 2);
	quota_set(quota, "objects", "3");
	assert_int_equal(request("wl_display", "sync", 1, ARGS({.id = REGISTRY + 1})), 0);
	assert_true(request("wl_display", "sync", 1, ARGS({.id = REGISTRY + 2})) < 0);
	take_event("wl_display", "error", 1);
	assert_non_null(strstr(args[2].s, "limit of objects (3)"));
	assert_int_equal(quota->entries[QUOTA_OBJECTS].use, 3);
	assert_true(quota->entries[QUOTA_QUEUED_BYTES].use > 0);
	compositor_destroy(world.compositor);
	world.compositor = NULL;
	assert_int_equal(quota->entries[QUOTA_OBJECTS].use, 0);
	assert_int_equal(quota->entries[QUOTA_QUEUED_BYTES].use, 0);
}

/* A compositor that accepts nobody: as many wait as its backlog holds. */
static struct compositor *connect_to_busy(int timeout_ms)
{
	static struct policy policy; /* outlives the connection */
	static struct compositor *compositor;
	policy = world.policy;
	policy.connect_timeout_ms = timeout_ms;
	for (size_t i = 0; i < ARRAY_LENGTH(crowd); i++) {
		char ignored[COMPOSITOR_PATH_BYTES];
		crowd[i] = compositor_open_socket(&policy, ignored);
	}
	assert_int_equal(crowd[ARRAY_LENGTH(crowd) - 1], -EAGAIN);
	compositor =
		compositor_connect(world.loop, &policy, &turn_ends_ns, "context 2", &owner, NULL);
	assert_non_null(compositor);
	return compositor;
}

static void crowd_leaves(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(crowd); i++) {
		if (crowd[i] >= 0)
			close(accept(listener, NULL, NULL));
		fd_close(&crowd[i]);
	}
}

/* Lets time pass in the loop, until @done or a while that is ample. */
static void run_loop_until(bool (*done)(void))
{
	for (int i = 0; i < 1000 && !done(); i++)
		wl_event_loop_dispatch(world.loop, 10);
	assert_true(done());
}

static bool server_asked(void)
{
	struct pollfd pollfd = {.fd = listener, .events = POLLIN};
	return poll(&pollfd, 1, 0) > 0;
}

static bool is_closed(void)
{
	return world.closed > 0;
}

static void a_busy_compositor_is_asked_again_and_gets_all(void **state)
{
	struct compositor *compositor = connect_to_busy(10000);
	uint8_t bytes[64];
	size_t size = encode_message(RELAY_DOWN, "wl_display", "get_registry", 1,
		ARGS({.id = REGISTRY}), bytes, sizeof(bytes));
	assert_int_equal(compositor_from_guest(compositor, bytes, size, NULL, 0), 0);
	compositor_flush(compositor);
	run_loop(); /* in which it is refused once more */
	crowd_leaves();
	run_loop_until(server_asked);
	fd_close(&world.server);
	world.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	server_receive();
	assert_int_equal(world.from_guest.size, size);
	assert_memory_equal(world.from_guest.bytes, bytes, size);
	server_event("wl_registry", "global", REGISTRY,
		ARGS({.u = 1}, {.s = "wl_compositor"}, {.u = 1}));
	run_loop();
	take_event("wl_registry", "global", REGISTRY);
	compositor_destroy(compositor);
}

static void a_busy_compositor_has_so_much_time_and_the_guest_is_told(void **state)
{
	struct compositor *compositor = connect_to_busy(50);
	assert_int_equal(world.closed, 0);
	run_loop_until(is_closed);
	take_event("wl_display", "error", 1);
	assert_int_equal(world.closed, 1);
	compositor_destroy(compositor);
	crowd_leaves();
}

static void a_guest_may_leave_while_the_compositor_is_busy(void **state)
{
	compositor_destroy(connect_to_busy(10000));
	crowd_leaves();
	run_loop();
	assert_false(server_asked());
}

/* Streams */

static void requests_cut_anywhere_arrive_whole(void **state)
{
	uint8_t bytes[1024];
	size_t size = encode_message(RELAY_DOWN, "wl_display", "get_registry", 1,
		ARGS({.id = REGISTRY}), bytes, sizeof(bytes));
	for (uint32_t id = REGISTRY + 1; id < REGISTRY + 20; id++)
		size += encode_message(RELAY_DOWN, "wl_display", "sync", 1, ARGS({.id = id}),
			bytes + size, sizeof(bytes) - size);
	for (size_t step = 1, at = 0; at < size; at += step, step = step % 17 + 1) {
		step = min_u64(step, size - at);
		assert_int_equal(from_guest(bytes + at, step, NULL, 0), 0);
	}
	flush();
	server_receive();
	assert_int_equal(world.from_guest.size, size);
	assert_memory_equal(world.from_guest.bytes, bytes, size);
}

static void events_cut_anywhere_arrive_whole(void **state)
{
	uint8_t bytes[1024];
	size_t size = 0;
	get_registry();
	for (uint32_t name = 1; name <= 10; name++)
		size += encode_message(RELAY_UP, "wl_registry", "global", REGISTRY,
			ARGS({.u = name}, {.s = "wl_compositor"}, {.u = 1}), bytes + size,
			sizeof(bytes) - size);
	for (size_t at = 0; at < size; at++) {
		server_send(bytes + at, 1, NULL, 0);
		run_loop();
	}
	assert_int_equal(world.from_server.size, size);
	assert_memory_equal(world.from_server.bytes, bytes, size);
}

/* An offer of a clipboard that the guest may receive from; its id. */
static uint32_t get_offer(void)
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
	run_loop();
	take_event("wl_data_device", "data_offer", 5);
	return args[0].id;
}

static void a_pipe_reaches_the_compositor_and_is_closed_here(void **state)
{
	uint32_t offer = get_offer();
	uint8_t bytes[64];
	int ends[2];
	char text[4] = "";
	size_t size = encode_message(RELAY_DOWN, "wl_data_offer", "receive", offer,
		ARGS({.s = "text/plain"}), bytes, sizeof(bytes));

	assert_int_equal(pipe(ends), 0);
	struct wire_handle handle = wire_handle_fd(ends[1]);
	assert_int_equal(from_guest(bytes, 12, &handle, 1), 0);
	assert_int_equal(from_guest(bytes + 12, size - 12, NULL, 0), 0);
	flush();
	server_receive();
	captured_take(&world.from_guest, RELAY_DOWN, "wl_data_offer", "receive", 0, args);
	assert_int_equal(write(args[1].handle.fd, "abc", 3), 3);
	wire_handle_finish(&args[1].handle);
	assert_int_equal(read(ends[0], text, sizeof(text)), 3);
	assert_int_equal(read(ends[0], text, sizeof(text)), 0);
	close(ends[0]);
}

static void fds_without_messages_end_the_connection(void **state)
{
	int status = 0;
	for (int i = 0; i <= WIRE_HANDLES_MAX / FD_MESSAGE_MAX && status == 0; i++) {
		struct wire_handle handles[FD_MESSAGE_MAX];
		for (size_t j = 0; j < FD_MESSAGE_MAX; j++)
			handles[j] = wire_handle_fd(dup(world.server));
		status = from_guest((const uint8_t *)"", 0, handles, FD_MESSAGE_MAX);
	}
	assert_true(status < 0);
	run_loop();
	assert_int_equal(world.closed, 1);
	take_event("wl_display", "error", 1);
}

static void count_unref(void *blob)
{
	++*(int *)blob;
}

static void a_blob_without_a_message_is_freed_at_the_end(void **state)
{
	int unrefs = 0;
	struct wire_handle handle = {
		.kind = WIRE_BLOB, .fd = -1, .blob = &unrefs, .blob_unref = count_unref};
	assert_int_equal(from_guest((const uint8_t *)"", 0, &handle, 1), 0);
	assert_int_equal(unrefs, 0);
	compositor_destroy(world.compositor);
	world.compositor = NULL;
	assert_int_equal(unrefs, 1);
}

/* Queues */

static void a_full_guest_stops_the_reading_without_spinning(void **state)
{
	get_registry();
	world.room = false;
	announce("wl_compositor", 1);
	run_loop();
	assert_int_equal(world.from_server.size, 0);

	struct timespec start, now;
	world.room_asked = 0;
	fd_close(&world.server); /* a hang-up is no reason to wake up either */
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		wl_event_loop_dispatch(world.loop, 20);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 60);
	assert_true(world.room_asked < 4);
	assert_int_equal(world.closed, 0);

	world.room = true;
	compositor_resume(world.compositor);
	run_loop();
	take_event("wl_registry", "global", REGISTRY);
	assert_int_equal(world.closed, 1);
}

/* Queues requests until @until says so; how many bytes there were. */
static size_t flood(bool (*until)(void), int *status)
{
	uint8_t bytes[8192];
	size_t total = 0, size = 0;
	while (size + 100 < sizeof(bytes))
		size += encode_message(RELAY_DOWN, "xdg_wm_base", "pong", 3, ARGS({.u = 1}),
			bytes + size, sizeof(bytes) - size);
	do {
		*status = from_guest(bytes, size, NULL, 0);
		flush();
		total += size;
		assert_true(total < (64u << 20));
	} while (*status == 0 && !until());
	return total;
}

static void bind_wm_base(void)
{
	get_registry();
	announce("xdg_wm_base", 1);
	run_loop();
	captured_clear(&world.from_server);
	assert_int_equal(request("wl_registry", "bind", REGISTRY,
				 ARGS({.u = 1}, {.s = "xdg_wm_base"}, {.u = 1}, {.id = 3})),
		0);
	flush();
	server_receive();
	captured_clear(&world.from_guest);
}

static bool is_congested(void)
{
	return compositor_congested(world.compositor);
}

static bool never(void)
{
	return false;
}

static void a_compositor_that_does_not_read_holds_the_guest_back(void **state)
{
	int status;
	size_t received = 0;

	bind_wm_base();
	size_t total = flood(is_congested, &status);
	for (int i = 0; i < 50 && status == 0; i++) /* waits behind what has gone to the socket */
		total += flood(is_congested, &status);
	assert_int_equal(status, 0);
	run_loop();
	assert_int_equal(world.drained, 0);
	for (int i = 0; i < 1000 && received < total; i++) {
		server_receive();
		received += world.from_guest.size;
		captured_clear(&world.from_guest);
		run_loop();
	}
	assert_int_equal(received, total);
	assert_int_equal(world.drained, 1);
	assert_false(compositor_congested(world.compositor));
}

static void more_fds_than_one_queue_takes_wait_for_the_compositor(void **state)
{
	enum { FDS = 1500 };
	uint32_t offer = get_offer();
	uint8_t bytes[64];
	size_t size = encode_message(RELAY_DOWN, "wl_data_offer", "receive", offer,
		ARGS({.s = "text/plain"}), bytes, sizeof(bytes));
	captured_clear(&world.from_guest);
	for (int i = 0; i < FDS; i++) {
		struct wire_handle handle = wire_handle_fd(fd_dup(world.server));
		assert_int_equal(from_guest(bytes, size, &handle, 1), 0);
	}
	assert_true(compositor_congested(world.compositor));
	size_t received = 0;
	for (int i = 0; i < 1000 && received < FDS; i++) {
		uint8_t in[4096];
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		flush();
		run_loop();
		while (fd_recv(world.server, in, sizeof(in), fds, &n_fds) > 0)
			for (; n_fds > 0; received++)
				fd_close(&fds[--n_fds]);
	}
	assert_int_equal(received, FDS);
	assert_false(compositor_congested(world.compositor));
}

static void what_waits_for_the_compositor_is_charged_to_its_machine(void **state)
{
	int status;
	bind_wm_base();
	quota_set(&world.quota, "queued-bytes", "1000000");
	size_t total = flood(never, &status);
	assert_true(status < 0 && total > 1000000);
	take_event("wl_display", "error", 1);
	assert_non_null(strstr(args[2].s, "limit of queued-bytes (1000000)"));
}

static bool was_drained(void)
{
	return world.drained > 0;
}

static void a_request_that_has_to_wait_holds_its_guest_back_until_it_is_done(void **state)
{
	get_registry();
	announce("wl_compositor", 1);
	run_loop();
	request("wl_registry", "bind", REGISTRY,
		ARGS({.u = 1}, {.s = "wl_compositor"}, {.u = 1}, {.id = 3}));
	request("wl_compositor", "create_region", 3, ARGS({.id = 4}));
	flush();
	server_receive();
	captured_clear(&world.from_guest);

	uint8_t bytes[256];
	size_t size = 0;
	for (int i = 0; i < 3; i++)
		size += encode_message(RELAY_DOWN, "wl_region", "add", 4,
			ARGS({.i = 0}, {.i = 0}, {.i = 1}, {.i = 1}), bytes + size,
			sizeof(bytes) - size);
	turn_ends_ns = 0; /* one piece of work in each turn */
	assert_int_equal(from_guest(bytes, size, NULL, 0), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(compositor_holds(world.compositor));
		assert_true(compositor_congested(world.compositor));
		compositor_continue(world.compositor);
	}
	assert_false(compositor_holds(world.compositor));
	assert_int_equal(world.drained, 0);
	flush();
	run_loop_until(was_drained);
	assert_false(compositor_congested(world.compositor));
	server_receive();
	for (int i = 0; i < 3; i++)
		captured_take(&world.from_guest, RELAY_DOWN, "wl_region", "add", 0, args);
	turn_ends_ns = UINT64_MAX;
}

static void a_guest_that_is_not_held_back_ends_with_an_error(void **state)
{
	int status;

	bind_wm_base();
	flood(never, &status);
	assert_true(status < 0);
	assert_int_equal(world.closed, 0);
	run_loop();
	assert_int_equal(world.closed, 1);
	take_event("wl_display", "error", 1);
	assert_non_null(strstr(args[2].s, "does not keep up"));
}

static void what_was_said_last_is_sent_before_the_socket_closes(void **state)
{
	assert_int_equal(request("wl_display", "get_registry", 1, ARGS({.id = REGISTRY})), 0);
	compositor_destroy(world.compositor);
	world.compositor = NULL;
	assert_false(server_receive());
	captured_take(&world.from_guest, RELAY_DOWN, "wl_display", "get_registry", 1, args);
}

/* Ends */

static void a_hang_up_is_told_once_after_the_last_event(void **state)
{
	get_registry();
	announce("wl_compositor", 1);
	fd_close(&world.server);
	run_loop();
	take_event("wl_registry", "global", REGISTRY);
	assert_int_equal(world.closed, 1);
	run_loop();
	assert_int_equal(world.closed, 1);
	assert_int_equal(request("wl_display", "sync", 1, ARGS({.id = 3})), 0);
	flush();
	run_loop();
	assert_int_equal(world.closed, 1);
}

static void the_compositors_last_error_arrives_although_writing_fails(void **state)
{
	get_registry();
	assert_int_equal(request("wl_display", "sync", 1, ARGS({.id = 3})), 0);
	flush(); /* unread: the hang-up becomes a reset */
	server_event("wl_display", "error", 1, ARGS({.id = REGISTRY}, {.u = 5}, {.s = "go away"}));
	fd_close(&world.server);
	assert_int_equal(request("wl_display", "sync", 1, ARGS({.id = 4})), 0);
	flush();
	run_loop();
	take_event("wl_display", "error", 1);
	assert_int_equal(args[0].id, REGISTRY);
	assert_int_equal(args[1].u, 5);
	assert_string_equal(args[2].s, "go away");
	assert_int_equal(world.closed, 1);
}

static void a_malformed_request_is_answered_with_an_error(void **state)
{
	get_registry();
	assert_true(request("wl_display", "sync", 77, ARGS({.id = 3})) < 0);
	assert_int_equal(world.closed, 0);
	run_loop();
	assert_int_equal(world.closed, 1);
	take_event("wl_display", "error", 1);
	assert_int_equal(world.from_server.size, 0);
	assert_int_equal(world.from_guest.size, 0);
}

static void a_malformed_event_ends_the_connection_with_an_error(void **state)
{
	static const uint8_t too_short[] = {1, 0, 0, 0, 0, 0, 4, 0};
	get_registry();
	announce("wl_compositor", 1);
	server_send(too_short, sizeof(too_short), NULL, 0);
	run_loop();
	take_event("wl_registry", "global", REGISTRY);
	take_event("wl_display", "error", 1);
	assert_int_equal(world.closed, 1);
}

static void a_guest_that_takes_nothing_more_ends_the_connection(void **state)
{
	get_registry();
	announce("wl_compositor", 1);
	world.refuse_with = -ENOBUFS;
	run_loop();
	assert_int_equal(world.closed, 1);
}

static void too_many_fds_from_the_compositor_end_the_connection(void **state)
{
	int fds[FD_MESSAGE_MAX];
	for (size_t i = 0; i < FD_MESSAGE_MAX; i++)
		fds[i] = world.server;
	for (int i = 0; i <= WIRE_HANDLES_MAX / FD_MESSAGE_MAX; i++) /* of one long message */
		server_send((const uint8_t *)(i < 8 ? &"\1\0\0\0\0\0\0\1"[i] : "x"), 1, fds,
			FD_MESSAGE_MAX);
	run_loop();
	assert_int_equal(world.closed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	const struct CMUnitTest tests[] = {
		TEST(the_socket_is_found_as_clients_find_it),
		TEST(without_a_compositor_there_is_no_connection),
		TEST(many_failed_connections_are_few_log_lines),
		TEST(objects_and_queues_are_charged_to_the_machine),
		TEST(a_busy_compositor_is_asked_again_and_gets_all),
		TEST(a_busy_compositor_has_so_much_time_and_the_guest_is_told),
		TEST(a_guest_may_leave_while_the_compositor_is_busy),
		TEST(requests_cut_anywhere_arrive_whole),
		TEST(events_cut_anywhere_arrive_whole),
		TEST(a_pipe_reaches_the_compositor_and_is_closed_here),
		TEST(fds_without_messages_end_the_connection),
		TEST(a_blob_without_a_message_is_freed_at_the_end),
		TEST(a_full_guest_stops_the_reading_without_spinning),
		TEST(a_compositor_that_does_not_read_holds_the_guest_back),
		TEST(a_request_that_has_to_wait_holds_its_guest_back_until_it_is_done),
		TEST(more_fds_than_one_queue_takes_wait_for_the_compositor),
		TEST(what_waits_for_the_compositor_is_charged_to_its_machine),
		TEST(a_guest_that_is_not_held_back_ends_with_an_error),
		TEST(what_was_said_last_is_sent_before_the_socket_closes),
		TEST(a_hang_up_is_told_once_after_the_last_event),
		TEST(the_compositors_last_error_arrives_although_writing_fails),
		TEST(a_malformed_request_is_answered_with_an_error),
		TEST(a_malformed_event_ends_the_connection_with_an_error),
		TEST(a_guest_that_takes_nothing_more_ends_the_connection),
		TEST(too_many_fds_from_the_compositor_end_the_connection),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
