/* host-bridge/cross_domain/streams/pipes.c */
#include "tests/unit/pipes_world.h"

#include <stdlib.h>
#include <sys/ioctl.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

/* The next event; its size, -EAGAIN when there is none. */
static ssize_t take(uint32_t *id, bool *hang_up)
{
	static uint8_t bytes[4072];
	return pipes_read(&t.pipes, id, bytes, sizeof(bytes), hang_up);
}

static void a_read_pipe_says_what_was_written_then_its_end(void **state)
{
	uint32_t id;
	bool hang_up;
	char bytes[16];
	int fd = open_read(FIRST);

	turn();
	assert_false(pipes_readable(&t.pipes));
	assert_int_equal(write(fd, "hello", 5), 5);
	turn();
	assert_int_equal(t.readable, 1);
	assert_int_equal(pipes_read(&t.pipes, &id, bytes, sizeof(bytes), &hang_up), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(id, FIRST);
	assert_false(hang_up);
	assert_int_equal(take(&id, &hang_up), -EAGAIN);

	/* A short read is no end of file: more may come. */
	assert_int_equal(write(fd, "!", 1), 1);
	turn();
	assert_int_equal(take(&id, &hang_up), 1);
	close(fd);
	assert_int_equal(take(&id, &hang_up), 0);
	assert_true(hang_up);
	assert_false(pipes_has(&t.pipes, FIRST));
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
}

static void an_idle_end_of_file_does_not_spin(void **state)
{
	close(open_read(FIRST));
	for (int i = 0; i < 5; i++)
		turn();
	assert_int_equal(t.readable, 1);
}

static void ready_pipes_take_turns(void **state)
{
	static uint8_t bytes[60000];
	uint32_t id;
	bool hang_up;
	int a = open_read(FIRST), b = open_read(FIRST + 1);

	assert_int_equal(write(a, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(write(b, bytes, sizeof(bytes)), sizeof(bytes));
	turn();
	uint32_t last = 0;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(take(&id, &hang_up), 4072);
		assert_int_not_equal(id, last);
		last = id;
	}
	close(a);
	close(b);
}

static void a_pipe_that_brings_much_is_made_larger(void **state)
{
	static uint8_t bytes[65536];
	uint32_t id;
	bool hang_up;
	int fds[2] = {open_read(FIRST), open_read(FIRST + 1)};

	assert_int_equal(write(fds[0], bytes, 30000), 30000);
	assert_int_equal(write(fds[1], bytes, 40000), 40000);
	turn();
	widen_pipes();
	for (int i = 0; i < 2; i++) {
		assert_true(pipes_read(&t.pipes, &id, bytes, sizeof(bytes), &hang_up) > 0);
		assert_int_equal(fcntl(fds[id - FIRST], F_GETPIPE_SZ),
			id == FIRST ? 65536 : WIDE_PIPE_BYTES);
	}
	pipes_finish(&t.pipes);
	assert_int_equal(narrow_pipes(NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

static void without_credit_nothing_more_is_read(void **state)
{
	static uint8_t bytes[20000];
	uint32_t id;
	bool hang_up;
	int fd = open_read(FIRST);

	pipes_limit_reads(&t.pipes, 5000);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	turn();
	assert_int_equal(take(&id, &hang_up), 4072);
	assert_int_equal(take(&id, &hang_up), 5000 - 4072);
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
	turn();
	assert_false(pipes_readable(&t.pipes));
	pipes_acknowledge(&t.pipes, FIRST, 1000);
	assert_true(pipes_readable(&t.pipes));
	assert_int_equal(take(&id, &hang_up), 1000);
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
	/* More than was under way is all that was. */
	pipes_acknowledge(&t.pipes, FIRST, UINT32_MAX);
	assert_int_equal(take(&id, &hang_up), 4072);
	/* For pipes that are no more it means nothing. */
	pipes_acknowledge(&t.pipes, FIRST + 7, 1);
	close(fd);
}

static void a_higher_limit_wakes_those_without_credit(void **state)
{
	uint32_t id;
	bool hang_up;
	int fd = open_read(FIRST);

	pipes_limit_reads(&t.pipes, 2);
	assert_int_equal(write(fd, "abcd", 4), 4);
	turn();
	assert_int_equal(take(&id, &hang_up), 2);
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
	pipes_limit_reads(&t.pipes, 100);
	assert_int_equal(take(&id, &hang_up), 2);
	close(fd);
}

static void what_a_slow_reader_leaves_is_queued_in_order(void **state)
{
	enum { BYTES = 300000 };
	static uint8_t in[BYTES], out[BYTES];
	int fd = open_write(2);

	for (size_t i = 0; i < BYTES; i++)
		in[i] = (uint8_t)(i ^ i >> 8);
	size_t done = 0;
	int status = 0;
	srandom(1);
	while (done < BYTES) {
		size_t n = min_u64((size_t)random() % 9000, BYTES - done);
		int err = pipes_write(&t.pipes, 2, in + done, n, done + n == BYTES);
		assert_true(err == 0 || err == -EAGAIN);
		status = err;
		done += n;
	}
	assert_int_equal(status, -EAGAIN);
	int in_pipe = 0;
	assert_int_equal(ioctl(fd, FIONREAD, &in_pipe), 0);
	assert_int_equal(t.pipes.queued_bytes, BYTES - in_pipe);

	size_t got = 0;
	for (ssize_t n; (n = read(fd, out + got, BYTES - got)) != 0;) {
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			got += (size_t)n;
		turn();
	}
	assert_int_equal(got, BYTES);
	assert_memory_equal(in, out, BYTES);
	assert_false(pipes_has(&t.pipes, 2)); /* the hang-up came behind all of it */
	close(fd);
}

#define FULL_BYTES (65536 + 10)

/* Pipe 2, with more in it than its reader has room for: its reading end. */
static int fill_and_wait(struct pipe_waiter *waiter)
{
	static const uint8_t bytes[FULL_BYTES];
	int fd = open_write(2);

	waiters_done = 0;
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, sizeof(bytes), false), -EAGAIN);
	pipes_wait(&t.pipes, 2, waiter);
	return fd;
}

static void who_waits_is_told_when_the_queue_is_dry(void **state)
{
	static uint8_t bytes[FULL_BYTES];
	struct pipe_waiter waiter = {.done = handle_done};
	int fd = fill_and_wait(&waiter);

	turn();
	assert_int_equal(waiters_done, 0);
	assert_int_equal(read(fd, bytes, 65536), 65536);
	turn();
	assert_int_equal(waiters_done, 1);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 10, false), 0);
	close(fd);
}

static void a_reader_that_leaves_is_no_error(void **state)
{
	static uint8_t bytes[FULL_BYTES];
	struct pipe_waiter waiter = {.done = handle_done};
	int fd = fill_and_wait(&waiter);

	close(fd);
	turn();
	assert_int_equal(waiters_done, 1);
	assert_int_equal(t.pipes.queued_bytes, 0);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 100, false), 0);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 0, true), 0);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 1, false), -ENOENT);
}

