/* guest-proxy/connection/transfer.c: pipes in both directions, whatever the client gives. */
#include "guest-proxy/connection/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/wayland_rig.h"
#include "tests/unit/narrow_pipes.h"

#define OFFER WIRE_SERVER_ID_START

static struct connection connection;
static struct relay_hooks *hooks;
static struct rig_peer client, compositor;
static struct wire_handle last_handle; /* of what the compositor got */
static int fds_before;
static unsigned epoll_changes; /* in what an event loop watches */

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	epoll_changes++;
	return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

static int first_size; /* of the pipe, when it is written to; 0: it was not yet */

ssize_t pwritev2(int fd, const struct iovec *iov, int n_iov, off_t offset, int flags)
{
	if (first_size == 0)
		first_size = fcntl(fd, F_GETPIPE_SZ);
	return syscall(SYS_pwritev2, fd, iov, n_iov, offset, 0, flags);
}

static void wake(struct connection *woken)
{
}

static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (n_handles > 0)
		last_handle = handles[0];
	rig_deliver(to == RELAY_UP ? &compositor : &client, bytes, size, handles, n_handles);
	return 0;
}

static const struct relay_ops ops = {.send = handle_send};

/* A client with a wl_data_offer. */
static int setup(void **state)
{
	static const struct relay_hook *const tables[] = {transfer_hooks, NULL};
	fds_before = fd_count();
	signal(SIGPIPE, SIG_IGN); /* as main does */
	rig_peer_init(&client, RELAY_DOWN, NULL, NULL);
	rig_peer_init(&compositor, RELAY_UP, NULL, NULL);
	hooks = relay_hooks_create(tables);
	connection = (struct connection){.loop = wl_event_loop_create(), .wake = wake};
	connection.channel = channel_create(NULL, NULL, NULL);
	connection.transfers = transfers_create(&connection);
	connection.relay = relay_create(hooks, &ops, &connection, "test", 0);

	uint32_t registry = rig_new_id(&client), device = 5;
	rig_push(connection.relay, &client, 1, "get_registry", RIG_ARGS({.id = registry}));
	rig_push(connection.relay, &compositor, 2, "global",
		RIG_ARGS({.u = 1}, {.s = "wl_data_device_manager"}, {.u = 3}));
	rig_push(connection.relay, &compositor, 2, "global",
		RIG_ARGS({.u = 2}, {.s = "wl_seat"}, {.u = 7}));
	uint32_t manager =
		rig_bind(connection.relay, &client, registry, 1, "wl_data_device_manager", 3);
	uint32_t seat = rig_bind(connection.relay, &client, registry, 2, "wl_seat", 7);
	assert_int_equal(rig_new_id(&client), device);
	rig_push(connection.relay, &client, manager, "get_data_device",
		RIG_ARGS({.id = device}, {.id = seat}));
	rig_push(connection.relay, &compositor, device, "data_offer", RIG_ARGS({.id = OFFER}));
	return 0;
}

