/* protocol/streams/shared_write.c */
#include "protocol/streams/shared_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "protocol/streams/byte_queue.h"
#include "protocol/streams/io_vectors.h"
#include "tests/unit/fd_count.h"

static int fds;
static uint8_t bytes[1 << 20];

static bool takes_nothing; /* every write is 0 */
static bool old_kernel;    /* pipes cannot be asked not to block */
static bool late_reader;   /* the next write finds no room, and then there is some */
static size_t by_write;    /* bytes that were given to writev() */
static unsigned n_at_once, n_looked_at;

ssize_t __real_writev(int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	by_write += io_vectors_bytes(iov, n);
	return takes_nothing ? 0 : __real_writev(fd, iov, n);
}

/* fstat, likewise */
int __real_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status)
{
	n_looked_at++;
	return __real_fstat64(fd, status);
}

/* pwritev2, where files may be large */
ssize_t __real_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags);
ssize_t __wrap_pwritev64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
	ssize_t written = takes_nothing ? 0 : -1;

	n_at_once++;
	if (late_reader) {
		late_reader = false;
		errno = EAGAIN;
		return -1;
	}
	if (!old_kernel && !takes_nothing) {
		written = __real_pwritev64v2(fd, iov, n, offset, flags);
		old_kernel = written < 0 && errno == EOPNOTSUPP;
	}
	if (old_kernel)
		errno = EOPNOTSUPP;
	return old_kernel ? -1 : written;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return takes_nothing ? 0 : __real_sendmsg(fd, message, flags);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 / 5);
	fds = fd_count();
	alarm(20); /* a write that blocks */
	old_kernel = false;
	return 0;
}

static int set_up_old_kernel(void **state)
{
	int result = set_up(state);

	old_kernel = true;
	return result;
}

static int tear_down(void **state)
{
	alarm(0);
	return fd_count() == fds ? 0 : -1;
}

static bool is_writable(int fd)
{
	struct pollfd events = {.fd = fd, .events = POLLOUT};
	return poll(&events, 1, 0) > 0 && (events.revents & POLLOUT);
}

/* Writes until nothing more is taken; returns how much. */
static size_t fill(int fd)
{
	size_t done = 0;
	ssize_t n;

	while ((n = shared_write(fd, bytes + done, sizeof(bytes) - done)) > 0)
		done += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_false(is_writable(fd));
	return done;
}

static void expect_passage(int in, int out)
{
	static uint8_t got[sizeof(bytes)];
	size_t sent = fill(out), received = 0;

	while (received < sizeof(bytes)) {
		ssize_t n = read(in, got + received, 30000);
		assert_true(n > 0);
		received += (size_t)n;
		while (sent < sizeof(bytes) &&
			(n = shared_write(out, bytes + sent, sizeof(bytes) - sent)) > 0)
			sent += (size_t)n;
	}
	assert_memory_equal(got, bytes, sizeof(bytes));
}

static void a_pipe_takes_what_it_has_room_for_and_keeps_its_flags(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	expect_passage(ends[0], ends[1]);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	close(ends[0]);
	close(ends[1]);
}

/* Somebody else writes to it, too: between a poll and a write of ours as well. */
static void a_pipe_that_others_have_filled_does_not_block(void **state)
{
	int ends[2];
	char byte;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (int i = 0; i < 65536 / 4096; i++)
		assert_int_equal(write(ends[1], bytes, 4096), 4096);
	assert_int_equal(shared_write(ends[1], "x", 1), -EAGAIN);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(shared_write(ends[1], "x", 1), 1);
	/* What did not fit has not come into somebody else's pipe later. */
	for (int i = 4096; i < 65536; i++)
		assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

/* A reader that is slow would cost more than one that is fast. */
static void nothing_is_copied_for_a_pipe_that_is_full(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fill(ends[1]);
	by_write = 0;
	assert_int_equal(shared_write(ends[1], bytes, 65536), -EAGAIN);
	assert_int_equal(by_write, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a_kernel_that_can_writes_at_once(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	by_write = 0;
	assert_int_equal(shared_write(ends[1], bytes, 65536), 65536);
	assert_int_equal(by_write, old_kernel ? 65536 : 0);
	close(ends[0]);
	close(ends[1]);
}

static void all_is_written_that_is_taken(void **state)
{
	static uint8_t got[65536];
	int ends[2];
	size_t done;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(shared_write_all(ends[1], bytes, 5000, &done), 0);
	assert_int_equal(done, 5000);
	assert_int_equal(read(ends[0], got, sizeof(got)), 5000);
	assert_int_equal(shared_write_all(ends[1], bytes, sizeof(bytes), &done), -EAGAIN);
	assert_int_equal(done, 65536);
	assert_int_equal(read(ends[0], got, sizeof(got)), 65536);
	assert_memory_equal(got, bytes, sizeof(got));
	close(ends[0]);
	assert_int_equal(shared_write_all(ends[1], bytes, 5000, &done), -EPIPE);
	assert_int_equal(done, 0);
	close(ends[1]);
}

/* As many calls as there are times that the reader takes some, and one poll for each. */
static void what_takes_bytes_at_once_is_not_looked_at(void **state)
{
	static uint8_t got[65536];
	int ends[2][2];
	size_t done;

	assert_int_equal(pipe2(ends[0], O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[1]), 0);
	n_at_once = n_looked_at = 0;
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < 10; n++) {
			assert_int_equal(shared_write_all(ends[i][1], bytes, 50000, &done), 0);
			assert_int_equal(read(ends[i][0], got, sizeof(got)), 50000);
		}
		assert_true(old_kernel || n_at_once == 10);
		assert_int_equal(
			shared_write_all(ends[i][1], bytes, sizeof(bytes), &done), -EAGAIN);
		assert_true(done >= 65536 && done < sizeof(bytes));
		assert_true(old_kernel || n_at_once == 11);
		n_at_once = 0;
		close(ends[i][0]);
		close(ends[i][1]);
	}
	assert_true(old_kernel || n_looked_at == 0);
}

/* Splicing would make it one that cannot be asked any more. */
static void a_pipe_whose_reader_was_late_is_asked_again(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	by_write = 0;
	late_reader = true;
	ssize_t n = shared_write(ends[1], bytes, 5000);
	assert_int_equal(n, old_kernel ? -EOPNOTSUPP : 5000);
	assert_int_equal(by_write, 0);
	close(ends[0]);
	close(ends[1]);
}

/* All that is left is known, wherever a piece was cut. */
static void pieces_are_written_one_behind_the_other(void **state)
{
	static uint8_t got[sizeof(bytes)];
	struct iovec pieces[100], *iov = pieces;
	size_t size = 0, received = 0;
	int ends[2], n = 100;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < 100; size += pieces[i++].iov_len)
		pieces[i] = (struct iovec){.iov_base = bytes + size, .iov_len = i * 37};
	while (received < size) {
		int error = shared_writev_all(ends[1], &iov, &n);
		assert_int_equal(error, n == 0 ? 0 : -EAGAIN);
		assert_true(n == 0 || io_vectors_bytes(iov, n) < size - received);
		ssize_t taken = read(ends[0], got + received, 50001);
		assert_true(taken > 0);
		received += (size_t)taken;
	}
	assert_int_equal(received, size);
	assert_memory_equal(got, bytes, size);
	close(ends[0]);
	close(ends[1]);
}

