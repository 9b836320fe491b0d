/* host-bridge/cross_domain/streams/pipes.c */
#include "host-bridge/cross_domain/streams/pipes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/narrow_pipes.h"

#define FIRST CROSS_DOMAIN_FIRST_READ_PIPE

static struct {
	int fds;
	struct wl_event_loop *loop;
	struct pipes pipes;
	uint64_t live;
	struct vm_quota quota;
	unsigned readable, cut;
} t;

static time_t now_s; /* time passes where a test says so */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	*out = (struct timespec){now_s, 0};
	return 0;
}

static void handle_readable(void *data)
{
	t.readable++;
}

static void handle_cut(void *data, int fd)
{
	assert_true(fcntl(fd, F_GETFD) >= 0);
	t.cut++;
}

static const struct pipes_listener listener = {.readable = handle_readable, .cut = handle_cut};

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	signal(SIGPIPE, SIG_IGN);
	t.fds = fd_count();
	t.loop = wl_event_loop_create();
	quota_init(&t.quota);
	pipes_init(&t.pipes, t.loop, &listener, NULL, &t.live, &t.quota);
	return 0;
}

static int tear_down(void **state)
{
	pipes_finish(&t.pipes);
	wl_event_loop_destroy(t.loop);
	return fd_count() == t.fds && t.live == 0 && t.pipes.queued_bytes == 0 &&
			t.quota.entries[QUOTA_PIPES].use == 0 &&
			t.quota.entries[QUOTA_FDS].use == 0 &&
			t.quota.entries[QUOTA_QUEUED_BYTES].use == 0
		? 0
		: -1;
}

static void turn(void)
{
	wl_event_loop_dispatch(t.loop, 0);
}

static int open_read(uint32_t id)
{
	int fd = pipes_open_read(&t.pipes, id);
	assert_true(fd >= 0);
	return fd;
}

/* A write pipe whose reader is the test. */
static int open_write(uint32_t id)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipes_add_write(&t.pipes, id, ends[1]), 0);
	return ends[0];
}

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

static unsigned waiters_done;

static void handle_done(struct pipe_waiter *waiter)
{
	waiters_done++;
}

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

/* --- pipes that outlive their context --- */

enum { OWED = 200000 }; /* more than fits into a pipe */

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

static struct pipes drain;
static uint8_t owed[OWED];

static int set_up_drain(void **state)
{
	set_up(state);
	pipes_init(&drain, t.loop, &listener, NULL, &t.live, &t.quota);
	for (size_t i = 0; i < OWED; i++)
		owed[i] = (uint8_t)(i ^ i >> 7);
	return 0;
}

static int tear_down_drain(void **state)
{
	pipes_finish(&drain);
	return drain.queued_bytes == 0 ? tear_down(state) : -1;
}

/* A write pipe with more than its reader takes at once; the reading end. */
static int open_owing(uint32_t id, size_t size, bool hang_up)
{
	int fd = open_write(id);
	assert_int_equal(pipes_write(&t.pipes, id, owed, size, hang_up), -EAGAIN);
	return fd;
}

/* Reads what comes behind @got bytes until the end of file; how much it is in all. */
static size_t read_to_the_end_behind(int fd, size_t got, size_t step)
{
	static uint8_t out[OWED];
	size_t begin = got;
	for (ssize_t n; (n = read(fd, out + got, min_u64(step, OWED - got + 1))) != 0;) {
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			got += (size_t)n;
		assert_true(got <= OWED);
		turn();
	}
	assert_memory_equal(out + begin, owed + begin, got - begin);
	return got;
}

static size_t read_to_the_end(int fd, size_t step)
{
	return read_to_the_end_behind(fd, 0, step);
}

static void what_is_owed_to_a_reader_outlives_the_context(void **state)
{
	int fds[3];
	for (uint32_t i = 0; i < 3; i++)
		fds[i] = open_owing(2 + i, OWED, true);
	assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
	assert_int_equal(t.pipes.queued_bytes, 0);
	assert_false(pipes_has(&t.pipes, 2));
	assert_int_equal(t.live, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_to_the_end(fds[i], 1000), OWED);
		close(fds[i]);
	}
	assert_int_equal(t.live, 0);
	assert_int_equal(drain.queued_bytes, 0);
}

static void pipes_of_contexts_with_the_same_ids_outlive_them(void **state)
{
	int fds[2];
	for (int i = 0; i < 2; i++) {
		fds[i] = open_owing(2, OWED, true);
		assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
		pipes_init(&t.pipes, t.loop, &listener, NULL, &t.live, &t.quota);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read_to_the_end(fds[i], OWED), OWED);
		close(fds[i]);
	}
}