static void a_guest_that_gives_credit_hears_of_readers_that_leave(void **state)
{
	static uint8_t bytes[FULL_BYTES];
	uint32_t id;
	bool hang_up;
	int queued = open_write(2), idle = open_write(3), ended = open_write(4);

	pipes_limit_reads(&t.pipes, 100000);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, sizeof(bytes), false), -EAGAIN);
	close(queued);
	turn();
	assert_int_equal(t.readable, 1);
	assert_int_equal(take(&id, &hang_up), 0);
	assert_int_equal(id, 2);
	assert_true(hang_up);
	assert_int_equal(take(&id, &hang_up), -EAGAIN);                   /* once */
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 100, false), 0); /* was on its way */
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, 0, true), 0);
	assert_false(pipes_has(&t.pipes, 2));

	close(idle);
	assert_int_equal(pipes_write(&t.pipes, 3, bytes, 100, false), 0);
	assert_int_equal(take(&id, &hang_up), 0);
	assert_int_equal(id, 3);

	/* One that the guest has ended need not be told of. */
	assert_int_equal(pipes_write(&t.pipes, 4, bytes, sizeof(bytes), true), -EAGAIN);
	close(ended);
	turn();
	assert_int_equal(take(&id, &hang_up), -EAGAIN);
	assert_false(pipes_has(&t.pipes, 4));
	assert_int_equal(pipes_write(&t.pipes, 3, bytes, 0, true), 0);
}

