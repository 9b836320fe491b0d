/*
 * The pipes of one context, in a process whose time passes where a test says so. One program
 * includes it once.
 */
#ifndef TESTS_UNIT_PIPES_WORLD_H
#define TESTS_UNIT_PIPES_WORLD_H

#include "host-bridge/cross_domain/streams/pipes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static inline void handle_readable(void *data)
{
	t.readable++;
}

static inline void handle_cut(void *data, int fd)
{
	assert_true(fcntl(fd, F_GETFD) >= 0);
	t.cut++;
}

static const struct pipes_listener listener = {.readable = handle_readable, .cut = handle_cut};

static inline int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	signal(SIGPIPE, SIG_IGN);
	t.fds = fd_count();
	t.loop = wl_event_loop_create();
	quota_init(&t.quota);
	pipes_init(&t.pipes, t.loop, &listener, NULL, &t.live, &t.quota);
	return 0;
}

static inline int tear_down(void **state)
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

static inline void turn(void)
{
	wl_event_loop_dispatch(t.loop, 0);
}

static inline int open_read(uint32_t id)
{
	int fd = pipes_open_read(&t.pipes, id);
	assert_true(fd >= 0);
	return fd;
}

/* A write pipe whose reader is the test. */
static inline int open_write(uint32_t id)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipes_add_write(&t.pipes, id, ends[1]), 0);
	return ends[0];
}

static unsigned waiters_done;

static inline void handle_done(struct pipe_waiter *waiter)
{
	waiters_done++;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
