/*
 * guest-proxy/clients/client.c: a client's life between its socket and the host, in all the ways it
 * can end.
 */
#include "guest-proxy/clients/clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
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

static unsigned count_fds(void)
{
	unsigned n = 0;
	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void client_receives(struct rig_peer *peer, const struct rig_message *message)
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

static void compositor_receives(struct rig_peer *peer, const struct rig_message *message)
{
	requests++;
	snprintf(last_request, sizeof(last_request), "%s.%s", message->interface->wl->name,
		message->name);
}

static void deliver_to_compositor(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	rig_deliver(&compositor, bytes, size, handles, n);
}

static int setup(void **state)
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

static int teardown(void **state)
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
static bool run(void)
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

static void send_bytes(const uint8_t *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static void request(uint32_t id, const char *name, const union wire_arg *args)
{
	static uint8_t bytes[RIG_PENDING_BYTES];
	send_bytes(bytes, rig_encode(&client, id, name, args, NULL, bytes));
}

static void event_with(uint32_t id, const char *name, const union wire_arg *args,
	struct wire_handle *handles, size_t n)
{
	static uint8_t bytes[RIG_PENDING_BYTES];
	size_t size = rig_encode(&compositor, id, name, args, NULL, bytes);
	fake_channel->listener->receive(fake_channel->listener_data, bytes, size, handles, n);
}

static void event(uint32_t id, const char *name, const union wire_arg *args)
{
	event_with(id, name, args, NULL, 0);
}

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

static void bind_global(uint32_t name, const char *interface, uint32_t version, uint32_t id)
{
	event(2, "global", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}));
	run();
	request(2, "bind", RIG_ARGS({.u = name}, {.s = interface}, {.u = version}, {.id = id}));
	run();
}

static void bind_keyboard(void)
{
	request(1, "get_registry", RIG_ARGS({.id = 2}));
	run();
	bind_global(1, "wl_seat", 7, 3);
	request(3, "get_keyboard", RIG_ARGS({.id = 4}));
	run();
}

static void send_keymap(void)
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

/* The host's reader may be slower than the client lives: nothing moves for a while, then all does.
 */
static void a_slow_reader_of_the_host_gets_the_last_bytes(void **state)
{
	int pipe_fd = ask_for_clipboard(9);
	fake_channel->full = true;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(write(pipe_fd, "last words", 10), 10);
	close(pipe_fd);
	fd_close(&fd);
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
	int pipe_fd = ask_for_clipboard(9);
	fake_channel->full = true;
	fake_channel->listener->ready(fake_channel->listener_data);
	run();
	assert_int_equal(write(pipe_fd, "last words", 10), 10);
	close(pipe_fd);
	fd_close(&fd);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_and_events_pass),
		TEST(an_event_is_with_the_client_before_the_next_one_is_asked_for),
		TEST(what_the_client_said_does_not_wait_for_its_events),
		TEST(a_message_may_come_in_segments),
		TEST(a_bad_request_ends_its_client_with_a_reason),
		TEST(a_client_that_is_still_writing_reads_its_error),
		TEST(garbage_ends_its_client),
		TEST(a_client_that_hangs_up_is_gone),
		TEST(the_host_ends_the_client_after_its_last_events),
		TEST(a_lost_host_ends_the_client),
		TEST(an_error_of_the_compositor_is_the_only_one),
		TEST(a_device_that_fails_tells_the_client_how),
		TEST(reading_stops_while_the_channel_is_full),
		TEST(a_dead_client_behind_a_full_channel_does_not_spin),
		TEST(a_client_that_does_not_read_stops_the_host_and_goes_on_later),
		TEST(fds_that_a_client_does_not_take_stop_the_host),
		TEST(events_past_all_bounds_end_the_client),
		TEST(a_keymap_arrives_as_a_constant_file),
		TEST(what_a_client_wrote_before_it_ended_still_goes_to_the_host),
		TEST(a_pipe_that_nobody_closes_does_not_keep_a_dead_client_for_ever),
		TEST(a_slow_reader_of_the_host_gets_the_last_bytes),
		TEST(a_client_that_ended_behind_a_full_channel_is_lingering_until_all_is_written),
		TEST(fds_without_messages_are_bounded),
		TEST(refused_clients_hear_why),
		TEST(as_many_clients_as_the_device_has_contexts_are_served),
		TEST(clients_past_the_limit_are_refused),
		TEST(counters_of_the_dead_are_kept),
	};
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