static void a_guest_that_overfills_a_pipe_loses_it(void **state)
{
	static uint8_t bytes[1 << 20];
	int fd = open_write(2), other = open_write(3), err = -EAGAIN;
	size_t written = 0;

	for (; err == -EAGAIN || err == 0; written++)
		err = pipes_write(&t.pipes, 2, bytes, sizeof(bytes), false);
	assert_int_equal(err, -ENOBUFS);
	assert_int_equal(written, 17);
	assert_int_equal(t.pipes.queued_bytes, 0);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 0); /* hung up */
	assert_int_equal(pipes_write(&t.pipes, 3, bytes, 5, false), 0);
	close(fd);
	close(other);
}

static void contents_that_are_not_all_are_told_of(void **state)
{
	static uint8_t bytes[65536 + 14];
	int whole = open_write(1), begun = open_write(2), over = open_write(3);

	assert_int_equal(pipes_write(&t.pipes, 1, "all", 3, true), 0);
	assert_int_equal(t.cut, 0);
	quota_set(&t.quota, "queued-bytes", "4");
	/* What a pipe takes at once is not queued. */
	assert_int_equal(pipes_write(&t.pipes, 3, bytes, sizeof(bytes), true), -ENOBUFS);
	assert_int_equal(t.cut, 1);
	assert_int_equal(pipes_write(&t.pipes, 2, "some", 4, false), 0);
	pipes_finish(&t.pipes);
	assert_int_equal(t.cut, 2);
	close(whole);
	close(begun);
	close(over);
}

static void a_guest_can_only_hang_up_on_a_read_pipe(void **state)
{
	int fd = open_read(FIRST);
	assert_int_equal(pipes_write(&t.pipes, FIRST, "x", 1, false), -EINVAL);
	assert_int_equal(pipes_write(&t.pipes, FIRST, "x", 1, true), -EINVAL);
	assert_int_equal(pipes_write(&t.pipes, FIRST, "", 0, true), 0);
	assert_false(pipes_has(&t.pipes, FIRST));
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fd);
}

static void a_write_pipe_may_be_a_file(void **state)
{
	char path[] = "/tmp/wayferry-test-XXXXXX";
	char bytes[8] = "";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(pipes_add_write(&t.pipes, 2, fcntl(fd, F_DUPFD_CLOEXEC, 0)), 0);
	assert_int_equal(pipes_write(&t.pipes, 2, "data", 4, true), 0);
	assert_int_equal(pread(fd, bytes, 8, 0), 4);
	assert_string_equal(bytes, "data");
	close(fd);
	unlink(path);
}

/* Others have the writing end, too: it blocks for them, and never for us. */
static void a_pipe_that_others_share_stays_as_it_is(void **state)
{
	static uint8_t bytes[100000];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipes_add_write(&t.pipes, 2, fd_dup(ends[1])), 0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(pipes_write(&t.pipes, 2, bytes, sizeof(bytes), true), -EAGAIN);
	assert_int_equal(t.pipes.queued_bytes, sizeof(bytes) - 65536);
	close(ends[1]);
	size_t n = 0;
	for (ssize_t got; (got = read(ends[0], bytes, 10000)) > 0; n += (size_t)got)
		wl_event_loop_dispatch(t.loop, 0);
	assert_int_equal(n, sizeof(bytes));
	close(ends[0]);
}

