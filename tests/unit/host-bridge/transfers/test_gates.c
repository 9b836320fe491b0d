/* host-bridge/transfers/gates.c */
#include "host-bridge/transfers/gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

static struct {
	struct wl_event_loop *loop;
	struct wl_list gates;
	uint64_t held, may_hold;
	int closed, too_much;
	struct gate *gate; /* the last one */
	int in, out;       /* ends of the test's: it writes to one and reads from the other */
} t;

static time_t now_s; /* time passes where a test says so */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	*out = (struct timespec){now_s, 0};
	return 0;
}

static bool holds(void *data, uint64_t *charged, uint64_t bytes)
{
	if (bytes > t.may_hold)
		return false;
	t.held += bytes - *charged;
	*charged = bytes;
	return true;
}

static void closed(void *data, bool too_much)
{
	t.closed++;
	t.too_much += too_much;
}

static const struct gate_listener listener = {.holds = holds, .closed = closed};

static void open_gate_with(struct gate_terms terms)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	t.out = ends[0];
	fcntl(t.out, F_SETFL, O_NONBLOCK);
	t.gate = gate_open(&t.gates, t.loop, ends[1], &terms, &listener, NULL, &t.in);
	assert_non_null(t.gate);
	assert_true(t.in >= 0);
	fcntl(t.in, F_SETFL, O_NONBLOCK);
}

static void open_gate(uint64_t max_bytes)
{
	open_gate_with((struct gate_terms){.max_bytes = max_bytes});
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	t.may_hold = UINT64_MAX;
	t.in = t.out = -1;
	t.loop = wl_event_loop_create();
	wl_list_init(&t.gates);
	return 0;
}

static int tear_down(void **state)
{
	gates_close(&t.gates);
	assert_int_equal(t.closed, 1);
	assert_int_equal(t.held, 0);
	wl_event_loop_destroy(t.loop);
	if (t.in >= 0)
		close(t.in);
	if (t.out >= 0)
		close(t.out);
	return 0;
}

static void run(void)
{
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(t.loop, 0);
}

static size_t write_some(size_t n)
{
	static uint8_t bytes[4096];
	size_t done = 0;

	while (done < n) {
		ssize_t wrote = write(t.in, bytes, min_u64(n - done, sizeof(bytes)));
		if (wrote < 0 && errno != EAGAIN)
			break;
		done += wrote > 0 ? (size_t)wrote : 0;
		run();
	}
	return done;
}

static void end_writing(void)
{
	close(t.in);
	t.in = -1;
	run();
}

/* All that comes to the end of the contents, or until nothing comes. */
static size_t read_all(bool *end)
{
	uint8_t bytes[65536];
	size_t done = 0;
	ssize_t n;

	for (*end = false; (n = read(t.out, bytes, sizeof(bytes))) > 0; done += (size_t)n)
		run();
	*end = n == 0;
	return done;
}

static void what_is_within_the_limit_comes_once_it_is_whole(void **state)
{
	bool end;

	open_gate(300000);
	assert_int_equal(write_some(300000), 300000);
	assert_int_equal(read_all(&end), 0);
	assert_false(end);
	end_writing();
	assert_int_equal(read_all(&end), 300000);
	assert_true(end);
	assert_int_equal(t.too_much, 0);
}