static int teardown(void **state)
{
	transfers_destroy(connection.transfers);
	relay_destroy(connection.relay);
	channel_destroy(connection.channel);
	wl_event_loop_destroy(connection.loop);
	relay_hooks_destroy(hooks);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

/* The client asks for the clipboard to go to @fd (taken). The pipe's id. */
static uint32_t receive(int fd)
{
	int result = rig_push(connection.relay, &client, OFFER, "receive",
		RIG_ARGS({.s = "text/plain"}, {.handle = wire_handle_fd(fd)}));
	assert_int_equal(result, 0);
	assert_int_equal(last_handle.kind, WIRE_READ_PIPE);
	assert_int_equal(last_handle.id, connection.channel->last_read_pipe);
	return last_handle.id;
}

static void run(void)
{
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(connection.loop, 0);
}

static void fill(uint8_t *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

/* Reads what is there now. */
static size_t drain(int fd, uint8_t *bytes, size_t size)
{
	size_t done = 0;
	ssize_t n;
	while (done < size && (n = read(fd, bytes + done, size - done)) > 0)
		done += (size_t)n;
	return done;
}

static void at_end_of_file(int fd)
{
	uint8_t byte;
	assert_int_equal(read(fd, &byte, 1), 0);
}

/* The host writes, the client reads */

static void a_paste_into(int reading_end, int writing_end, size_t size, size_t chunk)
{
	uint8_t *sent = malloc(size + 1), *got = malloc(size + 1);
	size_t done = 0, received = 0;
	fill(sent, size, 1);
	fd_set_nonblock(reading_end);
	uint32_t id = receive(writing_end);
	while (done < size) {
		size_t n = min_u64(chunk, size - done);
		transfers_pipe_data(connection.transfers, id, sent + done, n, false);
		done += n;
	}
	transfers_pipe_data(connection.transfers, id, NULL, 0, true);
	while (received < size) {
		size_t n = drain(reading_end, got + received, size - received);
		received += n;
		run();
	}
	assert_memory_equal(sent, got, size);
	run();
	at_end_of_file(reading_end);
	assert_int_equal(connection.channel->read_done_bytes, size);
	assert_int_equal(transfers_queued_bytes(connection.transfers), 0);
	assert_int_equal(transfers_count(connection.transfers), 0);
	free(sent);
	free(got);
	close(reading_end);
}

static void pastes_of_all_sizes_arrive_in_a_pipe(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 65536, 65537, 70000, 3 << 20};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		connection.channel->read_done_bytes = 0;
		a_paste_into(ends[0], ends[1], sizes[i], 3744);
	}
}

static void a_reader_that_keeps_up_is_not_waited_for(void **state)
{
	uint8_t bytes[10000] = {0}, got[sizeof(bytes)];
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	uint32_t id = receive(ends[1]);
	assert_true(epoll_changes > 0);
	epoll_changes = 0;
	for (int i = 0; i < 20; i++) {
		transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), false);
		assert_int_equal(read(ends[0], got, sizeof(got)), sizeof(got));
	}
	assert_int_equal(epoll_changes, 0);
	transfers_pipe_data(connection.transfers, id, NULL, 0, true);
	at_end_of_file(ends[0]);
	close(ends[0]);
}

static void pastes_arrive_in_a_socket(void **state)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	a_paste_into(ends[0], ends[1], 1 << 20, 10000);
}

static void a_paste_arrives_in_a_file(void **state)
{
	uint8_t bytes[10000], got[10000];
	int file = memfd_create("file", MFD_CLOEXEC);
	fill(bytes, sizeof(bytes), 2);
	uint32_t id = receive(fd_dup(file));
	transfers_pipe_data(connection.transfers, id, bytes, 6000, false);
	transfers_pipe_data(connection.transfers, id, bytes + 6000, 4000, true);
	assert_int_equal(transfers_count(connection.transfers), 0);
	assert_int_equal(pread(file, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(bytes, got, sizeof(got));
	close(file);
}

static void a_paste_into_dev_null_is_acknowledged(void **state)
{
	uint8_t bytes[1000] = {0};
	uint32_t id = receive(open("/dev/null", O_WRONLY | O_CLOEXEC));
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), true);
	assert_int_equal(connection.channel->read_done_bytes, sizeof(bytes));
	assert_int_equal(transfers_count(connection.transfers), 0);
}

static void what_nobody_reads_is_dropped_and_acknowledged(void **state)
{
	static uint8_t bytes[200000];
	int ends[2];
	/* closed before, */
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	uint32_t id = receive(ends[1]);
	transfers_pipe_data(connection.transfers, id, bytes, 1000, false);
	transfers_pipe_data(connection.transfers, id, bytes, 1000, true);
	assert_int_equal(connection.channel->read_done_bytes, 2000);

	/* in the middle, with some queued, */
	assert_int_equal(pipe(ends), 0);
	id = receive(ends[1]);
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), false);
	assert_true(transfers_queued_bytes(connection.transfers) > 0);
	close(ends[0]);
	run();
	assert_int_equal(transfers_queued_bytes(connection.transfers), 0);
	assert_int_equal(connection.channel->read_done_bytes, 2000 + sizeof(bytes));
	transfers_pipe_data(connection.transfers, id, bytes, 500, true);
	assert_int_equal(connection.channel->read_done_bytes, 2500 + sizeof(bytes));

	/* or not to be written to at all. */
	assert_int_equal(pipe(ends), 0);
	id = receive(ends[0]);
	transfers_pipe_data(connection.transfers, id, bytes, 7, true);
	assert_int_equal(connection.channel->read_done_bytes, 2507 + sizeof(bytes));
	assert_int_equal(transfers_count(connection.transfers), 0);
	close(ends[1]);
}

