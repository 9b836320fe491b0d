/* host-bridge/cross_domain/streams/pipes.c: what is owed to readers when its context ends */
#include "tests/unit/pipes_world.h"

#include "protocol/base/bytes.h"

enum { OWED = 200000 }; /* more than fits into a pipe */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