static void pipes_that_were_not_ended_and_read_pipes_die_with_the_context(void **state)
{
	struct pipe_waiter waiter = {.done = handle_done};
	int cut = open_owing(2, OWED, false), read_pipe = open_read(FIRST), idle = open_write(3);
	waiters_done = 0;
	pipes_wait(&t.pipes, 2, &waiter);
	assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
	assert_int_equal(waiters_done, 1);
	assert_int_equal(t.live, 0);
	assert_true(read_to_the_end(cut, OWED) < OWED);
	assert_int_equal(write(read_pipe, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(read_to_the_end(idle, 1), 0);
	close(cut);
	close(read_pipe);
	close(idle);
}

static void no_submission_waits_for_a_pipe_that_was_handed_over(void **state)
{
	struct pipe_waiter waiter = {.done = handle_done};
	int fd = open_owing(2, OWED, true);
	waiters_done = 0;
	pipes_wait(&t.pipes, 2, &waiter);
	assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
	assert_int_equal(waiters_done, 1);
	assert_int_equal(read_to_the_end(fd, OWED), OWED);
	assert_int_equal(waiters_done, 1);
	close(fd);
}

static void whose_reader_takes_nothing_makes_room_where_it_is_needed(void **state)
{
	int lazy = open_owing(2, OWED, true), slow = open_owing(3, OWED, true);
	int many[PIPES_MAX];
	uint8_t byte;

	assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
	now_s += 3600; /* stopped, maybe */
	turn();
	assert_int_equal(read(slow, &byte, 1), 1); /* which makes no room in the pipe */
	turn();
	assert_int_equal(t.live, 2);
	for (uint32_t i = 0; i < PIPES_MAX; i++) {
		many[i] = open_owing(2, 65536 + 1, true);
		/* Two are too many: one makes room, the other one's reader has just taken some. */
		assert_int_equal(pipes_hand_over(&t.pipes, &drain), i == PIPES_MAX - 1);
	}
	assert_int_equal(t.live, PIPES_MAX);
	assert_int_equal(t.cut, 2);
	assert_true(read_to_the_end(lazy, OWED) < OWED);
	assert_int_equal(read_to_the_end_behind(slow, 1, OWED), OWED);
	for (uint32_t i = 0; i < PIPES_MAX; i++)
		close(many[i]);
	while (t.live > 0) /* readers that leave are noticed */
		turn();
	close(lazy);
	close(slow);
}

/* It may be below their bounds: what nobody reads must not keep it for ever. */
static void they_make_room_in_the_machines_limits_too(void **state)
{
	int lazy[2], fd;
	uint8_t byte;

	quota_set(&t.quota, "pipes", "2");
	t.pipes.drain = &drain;
	for (uint32_t i = 0; i < 2; i++)
		lazy[i] = open_owing(2 + i, OWED, true);
	assert_int_equal(pipes_hand_over(&t.pipes, &drain), 0);
	assert_int_equal(pipes_open_read(&t.pipes, FIRST), -EDQUOT); /* they may be read yet */
	assert_int_equal(t.cut, 0);
	now_s += 60;
	fd = open_read(FIRST);
	assert_int_equal(t.cut, 1);
	close(fd);
	assert_int_equal(pipes_write(&t.pipes, FIRST, "", 0, true), 0);

	fd = open_write(2);
	t.quota.entries[QUOTA_QUEUED_BYTES].limit = OWED; /* two owe more */
	assert_int_equal(pipes_write(&t.pipes, 2, owed, OWED, true), -EAGAIN);
	assert_int_equal(t.cut, 2);
	assert_int_equal(read(fd, &byte, 1), 1);
	for (uint32_t i = 0; i < 2; i++)
		close(lazy[i]);
	close(fd);
}

static void pipes_that_were_handed_over_have_bounds(void **state)
{
	static uint8_t megabytes[6 << 20];
	int fds[3];
	for (uint32_t i = 0; i < 3; i++) {
		int ends[2];
		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		fds[i] = ends[0];
		assert_int_equal(pipes_add_write(&t.pipes, 2 + i, ends[1]), 0);
		assert_int_equal(
			pipes_write(&t.pipes, 2 + i, megabytes, sizeof(megabytes), true), -EAGAIN);
		/* Three times six is too much, for one context as for what is left of several. */
		assert_int_equal(pipes_hand_over(&t.pipes, &drain), i == 2);
	}
	assert_int_equal(t.live, 2);
	assert_true(drain.queued_bytes <= PIPES_MAX_QUEUED);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn();
	assert_int_equal(t.live, 0);

	int many[PIPES_MAX + 1];
	for (uint32_t i = 0; i <= PIPES_MAX; i++) {
		many[i] = open_owing(2, 65536 + 1, true);
		assert_int_equal(pipes_hand_over(&t.pipes, &drain), i == PIPES_MAX);
	}
	assert_int_equal(t.live, PIPES_MAX);
	pipes_finish(&drain);
	assert_int_equal(t.live, 0);
	for (uint32_t i = 0; i <= PIPES_MAX; i++)
		close(many[i]);
}

#define DRAIN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_drain, tear_down_drain)
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		DRAIN_TEST(what_is_owed_to_a_reader_outlives_the_context),
		DRAIN_TEST(pipes_of_contexts_with_the_same_ids_outlive_them),
		DRAIN_TEST(pipes_that_were_not_ended_and_read_pipes_die_with_the_context),
		DRAIN_TEST(no_submission_waits_for_a_pipe_that_was_handed_over),
		DRAIN_TEST(whose_reader_takes_nothing_makes_room_where_it_is_needed),
		DRAIN_TEST(they_make_room_in_the_machines_limits_too),
		DRAIN_TEST(pipes_that_were_handed_over_have_bounds),
	};
	return cmocka_run_group_tests(tests, narrow_pipes, NULL);
}