/* Where the host can be told that a reader is gone it is told once, and sends nothing more. */
static void the_host_is_told_of_readers_that_leave(void **state)
{
	static uint8_t bytes[200000];
	struct channel *channel = connection.channel;
	int ends[2];
	channel->knows_reader_gone = true;
	/* closed before: told with the first bytes, */
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	uint32_t id = receive(ends[1]);
	assert_int_equal(channel->readers_gone, 0);
	transfers_pipe_data(connection.transfers, id, bytes, 1000, false);
	assert_int_equal(channel->readers_gone, 1);
	assert_int_equal(transfers_count(connection.transfers), 0);

	/* while bytes are queued, */
	assert_int_equal(pipe(ends), 0);
	id = receive(ends[1]);
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), false);
	close(ends[0]);
	run();
	assert_int_equal(channel->readers_gone, 2);
	assert_int_equal(transfers_count(connection.transfers), 0);
	assert_int_equal(transfers_queued_bytes(connection.transfers), 0);
	transfers_pipe_data(connection.transfers, id, bytes, 500, false); /* was on its way */
	assert_int_equal(channel->readers_gone, 2);

	/* while none are, pipes and sockets, */
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			assert_int_equal(pipe(ends), 0);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		id = receive(ends[1]);
		transfers_pipe_data(connection.transfers, id, bytes, 10, false);
		run();
		assert_int_equal(channel->readers_gone, 2 + i);
		close(ends[0]);
		run();
		assert_int_equal(channel->readers_gone, 3 + i);
		assert_int_equal(transfers_count(connection.transfers), 0);
	}

	/* but not when all was said. */
	assert_int_equal(pipe(ends), 0);
	id = receive(ends[1]);
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), true);
	close(ends[0]);
	run();
	assert_int_equal(channel->readers_gone, 4);
	assert_int_equal(transfers_count(connection.transfers), 0);
}

static void the_flags_of_a_shared_pipe_are_left_alone(void **state)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	uint32_t id = receive(fd_dup(ends[1]));
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	static uint8_t bytes[100000];
	transfers_pipe_data(
		connection.transfers, id, bytes, sizeof(bytes), false); /* must not block */
	assert_int_equal(transfers_queued_bytes(connection.transfers), sizeof(bytes) - 65536);
	close(ends[0]);
	close(ends[1]);
}

static void a_pipe_that_is_full_is_made_larger(void **state)
{
	static uint8_t bytes[200000];
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	widen_pipes();
	uint32_t id = receive(fd_dup(ends[1]));
	transfers_pipe_data(connection.transfers, id, bytes, 60000, false);
	assert_int_equal(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes) - 60000, true);
	assert_int_equal(fcntl(ends[0], F_GETPIPE_SZ), WIDE_PIPE_BYTES);
	assert_int_equal(connection.channel->read_done_bytes, sizeof(bytes));
	assert_int_equal(transfers_count(connection.transfers), 0);
	assert_int_equal(narrow_pipes(NULL), 0); /* it does not count any more */
	close(ends[0]);
	close(ends[1]);
}

/* Not when it is full: a reader that is quick would empty it by halves until the end. */
static void a_pipe_is_made_larger_before_it_is_full(void **state)
{
	static uint8_t bytes[200000];
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	widen_pipes();
	uint32_t id = receive(fd_dup(ends[1]));
	first_size = 0;
	transfers_pipe_data(connection.transfers, id, bytes, sizeof(bytes), true);
	assert_int_equal(first_size, WIDE_PIPE_BYTES);
	assert_int_equal(narrow_pipes(NULL), 0);
	close(ends[0]);
	close(ends[1]);
}

