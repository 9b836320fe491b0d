/* host-bridge/cross_domain/compositor.c: connecting, streams, ends */
#include <sys/resource.h>

#include "host-bridge/display/compositor_place.h"
#include "tests/unit/compositor_world.h"

static int crowd[16]; /* connections that wait to be accepted, more than there is room for */

/* Connecting */

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
	assert_null(connect_to("wayland-0"));
	rename(path, default_path);
	expect_connection(NULL);
	rename(default_path, path);
}

/* wayland-9 is not what the environment names, but the only one that answers. */
static void a_compositor_beside_the_named_one_is_found_and_told_of(void **state)
{
	char other_path[64], line[96];

	snprintf(other_path, sizeof(other_path), "%s/wayland-9", directory);
	snprintf(line, sizeof(line), "the compositor is at %s\n", other_path);
	setenv("XDG_RUNTIME_DIR", directory, 1);
	setenv("WAYLAND_DISPLAY", "wayland-3", 1);
	rename(path, other_path);
	log_set_level(LOG_LEVEL_INFO);
	log_capture_begin();
	expect_connection(NULL);
	expect_connection(NULL);
	log_capture_end();
	log_set_level(LOG_LEVEL_WARN);
	assert_true(log_captured(line));
	assert_null(strstr(strstr(log_capture_text, line) + 1, line));
	assert_null(connect_to("wayland-3"));
	rename(other_path, path);
	unsetenv("WAYLAND_DISPLAY");
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

/* A compositor that accepts nobody: as many wait as its backlog holds. */
static struct compositor *connect_to_busy(int told_ms)
{
	static struct policy policy; /* outlives the connection */
	static struct compositor *compositor;
	policy = world.policy;
	policy.connect_told_ms = told_ms;
	for (size_t i = 0; i < ARRAY_LENGTH(crowd); i++) {
		char ignored[COMPOSITOR_PATH_BYTES];
		crowd[i] = compositor_open_socket(policy.wayland_display, ignored);
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

static bool server_asked(void)
{
	struct pollfd pollfd = {.fd = listener, .events = POLLIN};
	return poll(&pollfd, 1, 0) > 0;
}

static const char *elsewhere(void)
{
	static char other_path[64];

	snprintf(other_path, sizeof(other_path), "%s/wayland-9", directory);
	return other_path;
}

static bool is_closed(void)
{
	return world.closed > 0;
}

/* The compositor accepts, and has the connection. */
static void take_connection(void)
{
	crowd_leaves();
	run_loop_until(server_asked);
	fd_close(&world.server);
	world.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
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
	take_connection();
	server_receive();
	assert_int_equal(world.from_guest.size, size);
	assert_memory_equal(world.from_guest.bytes, bytes, size);
	server_event("wl_registry", "global", REGISTRY,
		ARGS({.u = 1}, {.s = "wl_compositor"}, {.u = 1}));
	run_loop();
	take_event("wl_registry", "global", REGISTRY);
	compositor_destroy(compositor);
}

static const char waiting[] = "it is too busy to accept; it is tried again";

static bool waiting_is_told(void)
{
	char log[1024] = "";

	return pread(STDERR_FILENO, log, sizeof(log) - 1, 0) > 0 && strstr(log, waiting);
}

static void a_busy_compositor_is_waited_for_with_one_line(void **state)
{
	log_set_level(LOG_LEVEL_INFO);
	log_capture_begin();
	struct compositor *compositor = connect_to_busy(50);
	run_loop_until(waiting_is_told);
	assert_int_equal(world.closed, 0);
	take_connection();
	log_capture_end();
	log_set_level(LOG_LEVEL_WARN);
	assert_null(strstr(strstr(log_capture_text, waiting) + 1, waiting));
	compositor_destroy(compositor);
}

static void of_a_busy_compositor_that_goes_the_guest_is_told(void **state)
{
	struct compositor *compositor = connect_to_busy(10000);
	rename(path, elsewhere());
	run_loop_until(is_closed);
	take_event("wl_display", "error", 1);
	assert_int_equal(world.closed, 1);
	compositor_destroy(compositor);
	rename(elsewhere(), path);
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

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	const struct CMUnitTest tests[] = {
		TEST(the_socket_is_found_as_clients_find_it),
		TEST(a_compositor_beside_the_named_one_is_found_and_told_of),
		TEST(without_a_compositor_there_is_no_connection),
		TEST(many_failed_connections_are_few_log_lines),
		TEST(a_busy_compositor_is_asked_again_and_gets_all),
		TEST(a_busy_compositor_is_waited_for_with_one_line),
		TEST(of_a_busy_compositor_that_goes_the_guest_is_told),
		TEST(a_guest_may_leave_while_the_compositor_is_busy),
		TEST(requests_cut_anywhere_arrive_whole),
		TEST(events_cut_anywhere_arrive_whole),
		TEST(a_pipe_reaches_the_compositor_and_is_closed_here),
		TEST(fds_without_messages_end_the_connection),
		TEST(a_blob_without_a_message_is_freed_at_the_end),
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