static void there_are_not_more_than_their_bound(void **state)
{
	int fds[PIPES_MAX];
	for (uint32_t i = 0; i < PIPES_MAX; i++)
		fds[i] = open_read(FIRST + i);
	assert_int_equal(pipes_open_read(&t.pipes, FIRST + PIPES_MAX), -EMFILE);
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(pipes_add_write(&t.pipes, 2, fd), -EMFILE);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was taken all the same */
	for (uint32_t i = 0; i < PIPES_MAX; i++)
		close(fds[i]);
}

static void a_machine_has_limits_for_all_its_pipes(void **state)
{
	static uint8_t bytes[200000];
	struct pipes other;
	int ends[2];

	quota_set(&t.quota, "pipes", "2");
	quota_set(&t.quota, "queued-bytes", "100K");
	pipes_init(&other, t.loop, NULL, NULL, &t.live, &t.quota);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipes_add_write(&other, 2, ends[1]), 0);
	int fd = pipes_open_read(&t.pipes, FIRST);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pipes_open_read(&t.pipes, FIRST + 1), -EDQUOT);
	assert_int_equal(t.pipes.exceeded, QUOTA_PIPES);
	assert_int_equal(pipes_add_write(&t.pipes, 3, fd_dup(ends[0])), -EDQUOT);
	assert_int_equal(pipes_write(&other, 2, bytes, sizeof(bytes), false), -ENOBUFS);
	assert_int_equal(other.queued_bytes, 0);
	pipes_finish(&other);
	assert_int_equal(t.quota.entries[QUOTA_PIPES].use, 1);
	close(ends[0]);
}

/* A pipe that the guest reads has two ends here, one that it writes to has one. */
static void their_fds_are_charged_to_the_machine(void **state)
{
	quota_set(&t.quota, "fds", "4");
	int in = open_read(FIRST), out = open_write(2);

	assert_int_equal(t.quota.entries[QUOTA_FDS].use, 3);
	assert_int_equal(pipes_open_read(&t.pipes, FIRST + 1), -EDQUOT);
	assert_int_equal(t.pipes.exceeded, QUOTA_FDS);
	assert_int_equal(t.quota.entries[QUOTA_PIPES].use, 2);
	close(open_write(3));
	assert_int_equal(pipes_add_write(&t.pipes, 4, fd_dup(out)), -EDQUOT);
	assert_int_equal(pipes_write(&t.pipes, FIRST, "", 0, true), 0);
	close(in);
	in = open_read(FIRST);
	close(in);
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_machine_has_limits_for_all_its_pipes),
		TEST(their_fds_are_charged_to_the_machine),
		TEST(a_read_pipe_says_what_was_written_then_its_end),
		TEST(an_idle_end_of_file_does_not_spin),
		TEST(ready_pipes_take_turns),
		TEST(a_pipe_that_brings_much_is_made_larger),
		TEST(without_credit_nothing_more_is_read),
		TEST(a_higher_limit_wakes_those_without_credit),
		TEST(what_a_slow_reader_leaves_is_queued_in_order),
		TEST(who_waits_is_told_when_the_queue_is_dry),
		TEST(a_reader_that_leaves_is_no_error),
		TEST(a_guest_that_gives_credit_hears_of_readers_that_leave),
		TEST(a_guest_that_overfills_a_pipe_loses_it),
		TEST(contents_that_are_not_all_are_told_of),
		TEST(a_guest_can_only_hang_up_on_a_read_pipe),
		TEST(a_write_pipe_may_be_a_file),
		TEST(a_pipe_that_others_share_stays_as_it_is),
		TEST(there_are_not_more_than_their_bound),
	};
	return cmocka_run_group_tests(tests, narrow_pipes, NULL);
}