static void ten_pastes_at_once_do_not_mix(void **state)
{
	enum { N = 10, SIZE = 300000 };
	static uint8_t sent[N][SIZE], got[N][SIZE];
	uint32_t ids[N];
	int readers[N];
	size_t received[N] = {0};
	for (int i = 0; i < N; i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
		readers[i] = ends[0];
		fill(sent[i], SIZE, (unsigned)i * 77);
		ids[i] = receive(ends[1]);
	}
	for (size_t at = 0; at < SIZE; at += 3000) {
		for (int i = 0; i < N; i++)
			transfers_pipe_data(connection.transfers, ids[i], sent[i] + at, 3000,
				at + 3000 == SIZE);
	}
	for (int round = 0; round < 1000 && transfers_count(connection.transfers) > 0; round++) {
		for (int i = 0; i < N; i++)
			received[i] += drain(readers[i], got[i] + received[i], SIZE - received[i]);
		run();
	}
	for (int i = 0; i < N; i++) {
		received[i] += drain(readers[i], got[i] + received[i], SIZE - received[i]);
		assert_int_equal(received[i], SIZE);
		assert_memory_equal(sent[i], got[i], SIZE);
		at_end_of_file(readers[i]);
		close(readers[i]);
	}
}

static void a_host_that_speaks_of_unknown_pipes_is_not_heard(void **state)
{
	transfers_pipe_data(connection.transfers, 0x80001234, "x", 1, true);
	transfers_pipe_data(connection.transfers, 3, "x", 1, false);
	assert_int_equal(transfers_count(connection.transfers), 0);
}

static void too_many_transfers_are_refused(void **state)
{
	for (int i = 0; i < 256; i++)
		receive(open("/dev/null", O_WRONLY | O_CLOEXEC));
	int result = rig_push(connection.relay, &client, OFFER, "receive",
		RIG_ARGS({.s = "text/plain"},
			{.handle = wire_handle_fd(open("/dev/null", O_WRONLY | O_CLOEXEC))}));
	assert_int_equal(result, -EPROTO);
}

/* The client writes, the host reads */

static void what_the_client_writes_goes_to_the_host(void **state)
{
	enum { SIZE = 3 << 20 };
	uint8_t *bytes = malloc(SIZE);
	size_t done = 0;
	fill(bytes, SIZE, 3);
	int fd = transfers_open_write_pipe(connection.transfers, 17);
	assert_true(fd >= 0);
	fd_set_nonblock(fd);
	while (done < SIZE) {
		ssize_t n = write(fd, bytes + done, SIZE - done);
		done += n > 0 ? (size_t)n : 0;
		wl_event_loop_dispatch(connection.loop, 0);
	}
	close(fd);
	run();
	assert_int_equal(connection.channel->written_pipe, 17);
	assert_int_equal(connection.channel->written_bytes, SIZE);
	assert_memory_equal(connection.channel->written, bytes, SIZE);
	assert_int_equal(connection.channel->hang_ups, 1);
	assert_int_equal(transfers_count(connection.transfers), 0);
	free(bytes);
}

/* Into the channel's own memory, as much at a time as that takes, and no more than that. */
static void what_the_channel_has_space_for_is_not_copied(void **state)
{
	enum { FIRST = 64 << 10, UNIT = 256 << 10, SIZE = FIRST + 3 * UNIT + 5 };
	uint8_t *bytes = malloc(SIZE);
	fill(bytes, SIZE, 3);
	connection.channel->unit = UNIT;
	widen_pipes();
	int fd = transfers_open_write_pipe(connection.transfers, 17);
	fd_set_nonblock(fd);
	for (size_t done = 0; done < SIZE;) {
		ssize_t n = write(fd, bytes + done, SIZE - done);
		/* Once it was full, the pipe is larger. */
		assert_int_equal(n, min_u64(done == 0 ? FIRST : UNIT, SIZE - done));
		done += (size_t)n;
		wl_event_loop_dispatch(connection.loop, 0);
	}
	assert_int_equal(connection.channel->idle, 0);
	close(fd);
	run();
	assert_int_equal(connection.channel->written_bytes, SIZE);
	assert_memory_equal(connection.channel->written, bytes, SIZE);
	assert_int_equal(connection.channel->writes_from_space, 5 + 1); /* and the end */
	assert_int_equal(connection.channel->idle, 1);
	assert_int_equal(narrow_pipes(NULL), 0);
	free(bytes);
}