static void a_pipe_without_readers_is_an_error(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	assert_int_equal(shared_write(ends[1], "x", 1), -EPIPE);
	close(ends[1]);
}

static void a_socket_takes_what_it_has_room_for_and_keeps_its_flags(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	expect_passage(ends[0], ends[1]);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	close(ends[0]);
	assert_int_equal(shared_write(ends[1], "x", 1), -EPIPE);
	close(ends[1]);
}

static void files_and_the_null_device_take_all(void **state)
{
	int file = memfd_create("file", MFD_CLOEXEC),
	    null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(shared_write(file, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(shared_write(null, bytes, sizeof(bytes)), sizeof(bytes));
	close(file);
	close(null);
}

static void a_terminal_is_written_to_only_if_it_does_not_block(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(terminal >= 0);
	assert_int_equal(shared_write(terminal, "x", 1), -EOPNOTSUPP);
	fcntl(terminal, F_SETFL, O_NONBLOCK);
	assert_int_equal(shared_write(terminal, "x", 1), 1);
	close(terminal);
}

static void what_cannot_be_written_to_is_an_error(void **state)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(shared_write(ends[0], "x", 1), -EBADF);
	assert_int_equal(shared_write(-1, "x", 1), -EBADF);
	close(ends[0]);
	close(ends[1]);
}

/* Whatever it is: a write of 0 is no progress, and who waits for room would try for ever. */
static void what_takes_nothing_is_an_error(void **state)
{
	int ends[2], pair[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct byte_queue queue;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	byte_queue_init(&queue, 100);
	assert_int_equal(byte_queue_add(&queue, "12345", 5), 0);
	const int fds_of_kinds[] = {null, ends[1], pair[1]};
	takes_nothing = true;
	for (size_t i = 0; i < sizeof(fds_of_kinds) / sizeof(*fds_of_kinds); i++) {
		assert_int_equal(shared_write(fds_of_kinds[i], "x", 1), -EIO);
		assert_int_equal(byte_queue_write(&queue, fds_of_kinds[i]), -EIO);
	}
	assert_int_equal(byte_queue_send(&queue, pair[1]), -EIO);
	takes_nothing = false;
	assert_int_equal(byte_queue_size(&queue), 5);
	assert_int_equal(byte_queue_write(&queue, ends[1]), 0);
	byte_queue_clear(&queue);
	close(null);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(pair[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OLD(name)                                                                                  \
	{                                                                                          \
#name " (old kernel)", name, set_up_old_kernel, tear_down, NULL                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pipe_takes_what_it_has_room_for_and_keeps_its_flags),
		TEST(a_pipe_that_others_have_filled_does_not_block),
		TEST(nothing_is_copied_for_a_pipe_that_is_full),
		TEST(a_kernel_that_can_writes_at_once),
		TEST(all_is_written_that_is_taken),
		TEST(what_takes_bytes_at_once_is_not_looked_at),
		TEST(a_pipe_whose_reader_was_late_is_asked_again),
		TEST(pieces_are_written_one_behind_the_other),
		TEST(a_pipe_without_readers_is_an_error),
		TEST(a_socket_takes_what_it_has_room_for_and_keeps_its_flags),
		TEST(files_and_the_null_device_take_all),
		TEST(a_terminal_is_written_to_only_if_it_does_not_block),
		TEST(what_cannot_be_written_to_is_an_error),
		TEST(what_takes_nothing_is_an_error),
		OLD(a_pipe_takes_what_it_has_room_for_and_keeps_its_flags),
		OLD(a_pipe_that_others_have_filled_does_not_block),
		OLD(nothing_is_copied_for_a_pipe_that_is_full),
		OLD(all_is_written_that_is_taken),
		OLD(pieces_are_written_one_behind_the_other),
		OLD(a_pipe_without_readers_is_an_error),
		OLD(what_takes_nothing_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
