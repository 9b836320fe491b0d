/* guest-proxy/clients/client.c: all the ways in which a client can end */
#include <poll.h>

#include "tests/unit/client_world.h"

static void a_bad_request_ends_its_client_with_a_reason(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	send_bytes((const uint8_t[]){9, 0, 0, 0, 0, 0, 8, 0}, 8); /* object 9, opcode 0, 8 bytes */
	assert_true(run());
	assert_int_equal(error_code, WL_DISPLAY_ERROR_INVALID_OBJECT);
	assert_string_equal(last_request, "wl_display.sync");
	assert_int_equal(clients_count(clients), 0);
}

/* libwayland sends what it has queued before it reads; so the error must outlive that. */
static void a_client_that_is_still_writing_reads_its_error(void **state)
{
	static const uint8_t more[64 << 10];
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	send_bytes((const uint8_t[]){9, 0, 0, 0, 0, 0, 8, 0}, 8);
	send_bytes(more, sizeof(more));
	assert_int_equal(
		fd_send(fd, &(struct iovec){.iov_base = (void *)more, .iov_len = 8}, 1, &file, 1),
		8);
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(send(fd, more, sizeof(more), MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	assert_true(run());
	assert_int_equal(error_code, WL_DISPLAY_ERROR_INVALID_OBJECT);
	assert_int_equal(clients_count(clients), 0);
	fd_close(&file);
}

static void garbage_ends_its_client(void **state)
{
	uint8_t garbage[4096];
	memset(garbage, 0xff, sizeof(garbage));
	send_bytes(garbage, sizeof(garbage));
	assert_true(run());
	assert_int_equal(clients_count(clients), 0);
	assert_true(error[0] != 0);
}

static void a_client_that_hangs_up_is_gone(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	fd_close(&fd);
	run();
	assert_string_equal(
		last_request, "wl_display.sync"); /* what it asked before is still done */
	assert_int_equal(clients_count(clients), 0);
	assert_null(fake_channel);
}

static void the_host_ends_the_client_after_its_last_events(void **state)
{
	request(1, "sync", RIG_ARGS({.id = 2}));
	run();
	event(2, "done", RIG_ARGS({.u = 7}));
	fake_channel->listener->closed(fake_channel->listener_data, NULL);
	assert_true(run());
	assert_int_equal(events, 2);
	assert_int_equal(error_code, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_string_equal(error, "the host's compositor closed the connection");
	assert_int_equal(clients_count(clients), 0);
}

static void a_lost_host_ends_the_client(void **state)
{
	fake_channel->lost = true;
	request(1, "sync", RIG_ARGS({.id = 2}));
	assert_true(run());
	assert_int_equal(clients_count(clients), 0);
	assert_int_equal(error_code, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_true(error[0] != 0);
}

static void an_error_of_the_compositor_is_the_only_one(void **state)
{
	event(1, "error", RIG_ARGS({.id = 1}, {.u = 77}, {.s = "its own"}));
	fake_channel->listener->closed(fake_channel->listener_data, NULL);
	assert_true(run());
	assert_int_equal(events, 1);
	assert_int_equal(error_code, 77);
	assert_int_equal(clients_count(clients), 0);
}

static void a_device_that_fails_tells_the_client_how(void **state)
{
	fake_channel->listener->closed(fake_channel->listener_data, "no more connections");
	assert_true(run());
	assert_int_equal(error_code, WL_DISPLAY_ERROR_IMPLEMENTATION);
	assert_string_equal(error, "no more connections");
}

static void a_dead_client_behind_a_full_channel_does_not_spin(void **state)
{
	fake_channel->full = true;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	request(1, "sync", RIG_ARGS({.id = 2}));
	fd_close(&fd);
	run();
	struct pollfd poll_fd = {.fd = wl_event_loop_get_fd(loop), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	assert_int_equal(clients_count(clients), 1);
	fake_channel->full = false;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(requests, 1);
	assert_int_equal(clients_count(clients), 0);
}

/* The client has the clipboard, and the compositor asks it for a copy: the fd to write to. */
static int ask_for_clipboard(uint32_t pipe_id)
{
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	bind_global(1, "wl_data_device_manager", 3, 3);
	request(3, "create_data_source", RIG_ARGS({.id = 4}));
	run();
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = -1, .id = pipe_id};
	event_with(4, "send", RIG_ARGS({.s = "text/plain"}, {.handle = {.fd = -1}}), &handle, 1);
	run();
	assert_string_equal(last_event, "wl_data_source.send");
	return last_fd.fd;
}

static void what_a_client_wrote_before_it_ended_still_goes_to_the_host(void **state)
{
	int pipe_fd = ask_for_clipboard(9);
	fake_channel->full = true; /* so that it is still in the pipe when the client ends */
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(write(pipe_fd, "last words", 10), 10);
	close(pipe_fd);
	fake_channel->full = false;
	fd_close(&fd);
	fake_channel->listener->ready(fake_channel->listener_data);
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(clients_count(clients), 1);
	assert_int_equal(clients_lingering(clients), 1);
	run();
	assert_int_equal(clients_count(clients), 0);
	assert_int_equal(fake_channel_past.written_bytes, 10);
	assert_memory_equal(fake_channel_past.written, "last words", 10);
	assert_int_equal(fake_channel_past.hang_ups, 1);
}

int __real_wl_event_source_timer_update(struct wl_event_source *source, int ms);
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms);

/* Seconds are milliseconds here (it is linked with --wrap). */
int __wrap_wl_event_source_timer_update(struct wl_event_source *source, int ms)
{
	return __real_wl_event_source_timer_update(source, ms >= 1000 ? ms / 1000 : ms);
}

/* Who writes slowly is waited for, however slowly the bytes come. */
static void a_pipe_that_nobody_closes_does_not_keep_a_dead_client_for_ever(void **state)
{
	int pipe_fd = ask_for_clipboard(9);
	fd_close(&fd);
	run();
	for (int times = 0; times < 3; times++) {
		for (int i = 0; i < 40; i++)
			wl_event_loop_dispatch(loop, 100);
		assert_int_equal(clients_lingering(clients), 1);
		assert_int_equal(write(pipe_fd, "word", 4), 4);
		run();
	}
	for (int i = 0; i < 100 && clients_count(clients) > 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(clients_count(clients), 0);
	assert_int_equal(fake_channel_past.written_bytes, 12);
	close(pipe_fd);
}

/* It writes the contents of its clipboard and ends, while the channel is full. */
static void end_behind_a_full_channel(void)
{
	int pipe_fd = ask_for_clipboard(9);
	fake_channel->full = true;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(write(pipe_fd, "last words", 10), 10);
	close(pipe_fd);
	fd_close(&fd);
}

/* The host's reader may be slower than the client lives: nothing moves for a while, then all does.
 */
static void a_slow_reader_of_the_host_gets_the_last_bytes(void **state)
{
	end_behind_a_full_channel();
	for (int i = 0; i < 20; i++) /* its deadline passes, more than once */
		wl_event_loop_dispatch(loop, 200);
	assert_int_equal(clients_lingering(clients), 1);
	fake_channel->full = false;
	fake_channel->owed_bytes = 10;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(fake_channel->hang_ups, 1);
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(loop, 200);
	assert_int_equal(clients_lingering(clients), 1); /* the host has it, its reader has not */
	fake_channel->owed_bytes = 0;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(clients_count(clients), 0);
	assert_int_equal(fake_channel_past.written_bytes, 10);
	assert_int_equal(fake_channel_past.hang_ups, 1);
}

static int make_room(void *data)
{
	fake_channel->full = false;
	fake_channel->listener->ready(fake_channel->listener_data);
	return 0;
}

/*
 * The client ends while the channel is full, and it takes long until there is room: at no time does
 * it look as if there were nothing left to wait for.
 */
static void a_client_that_ended_behind_a_full_channel_is_lingering_until_all_is_written(
	void **state)
{
	end_behind_a_full_channel();
	run();
	assert_int_equal(clients_lingering(clients), 1);
	struct wl_event_source *room = wl_event_loop_add_timer(loop, make_room, NULL);
	wl_event_source_timer_update(room, 10);
	for (int i = 0; i < 1000 && clients_count(clients) > 0; i++) {
		assert_int_equal(clients_lingering(clients), 1);
		wl_event_loop_dispatch(loop, 100);
	}
	wl_event_source_remove(room);
	assert_int_equal(clients_count(clients), 0);
	assert_int_equal(fake_channel_past.written_bytes, 10);
	assert_int_equal(fake_channel_past.hang_ups, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bad_request_ends_its_client_with_a_reason),
		TEST(a_client_that_is_still_writing_reads_its_error),
		TEST(garbage_ends_its_client),
		TEST(a_client_that_hangs_up_is_gone),
		TEST(the_host_ends_the_client_after_its_last_events),
		TEST(a_lost_host_ends_the_client),
		TEST(an_error_of_the_compositor_is_the_only_one),
		TEST(a_device_that_fails_tells_the_client_how),
		TEST(a_dead_client_behind_a_full_channel_does_not_spin),
		TEST(what_a_client_wrote_before_it_ended_still_goes_to_the_host),
		TEST(a_pipe_that_nobody_closes_does_not_keep_a_dead_client_for_ever),
		TEST(a_slow_reader_of_the_host_gets_the_last_bytes),
		TEST(a_client_that_ended_behind_a_full_channel_is_lingering_until_all_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