static void what_is_too_much_does_not_come_at_all(void **state)
{
	bool end;

	open_gate(100000);
	assert_int_equal(write_some(100000), 100000);
	write_some(1);
	assert_int_equal(read_all(&end), 0);
	assert_true(end);
	assert_int_equal(write(t.in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(t.too_much, 1);
}

static void nothing_is_contents_too(void **state)
{
	bool end;

	open_gate(1);
	end_writing();
	assert_int_equal(read_all(&end), 0);
	assert_true(end);
	assert_int_equal(t.too_much, 0);
}

static void the_owner_may_refuse_the_memory(void **state)
{
	bool end;

	t.may_hold = 5000;
	open_gate(100000);
	write_some(6000);
	assert_int_equal(read_all(&end), 0);
	assert_true(end);
	assert_int_equal(t.too_much, 1);
}

static void what_is_cut_short_does_not_come_at_all(void **state)
{
	bool end;

	open_gate(100000);
	write_some(10);
	gates_cut(&t.gates, t.out); /* another pipe's */
	assert_int_equal(t.closed, 0);
	gates_cut(&t.gates, t.in);
	end_writing();
	assert_int_equal(read_all(&end), 0);
	assert_true(end);
	assert_int_equal(t.too_much, 0);
}

static void a_reader_that_leaves_ends_the_writer(void **state)
{
	open_gate(100000);
	write_some(10);
	close(t.out);
	t.out = -1;
	run();
	assert_int_equal(write(t.in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(t.too_much, 0);
}

static void a_shut_gate_waits_and_then_lets_all_of_it_through(void **state)
{
	bool end;

	open_gate_with((struct gate_terms){.shut = true});
	assert_int_equal(write(t.in, "12345", 5), 5);
	end_writing();
	assert_int_equal(read_all(&end), 0);
	assert_false(end);
	gate_let_through(t.gate);
	run();
	assert_int_equal(read_all(&end), 5);
	assert_true(end);
}

/* More than pipes hold: its reader is waited for, and little is kept in memory meanwhile. */
static void without_a_limit_contents_come_as_they_are_written(void **state)
{
	uint8_t bytes[4096] = {0};
	size_t written = 0, got = 0;
	bool end;

	open_gate_with((struct gate_terms){0});
	while (written < 4000000) {
		ssize_t n = write(t.in, bytes, sizeof(bytes));
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			run();
			if (write(t.in, bytes, sizeof(bytes)) > 0)
				written += sizeof(bytes);
			assert_true(t.held <= (1 << 20) + 65536);
			got += read_all(&end);
			assert_false(end);
			run();
			continue;
		}
		written += (size_t)n;
	}
	end_writing();
	do {
		got += read_all(&end);
		run();
	} while (!end);
	assert_int_equal(got, written);
}

/* A program that serves its readers one after the other is not kept from that by a question. */
static void some_of_it_is_read_while_a_gate_is_shut(void **state)
{
	uint8_t bytes[4096] = {0};
	size_t written = 0, got;
	bool end;

	open_gate_with((struct gate_terms){.shut = true});
	for (ssize_t n = 0; n >= 0; written += n > 0 ? (size_t)n : 0) {
		n = write(t.in, bytes, sizeof(bytes));
		if (n < 0 && written < 1 << 20) {
			run();
			n = 0;
		}
	}
	assert_true(written < 3 << 20); /* and the writer waits then */
	assert_true(t.held <= (1 << 20) + 65536);
	assert_int_equal(read_all(&end), 0);
	assert_false(end);
	gate_let_through(t.gate);
	end_writing();
	got = 0;
	do {
		got += read_all(&end);
		run();
	} while (!end);
	assert_int_equal(got, written);
}

static void a_shut_gate_that_closes_lets_nothing_through(void **state)
{
	bool end;

	open_gate_with((struct gate_terms){.max_bytes = 1000, .shut = true});
	assert_int_equal(write(t.in, "12345", 5), 5);
	gate_close(t.gate);
	assert_int_equal(read_all(&end), 0);
	assert_true(end);
	assert_int_equal(write(t.in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
}

static void the_reader_of_a_shut_gate_may_leave(void **state)
{
	open_gate_with((struct gate_terms){.shut = true});
	close(t.out);
	t.out = -1;
	run();
	assert_int_equal(t.closed, 1);
}

/* Its contents are more than a pipe takes, and all here. */
static void open_owing(void)
{
	open_gate(300000);
	assert_int_equal(write_some(300000), 300000);
	end_writing();
}

static void whose_reader_takes_nothing_makes_room(void **state)
{
	bool end;

	open_owing();
	assert_false(gates_drop_stalest(&t.gates));
	now_s += 60;
	assert_true(gates_drop_stalest(&t.gates));
	assert_int_equal(t.closed, 1);
	assert_false(gates_drop_stalest(&t.gates));
	assert_true(read_all(&end) < 300000);
	assert_true(end);
}

/* A byte now and then is enough: that does not even let more be written. */
static void whose_reader_is_slow_stays(void **state)
{
	uint8_t byte;
	bool end;

	open_owing();
	for (int i = 0; i < 5; i++) {
		now_s += 25;
		assert_int_equal(read(t.out, &byte, 1), 1);
		run();
		assert_false(gates_drop_stalest(&t.gates));
	}
	assert_int_equal(read_all(&end), 300000 - 5);
	assert_true(end);
}

/* It is not the reader's fault. */
static void what_has_not_come_whole_or_is_shut_makes_no_room(void **state)
{
	bool end;

	open_gate_with((struct gate_terms){.max_bytes = 300000, .shut = true});
	assert_int_equal(write_some(200000), 200000);
	now_s += 3600;
	assert_false(gates_drop_stalest(&t.gates));
	gate_let_through(t.gate);
	assert_false(gates_drop_stalest(&t.gates));
	assert_int_equal(write_some(100000), 100000);
	end_writing();
	assert_false(gates_drop_stalest(&t.gates)); /* it has just begun to be waited for */
	assert_int_equal(read_all(&end), 300000);
	assert_true(end);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_within_the_limit_comes_once_it_is_whole),
		TEST(what_is_too_much_does_not_come_at_all),
		TEST(nothing_is_contents_too),
		TEST(the_owner_may_refuse_the_memory),
		TEST(what_is_cut_short_does_not_come_at_all),
		TEST(a_reader_that_leaves_ends_the_writer),
		TEST(a_shut_gate_waits_and_then_lets_all_of_it_through),
		TEST(without_a_limit_contents_come_as_they_are_written),
		TEST(some_of_it_is_read_while_a_gate_is_shut),
		TEST(a_shut_gate_that_closes_lets_nothing_through),
		TEST(the_reader_of_a_shut_gate_may_leave),
		TEST(whose_reader_takes_nothing_makes_room),
		TEST(whose_reader_is_slow_stays),
		TEST(what_has_not_come_whole_or_is_shut_makes_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