static void a_client_gets_epipe_when_the_hosts_reader_is_gone(void **state)
{
	int fd = transfers_open_write_pipe(connection.transfers, 17);
	assert_int_equal(write(fd, "hello", 5), 5);
	run();
	assert_int_equal(connection.channel->written_bytes, 5);
	transfers_pipe_data(connection.transfers, 17, NULL, 0, true);
	assert_int_equal(connection.channel->hang_ups, 1);
	assert_int_equal(transfers_count(connection.transfers), 0);
	assert_int_equal(write(fd, "hello", 5), -1);
	assert_int_equal(errno, EPIPE);
	transfers_pipe_data(connection.transfers, 17, NULL, 0, true);
	assert_int_equal(connection.channel->hang_ups, 1);
	close(fd);
}

static void a_pipe_closed_unused_ends_at_once(void **state)
{
	int fd = transfers_open_write_pipe(connection.transfers, 18);
	close(fd);
	run();
	assert_int_equal(connection.channel->written_bytes, 0);
	assert_int_equal(connection.channel->hang_ups, 1);
}

static void nothing_is_read_while_the_channel_is_full(void **state)
{
	int fd = transfers_open_write_pipe(connection.transfers, 19);
	assert_int_equal(write(fd, "abc", 3), 3);
	close(fd);
	connection.channel->full = true;
	transfers_set_reading(connection.transfers, false);
	/* Nor does the writer's hang-up make the loop spin. */
	assert_int_equal(wl_event_loop_dispatch(connection.loop, 0), 0);
	run();
	assert_int_equal(connection.channel->written_bytes, 0);
	connection.channel->full = false;
	transfers_set_reading(connection.transfers, true);
	run();
	assert_int_equal(connection.channel->written_bytes, 3);
	assert_int_equal(connection.channel->hang_ups, 1);
}

static void too_many_pipes_are_ended_at_the_host(void **state)
{
	int fds[256];
	for (int i = 0; i < 256; i++) {
		fds[i] = transfers_open_write_pipe(connection.transfers, (uint32_t)i + 1);
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(transfers_open_write_pipe(connection.transfers, 1000), -EMFILE);
	assert_int_equal(connection.channel->written_pipe, 1000);
	assert_int_equal(connection.channel->hang_ups, 1);
	for (int i = 0; i < 256; i++)
		close(fds[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pastes_of_all_sizes_arrive_in_a_pipe),
		TEST(a_reader_that_keeps_up_is_not_waited_for),
		TEST(pastes_arrive_in_a_socket),
		TEST(a_paste_arrives_in_a_file),
		TEST(a_paste_into_dev_null_is_acknowledged),
		TEST(what_nobody_reads_is_dropped_and_acknowledged),
		TEST(the_host_is_told_of_readers_that_leave),
		TEST(the_flags_of_a_shared_pipe_are_left_alone),
		TEST(a_pipe_that_is_full_is_made_larger),
		TEST(a_pipe_is_made_larger_before_it_is_full),
		TEST(ten_pastes_at_once_do_not_mix),
		TEST(a_host_that_speaks_of_unknown_pipes_is_not_heard),
		TEST(too_many_transfers_are_refused),
		TEST(what_the_client_writes_goes_to_the_host),
		TEST(what_the_channel_has_space_for_is_not_copied),
		TEST(a_client_gets_epipe_when_the_hosts_reader_is_gone),
		TEST(a_pipe_closed_unused_ends_at_once),
		TEST(nothing_is_read_while_the_channel_is_full),
		TEST(too_many_pipes_are_ended_at_the_host),
	};
	return cmocka_run_group_tests(tests, narrow_pipes, NULL);
}
