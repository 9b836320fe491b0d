/* protocol/streams/byte_queue.c */
#include "protocol/streams/byte_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"

#define MAX_BYTES (1 << 20)

struct world {
	struct byte_queue queue;
	int ends[2];
	int open_fds;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->open_fds = fd_count();
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, world->ends), 0);
	byte_queue_init(&world->queue, MAX_BYTES);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	byte_queue_clear(&world->queue);
	fd_close(&world->ends[0]);
	fd_close(&world->ends[1]);
	assert_int_equal(fd_count(), world->open_fds);
	free(world);
	return 0;
}

/* A memfd of @size bytes, so that the receiver can tell which one it is. */
static int numbered_fd(size_t size)
{
	int fd = memfd_create("numbered", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static size_t number_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	return (size_t)st.st_size;
}

static void bytes_come_out_as_they_went_in(void **state)
{
	struct world *world = *state;
	uint8_t next_in = 0, next_out = 0, bytes[5000];
	size_t queued = 0, received = 0;
	srand(1);
	for (int round = 0; round < 3000; round++) {
		size_t n = (size_t)rand() % sizeof(bytes);
		for (size_t i = 0; i < n; i++)
			bytes[i] = next_in++;
		int error = byte_queue_add(&world->queue, bytes, n);
		if (error) {
			assert_int_equal(error, -ENOBUFS);
			next_in -= (uint8_t)n;
		} else {
			queued += n;
		}
		error = byte_queue_send(&world->queue, world->ends[0]);
		assert_true(error == 0 || error == -EAGAIN);
		ssize_t got = read(world->ends[1], bytes, (size_t)rand() % sizeof(bytes) + 1);
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(bytes[i], next_out++);
		received += got > 0 ? (size_t)got : 0;
		assert_true(received + byte_queue_size(&world->queue) <= queued);
	}
	assert_true(queued > MAX_BYTES);
}

static void fds_come_with_the_first_byte_of_their_message_at_the_latest(void **state)
{
	struct world *world = *state;
	size_t n_messages = 100, n_queued = 0;
	for (size_t i = 0; i < n_messages; i++) {
		int fds[FD_MESSAGE_MAX];
		size_t n_fds = i * 7 % (FD_MESSAGE_MAX + 1);
		if (n_queued + n_fds > 900)
			n_fds = 0;
		for (size_t f = 0; f < n_fds; f++)
			fds[f] = numbered_fd(n_queued++);
		uint8_t message[2] = {(uint8_t)n_fds, 0};
		assert_int_equal(byte_queue_add_fds(&world->queue, message, 2, fds, n_fds), 0);
	}
	assert_int_equal(byte_queue_send(&world->queue, world->ends[0]), 0);
	size_t n_messages_in = 0, n_fds_in = 0, n_fds_due = 0;
	while (n_messages_in < n_messages) {
		uint8_t message[2];
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		assert_int_equal(fd_recv(world->ends[1], message, 2, fds, &n_fds), 2);
		for (size_t f = 0; f < n_fds; f++)
			assert_int_equal(number_of(fds[f]), n_fds_in++);
		n_fds_due += message[0];
		n_messages_in++;
		assert_true(n_fds_in >= n_fds_due);
	}
	assert_int_equal(n_fds_in, n_queued);
}

static void an_fd_never_comes_before_bytes_that_other_fds_need_room_for(void **state)
{
	struct world *world = *state;
	for (size_t message = 0; message < 2; message++) {
		int fds[FD_MESSAGE_MAX];
		for (size_t f = 0; f < FD_MESSAGE_MAX; f++)
			fds[f] = numbered_fd(f);
		assert_int_equal(
			byte_queue_add_fds(&world->queue, "abcd", 4, fds, FD_MESSAGE_MAX), 0);
	}
	assert_int_equal(byte_queue_send(&world->queue, world->ends[0]), 0);
	/* The kernel does not join chunks with fds: one chunk is one message. */
	for (size_t message = 0; message < 2; message++) {
		uint8_t bytes[16];
		int fds[FD_MESSAGE_MAX];
		size_t n_fds;
		assert_int_equal(fd_recv(world->ends[1], bytes, sizeof(bytes), fds, &n_fds), 4);
		assert_int_equal(n_fds, FD_MESSAGE_MAX);
		for (size_t f = 0; f < n_fds; f++)
			assert_int_equal(number_of(fds[f]), f);
	}
}

static void a_full_queue_takes_nothing(void **state)
{
	struct world *world = *state;
	static uint8_t bytes[MAX_BYTES];
	assert_int_equal(byte_queue_add(&world->queue, bytes, MAX_BYTES - 1), 0);
	int fd = numbered_fd(0);
	assert_int_equal(byte_queue_add_fds(&world->queue, bytes, 2, &fd, 1), -ENOBUFS);
	assert_int_equal(byte_queue_add(&world->queue, bytes, SIZE_MAX), -ENOBUFS);
	assert_int_equal(byte_queue_size(&world->queue), MAX_BYTES - 1);
	assert_int_equal(world->queue.n_fds, 0);
	assert_int_equal(byte_queue_add_fds(&world->queue, bytes, 1, &fd, 1), 0);
}

static void too_many_fds_are_refused(void **state)
{
	struct world *world = *state;
	int fd = numbered_fd(0), fds[FD_MESSAGE_MAX + 1] = {0};
	size_t n = 0;
	assert_int_equal(
		byte_queue_add_fds(&world->queue, "x", 1, fds, FD_MESSAGE_MAX + 1), -EINVAL);
	assert_int_equal(byte_queue_add_fds(&world->queue, "", 0, &fd, 1), -EINVAL);
	/* Not real descriptors: they must not be touched before they are sent. */
	int many[FD_MESSAGE_MAX];
	int error;
	for (;;) {
		for (size_t i = 0; i < FD_MESSAGE_MAX; i++)
			many[i] = -1;
		error = byte_queue_add_fds(&world->queue, "x", 1, many, FD_MESSAGE_MAX);
		if (error)
			break;
		n += FD_MESSAGE_MAX;
	}
	assert_int_equal(error, -ENOBUFS);
	assert_true(n <= 1024 && n > 1024 - FD_MESSAGE_MAX);
	close(fd);
}

static void an_emptied_queue_gives_its_memory_back(void **state)
{
	struct world *world = *state;
	static uint8_t bytes[300000];
	assert_null(world->queue.bytes);
	assert_int_equal(byte_queue_add(&world->queue, bytes, sizeof(bytes)), 0);
	while (byte_queue_send(&world->queue, world->ends[0]) == -EAGAIN)
		assert_true(read(world->ends[1], bytes, sizeof(bytes)) > 0);
	assert_int_equal(byte_queue_size(&world->queue), 0);
	assert_int_equal(world->queue.capacity, 0);
	assert_int_equal(byte_queue_add(&world->queue, bytes, 10), 0); /* and works on */
	assert_int_equal(byte_queue_send(&world->queue, world->ends[0]), 0);
}

static void a_closed_socket_is_an_error(void **state)
{
	struct world *world = *state;
	fd_close(&world->ends[1]);
	int fd = numbered_fd(0);
	assert_int_equal(byte_queue_add_fds(&world->queue, "x", 1, &fd, 1), 0);
	assert_int_equal(byte_queue_send(&world->queue, world->ends[0]), -EPIPE);
}

static void a_pipe_gets_what_it_takes_and_the_rest_stays(void **state)
{
	struct world *world = *state;
	static uint8_t bytes[200000];
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 / 5);
	assert_int_equal(byte_queue_add(&world->queue, bytes, sizeof(bytes)), 0);
	for (size_t received = 0; received < sizeof(bytes);) {
		static uint8_t in[30000];
		int error = byte_queue_write(&world->queue, ends[1]);
		assert_int_equal(error, byte_queue_size(&world->queue) > 0 ? -EAGAIN : 0);
		ssize_t n = read(ends[0], in, sizeof(in));
		assert_true(n > 0);
		assert_memory_equal(in, bytes + received, (size_t)n);
		received += (size_t)n;
	}
	close(ends[0]);
	assert_int_equal(byte_queue_add(&world->queue, bytes, 1), 0);
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	assert_int_equal(byte_queue_write(&world->queue, ends[1]), -EPIPE);
	signal(SIGPIPE, old);
	close(ends[1]);
}

