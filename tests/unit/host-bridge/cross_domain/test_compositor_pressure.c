/* host-bridge/cross_domain/compositor.c: ends that do not take what the other one sends, and what
 * that costs */
#include <sys/resource.h>
#include <time.h>

#include "host-bridge/resources/resources.h"
#include "tests/unit/compositor_world.h"

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

static void fds_that_wait_for_the_compositor_are_charged_to_its_machine(void **state)
{
	uint32_t offer = get_offer();
	uint8_t bytes[64];
	size_t size = encode_message(RELAY_DOWN, "wl_data_offer", "receive", offer,
		ARGS({.s = "text/plain"}), bytes, sizeof(bytes));
	captured_clear(&world.from_guest);
	captured_clear(&world.from_server);
	quota_set(&world.quota, "fds", "20");
	int status = 0;
	for (int i = 0; i < 21; i++) {
		assert_int_equal(status, 0);
		struct wire_handle handle = wire_handle_fd(fd_dup(world.server));
		status = from_guest(bytes, size, &handle, 1);
	}
	assert_true(status < 0);
	take_event("wl_display", "error", 1);
	assert_non_null(strstr(args[2].s, "limit of fds (20)"));
	compositor_destroy(world.compositor);
	world.compositor = NULL;
	assert_int_equal(world.quota.entries[QUOTA_FDS].use, 0);
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

static void unref_nothing(void *blob)
{
}

/* The compositor tries to import a buffer: nobody waits for that but its guest. */
static void what_follows_a_buffer_that_is_tried_waits_for_the_answer(void **state)
{
	struct resource blob = {
		.kind = RESOURCE_BLOB_HOST, .size = 65536, .fd = world.server, .fd_owned = true};
	struct wire_handle memory = {
		.kind = WIRE_BLOB, .fd = -1, .blob = &blob, .blob_unref = unref_nothing};
	uint8_t bytes[512];

	world.policy.imports = true;
	get_registry();
	server_event("wl_registry", "global", REGISTRY, ARGS({.u = 7}, {.s = "wl_shm"}, {.u = 1}));
	server_event("wl_registry", "global", REGISTRY,
		ARGS({.u = 8}, {.s = "zwp_linux_dmabuf_v1"}, {.u = 3}));
	run_loop();
	request("wl_registry", "bind", REGISTRY,
		ARGS({.u = 7}, {.s = "wl_shm"}, {.u = 1}, {.id = 3}));
	flush();
	server_receive();
	captured_take(&world.from_guest, RELAY_DOWN, "wl_registry", "bind", 0, args);
	assert_int_equal(args[0].u, 8);
	server_event("zwp_linux_dmabuf_v1", "modifier", args[3].id,
		ARGS({.u = 0x34325258}, {.u = 0}, {.u = 0}));
	run_loop();
	size_t size = encode_message(RELAY_DOWN, "wl_shm", "create_pool", 3,
		ARGS({.id = 4}, {.i = 0}, {.i = 65536}), bytes, sizeof(bytes));
	size += encode_message(RELAY_DOWN, "wl_shm_pool", "create_buffer", 4,
		ARGS({.id = 5}, {.i = 0}, {.i = 64}, {.i = 64}, {.i = 256}, {.u = 1}), bytes + size,
		sizeof(bytes) - size);
	size += encode_message(
		RELAY_DOWN, "wl_shm_pool", "destroy", 4, NULL, bytes + size, sizeof(bytes) - size);
	captured_clear(&world.from_guest);
	assert_int_equal(from_guest(bytes, size, &memory, 1), 0);
	flush();
	run_loop();
	assert_true(compositor_congested(world.compositor));
	assert_false(compositor_holds(world.compositor)); /* no turn of the loop is of use */
	server_receive();
	captured_take(&world.from_guest, RELAY_DOWN, "wl_shm", "create_pool", 0, args);
	uint32_t pool = args[0].id;
	wire_handle_finish(&args[1].handle);
	captured_take(
		&world.from_guest, RELAY_DOWN, "zwp_linux_dmabuf_v1", "create_params", 0, args);
	uint32_t params = args[0].id;
	captured_take(
		&world.from_guest, RELAY_DOWN, "zwp_linux_buffer_params_v1", "add", params, args);
	wire_handle_finish(&args[0].handle);
	captured_take(&world.from_guest, RELAY_DOWN, "zwp_linux_buffer_params_v1", "create", params,
		args);
	assert_int_equal(world.from_guest.size, 0);

	server_event("zwp_linux_buffer_params_v1", "failed", params, NULL);
	run_loop_until(was_drained);
	assert_false(compositor_congested(world.compositor));
	server_receive();
	captured_take(&world.from_guest, RELAY_DOWN, "zwp_linux_buffer_params_v1", "destroy",
		params, args);
	captured_take(&world.from_guest, RELAY_DOWN, "wl_shm_pool", "create_buffer", pool, args);
	captured_take(&world.from_guest, RELAY_DOWN, "wl_shm_pool", "destroy", pool, args);
	compositor_destroy(world.compositor);
	world.compositor = NULL;
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

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	const struct CMUnitTest tests[] = {
		TEST(objects_and_queues_are_charged_to_the_machine),
		TEST(a_full_guest_stops_the_reading_without_spinning),
		TEST(a_compositor_that_does_not_read_holds_the_guest_back),
		TEST(more_fds_than_one_queue_takes_wait_for_the_compositor),
		TEST(what_waits_for_the_compositor_is_charged_to_its_machine),
		TEST(fds_that_wait_for_the_compositor_are_charged_to_its_machine),
		TEST(a_request_that_has_to_wait_holds_its_guest_back_until_it_is_done),
		TEST(what_follows_a_buffer_that_is_tried_waits_for_the_answer),
		TEST(a_guest_that_is_not_held_back_ends_with_an_error),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
