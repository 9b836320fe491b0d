/* guest-proxy/clients/client.c, clients.c: clients beside the host, and how many there may be */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "protocol/base/bytes.h"
#include "tests/unit/client_world.h"

static void requests_and_events_pass(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	assert_string_equal(last_request, "wl_display.sync");
	assert_true(fake_channel->flushes > 0);
	event(2, "done", RIG_ARGS({.u = 7}));
	run();
	assert_string_equal(last_event, "wl_callback.done");
}

static bool client_had_it;

static void note_what_the_client_has(void)
{
	char byte;
	client_had_it |= recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* A submission that only asks for the next event wakes the host, and takes its time. */
static void an_event_is_with_the_client_before_the_next_one_is_asked_for(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	client_had_it = false;
	fake_channel->flushing = note_what_the_client_has;
	event(2, "done", RIG_ARGS({.u = 7}));
	wl_event_loop_dispatch(loop, 0);
	assert_true(client_had_it);
}

/* What the host has to do goes to it first. */
static void what_the_client_said_does_not_wait_for_its_events(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	client_had_it = false;
	fake_channel->output = true;
	fake_channel->flushing = note_what_the_client_has;
	event(2, "done", RIG_ARGS({.u = 7}));
	wl_event_loop_dispatch(loop, 0);
	assert_false(client_had_it);
	run();
	assert_string_equal(last_event, "wl_callback.done");
}

/*
 * A window of two pieces, shown for the first time, where a turn has time for one. @other: another
 * surface is committed before. Whether something went to the host in that turn.
 */
static bool begin_long_copy(bool other)
{
	const int side = 1024, bytes = side * side * 4;
	const int memory = memfd_create("pool", MFD_CLOEXEC);
	uint8_t message[RIG_PENDING_BYTES];

	assert_int_equal(ftruncate(memory, bytes), 0);
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	bind_global(1, "wl_compositor", 4, 3);
	bind_global(2, "wl_shm", 1, 4);
	event(4, "format", RIG_ARGS({.u = WL_SHM_FORMAT_XRGB8888}));
	run();
	const struct iovec iov = {.iov_base = message,
		.iov_len = rig_encode(&client, 4, "create_pool",
			RIG_ARGS({.id = 5}, {.handle = {.fd = -1}}, {.i = bytes}), NULL, message)};
	assert_int_equal(fd_send(fd, &iov, 1, &memory, 1), iov.iov_len);
	close(memory);
	request(5, "create_buffer",
		RIG_ARGS({.id = 6}, {.i = 0}, {.i = side}, {.i = side}, {.i = side * 4},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	request(3, "create_surface", RIG_ARGS({.id = 7}));
	request(3, "create_surface", RIG_ARGS({.id = 8}));
	run();
	unsigned before = fake_channel->flushes;
	if (other)
		request(8, "commit", NULL);
	request(7, "attach", RIG_ARGS({.id = 6}, {.i = 0}, {.i = 0}));
	request(7, "damage", RIG_ARGS({.i = 0}, {.i = 0}, {.i = side}, {.i = side}));
	request(7, "commit", NULL);
	gpu.turn.work_start_ns = 1; /* long ago */
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(
		last_request, "wl_shm_pool.destroy"); /* a buffer of the host's is there */
	return fake_channel->flushes > before;
}

static void what_is_said_before_a_copied_frame_goes_along_with_it(void **state)
{
	assert_false(begin_long_copy(false));
	unsigned before = fake_channel->flushes;
	run();
	assert_string_equal(last_request, "wl_surface.commit");
	assert_true(fake_channel->flushes > before);
}

static void other_frames_do_not_wait_for_a_copy(void **state)
{
	assert_true(begin_long_copy(true));
}

static void a_host_that_may_not_speak_does_not_wait_for_a_copy(void **state)
{
	fake_channel->deaf = true;
	assert_true(begin_long_copy(false));
}

static void a_message_may_come_in_segments(void **state)
{
	uint8_t bytes[RIG_PENDING_BYTES];
	size_t size = rig_encode(&client, 1, "sync", RIG_ARGS({.id = 2}), NULL, bytes);
	for (size_t i = 0; i < size; i++) {
		assert_int_equal(requests, 0);
		send_bytes(bytes + i, 1);
		run();
	}
	assert_int_equal(requests, 1);
	size = rig_encode(&compositor, 2, "done", RIG_ARGS({.u = 7}), NULL, bytes);
	for (size_t i = 0; i < size; i++) {
		assert_int_equal(events, 0);
		fake_channel->listener->receive(fake_channel->listener_data, bytes + i, 1, NULL, 0);
		run();
	}
	assert_int_equal(events, 1);
}

static void reading_stops_while_the_channel_is_full(void **state)
{
	fake_channel->full = true;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	assert_int_equal(requests, 0);
	fake_channel->full = false;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(requests, 1);
}

/* Events until the socket and a good part of the outbox are full. */
static void flood(size_t bytes)
{
	static char text[4000];
	memset(text, 'x', sizeof(text) - 1);
	for (size_t sent = 0; sent < bytes && fake_channel; sent += sizeof(text)) {
		event(2, "global",
			RIG_ARGS({.u = (uint32_t)(sent / sizeof(text)) + 1}, {.s = "wl_compositor"},
				{.u = 1}));
		for (int i = 0; i < 140; i++)
			event(2, "global_remove",
				RIG_ARGS({.u = (uint32_t)(sent / sizeof(text)) + 1}));
	}
}

static void a_client_that_does_not_read_stops_the_host_and_goes_on_later(void **state)
{
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	for (int i = 0; i < 1000 && !fake_channel->paused; i++) {
		flood(40000);
		wl_event_loop_dispatch(loop, 0);
	}
	assert_true(fake_channel->paused);
	/* Nor is it read from. */
	unsigned before = requests;
	request(1, "sync", RIG_ARGS({.id = 3}));
	wl_event_loop_dispatch(loop, 0);
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(requests, before);

	assert_false(run());
	assert_false(fake_channel->paused);
	assert_int_equal(requests, before + 1);
	assert_int_equal(clients_count(clients), 1);
}

/* 1500 keyboards at once: keymaps are small, but each has an fd. */
static void fds_that_a_client_does_not_take_stop_the_host(void **state)
{
	unsigned sent = 0;
	bind_keyboard();
	while (sent < 1500) {
		for (; sent < 1500 && !fake_channel->paused; sent++) {
			send_keymap();
			wl_event_loop_dispatch(loop, 0);
		}
		assert_int_equal(clients_count(clients), 1);
		run();
		assert_false(fake_channel->paused);
	}
	assert_int_equal(keymaps, 1500);
	assert_int_equal(clients_count(clients), 1);
	wire_handle_finish(&last_fd);
}

static void events_past_all_bounds_end_the_client(void **state)
{
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	flood(32 << 20); /* the host does not care for the pause */
	for (int i = 0; i < 20; i++)
		wl_event_loop_dispatch(loop, 100); /* nor does the client read: it has a second */
	assert_int_equal(clients_count(clients), 0);
	assert_null(fake_channel);
}

static void a_keymap_arrives_as_a_constant_file(void **state)
{
	bind_keyboard();
	send_keymap();
	run();
	assert_string_equal(last_event, "wl_keyboard.keymap");
	assert_int_equal(fake_channel->counters.blobs, 0);
	char *map = mmap(NULL, 6000, PROT_READ, MAP_PRIVATE, last_fd.fd, 0);
	assert_true(map != MAP_FAILED);
	assert_memory_equal(map, "xkb_keymap {", 12);
	assert_true(
		mmap(NULL, 6000, PROT_READ | PROT_WRITE, MAP_SHARED, last_fd.fd, 0) == MAP_FAILED);
	assert_int_equal(ftruncate(last_fd.fd, 0), -1);
	munmap(map, 6000);
	wire_handle_finish(&last_fd);
}

static void fds_without_messages_are_bounded(void **state)
{
	uint8_t bytes[] = {1, 0, 0, 0, 0, 0, 12, 0, 2, 0, 0,
		0}; /* wl_display.sync(2), with fds nobody asked for */
	int fds[FD_MESSAGE_MAX];
	for (int i = 0; i < FD_MESSAGE_MAX; i++)
		fds[i] = fd;
	bool ended = false;
	for (int i = 0; !ended; i++) {
		assert_true(i <= WIRE_HANDLES_MAX / FD_MESSAGE_MAX);
		bytes[8] = (uint8_t)(2 + i);
		assert_int_equal(
			fd_send(fd, &(struct iovec){bytes, sizeof(bytes)}, 1, fds, FD_MESSAGE_MAX),
			sizeof(bytes));
		ended = run();
	}
	assert_non_null(strstr(error, "file descriptors"));
	assert_int_equal(clients_count(clients), 0);
}

static void refused_clients_hear_why(void **state)
{
	int ends[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	int first = fd;
	fd = ends[0];
	request(1, "sync", RIG_ARGS({.id = 2})); /* it does not wait to be accepted */
	fake_channel_refused = true;
	clients_add(clients, ends[1]);
	fake_channel_refused = false;
	assert_true(run());
	assert_string_equal(last_event, "wl_display.error");
	assert_int_equal(clients_count(clients), 1);
	close(ends[0]);
	fd = first;
}

static void as_many_clients_as_the_device_has_contexts_are_served(void **state)
{
	int ends[2];
	gpu.max_contexts = 1;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	clients_add(clients, ends[1]);
	gpu.max_contexts = 0;
	assert_int_equal(clients_count(clients), 1);
	uint8_t bytes[256] = {0};
	assert_true(recv(ends[0], bytes, sizeof(bytes), 0) > 0);
	assert_string_equal((char *)bytes + 20, "more than 1 clients at once");
	close(ends[0]);
}

static void clients_past_the_limit_are_refused(void **state)
{
	int ends[2];
	static int fds[1024];
	for (int i = 0; i < 1023; i++) {
		/* One fd each: the limit may be low here, and the other end is never used. */
		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0) {
			while (i > 0)
				close(fds[--i]);
			skip();
		}
		clients_add(clients, fds[i]);
	}
	assert_int_equal(clients_count(clients), 1024);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	clients_add(clients, ends[1]);
	assert_int_equal(clients_count(clients), 1024);
	uint8_t bytes[256] = {0};
	assert_true(recv(ends[0], bytes, sizeof(bytes), 0) > 0);
	assert_string_equal((char *)bytes + 20, "more than 1024 clients at once");
	assert_int_equal(recv(ends[0], bytes, sizeof(bytes), 0), 0);
	close(ends[0]);
	clients_destroy(clients);
	clients = clients_create(loop, &gpu);
	fake_channel = NULL;
}

static void counters_of_the_dead_are_kept(void **state)
{
	char *text = NULL;
	size_t size = 0;
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	fd_close(&fd);
	run();
	FILE *file = open_memstream(&text, &size);
	clients_print_counters(clients, file);
	fclose(file);
	assert_non_null(strstr(text, "clients 0\n"));
	assert_non_null(strstr(text, "clients_served 1\n"));
	assert_non_null(strstr(text, "requests 1\n"));
	assert_non_null(strstr(text, "sends 1\n"));
	assert_non_null(strstr(text, "live_objects 0\n"));
	assert_non_null(strstr(text, "blobs 0\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_and_events_pass),
		TEST(an_event_is_with_the_client_before_the_next_one_is_asked_for),
		TEST(what_the_client_said_does_not_wait_for_its_events),
		TEST(what_is_said_before_a_copied_frame_goes_along_with_it),
		TEST(other_frames_do_not_wait_for_a_copy),
		TEST(a_host_that_may_not_speak_does_not_wait_for_a_copy),
		TEST(a_message_may_come_in_segments),
		TEST(reading_stops_while_the_channel_is_full),
		TEST(a_client_that_does_not_read_stops_the_host_and_goes_on_later),
		TEST(fds_that_a_client_does_not_take_stop_the_host),
		TEST(events_past_all_bounds_end_the_client),
		TEST(a_keymap_arrives_as_a_constant_file),
		TEST(fds_without_messages_are_bounded),
		TEST(refused_clients_hear_why),
		TEST(as_many_clients_as_the_device_has_contexts_are_served),
		TEST(clients_past_the_limit_are_refused),
		TEST(counters_of_the_dead_are_kept),
	};
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