/* A reader that takes all at once: others have a turn in between. */
static void much_is_written_in_pieces(void **state)
{
	static uint8_t bytes[(1 << 20) + 1];
	struct world *world = *state;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	byte_queue_init(&world->queue, sizeof(bytes));
	assert_int_equal(byte_queue_add(&world->queue, bytes, sizeof(bytes)), 0);
	assert_int_equal(byte_queue_write(&world->queue, fd), -EAGAIN);
	assert_int_equal(byte_queue_size(&world->queue), 1);
	assert_int_equal(byte_queue_write(&world->queue, fd), 0);
	close(fd);
}

static void what_is_taken_takes_its_fds_along(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < 3; i++) {
		int fd = numbered_fd(i);
		assert_int_equal(byte_queue_add_fds(&world->queue, "ab", 2, &fd, 1), 0);
	}
	byte_queue_take(&world->queue, 0);
	assert_int_equal(world->queue.n_fds, 3);
	byte_queue_take(&world->queue, 3);
	assert_int_equal(world->queue.n_fds, 1);
	assert_memory_equal(byte_queue_data(&world->queue), "bab", 3);
	assert_int_equal(byte_queue_size(&world->queue), 3);
	assert_int_equal(byte_queue_add(&world->queue, "cd", 2), 0);
	byte_queue_undo(&world->queue, 1);
	assert_int_equal(byte_queue_size(&world->queue), 4);
	assert_memory_equal(byte_queue_data(&world->queue), "babc", 4);
	byte_queue_clear(&world->queue);
	assert_int_equal(byte_queue_size(&world->queue), 0);
}

/* However it is used, the memory stays within twice what is queued at most. */
static void a_queue_that_is_never_empty_does_not_grow_for_ever(void **state)
{
	struct world *world = *state;
	uint8_t bytes[3000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(byte_queue_add(&world->queue, bytes, 2000), 0);
	for (size_t round = 0; round < 10000; round++) {
		assert_int_equal(byte_queue_add(&world->queue, bytes, 1 + round % 3000), 0);
		byte_queue_take(&world->queue, 1 + round % 3000);
	}
	assert_int_equal(byte_queue_size(&world->queue), 2000);
	assert_true(world->queue.capacity <= 16384);
}

/* Whoever has the other end of our socket, and ours too, can have the kernel give us one (from
 * Linux 6.5 on). */
static void a_pidfd_that_comes_unasked_is_closed(void **state)
{
	struct world *world = *state;
	const int pass_pidfd = 76; /* SO_PASSPIDFD */
	int fds[FD_MESSAGE_MAX];
	size_t n_fds;
	char byte;

	setsockopt(world->ends[1], SOL_SOCKET, pass_pidfd, &(int){1}, sizeof(int));
	assert_int_equal(send(world->ends[0], "x", 1, 0), 1);
	assert_int_equal(fd_recv(world->ends[1], &byte, 1, fds, &n_fds), 1);
	assert_int_equal(n_fds, 0);
	/* The teardown counts what is left. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_out_as_they_went_in),
		TEST(fds_come_with_the_first_byte_of_their_message_at_the_latest),
		TEST(an_fd_never_comes_before_bytes_that_other_fds_need_room_for),
		TEST(a_full_queue_takes_nothing),
		TEST(too_many_fds_are_refused),
		TEST(an_emptied_queue_gives_its_memory_back),
		TEST(a_closed_socket_is_an_error),
		TEST(a_pipe_gets_what_it_takes_and_the_rest_stays),
		TEST(much_is_written_in_pieces),
		TEST(what_is_taken_takes_its_fds_along),
		TEST(a_queue_that_is_never_empty_does_not_grow_for_ever),
		TEST(a_pidfd_that_comes_unasked_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
