/* wire_socket.c: when messages are read, what becomes of those that are sent, and how a peer
 * leaves. */
#include "protocol/wire/wire_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define MAX_BYTES (4 << 20)

static struct wl_event_loop *loop;
static struct wire_socket socket_of;
static int application;
static bool may_read;
static unsigned n_changed, n_left;
static size_t n_bytes, n_handles;

static bool handle_reading(void *data)
{
	return may_read;
}

static void handle_received(
	void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles, size_t n)
{
	n_bytes += size;
	n_handles += n;
	for (size_t i = 0; i < n; i++)
		wire_handle_finish(&handles[i]);
}

static void handle_fds_lost(void *data)
{
	fail();
}

static void handle_left(void *data)
{
	n_left++;
}

static void handle_changed(void *data)
{
	n_changed++;
}

static const struct wire_socket_listener listener = {
	.reading = handle_reading,
	.received = handle_received,
	.fds_lost = handle_fds_lost,
	.left = handle_left,
	.changed = handle_changed,
};

static int set_up(void **state)
{
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	may_read = true;
	n_changed = n_left = 0;
	n_bytes = n_handles = 0;
	loop = wl_event_loop_create();
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	application = ends[0];
	wire_socket_init(&socket_of, loop, "a client", MAX_BYTES, &listener, NULL);
	assert_true(wire_socket_start(&socket_of, ends[1]));
	return 0;
}

static int tear_down(void **state)
{
	wire_socket_finish(&socket_of);
	fd_close(&application);
	wl_event_loop_destroy(loop);
	return 0;
}

static void say(const char *text)
{
	const struct iovec iov = {(char *)text, strlen(text)};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_send(application, &iov, 1, &fd, 1), strlen(text));
	fd_close(&fd);
}

static void requests_come_with_their_handles(void **state)
{
	say("one");
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_bytes, 3);
	assert_int_equal(n_handles, 1);
	assert_int_equal(n_changed, 1);
}

static void what_is_not_to_be_read_waits(void **state)
{
	wire_socket_update(&socket_of, false);
	say("one");
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_bytes, 0);
	wire_socket_update(&socket_of, true);
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_bytes, 3);
}

/* It is told of once, does not come again and again, and nothing of what was said is lost. */
static void a_client_that_leaves_is_read_to_its_end(void **state)
{
	say("one");
	fd_close(&application);
	may_read = false;
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_left, 1);
	assert_int_equal(n_changed, 1);
	assert_true(socket_of.unread);
	assert_false(socket_of.hung_up);
	may_read = true;
	wire_socket_update(&socket_of, true);
	for (int i = 0; i < 3 && !socket_of.hung_up; i++)
		wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_bytes, 3);
	assert_true(socket_of.hung_up);
}

static void events_wait_for_a_client_that_does_not_read(void **state)
{
	static const uint8_t message[4096];
	size_t n = 0;
	int result = 0;

	for (; result == 0 && n < 100000; n++) {
		result = wire_socket_send(&socket_of, message, sizeof(message), NULL, 0);
		wire_socket_flush(&socket_of);
		assert_true(n > 0 || wire_socket_is_empty(&socket_of));
	}
	assert_int_equal(result, -ENOBUFS);
	assert_true(wire_socket_is_full(&socket_of));
	wire_socket_update(&socket_of, false);
	assert_int_equal(socket_of.mask, WL_EVENT_WRITABLE);
}

static void what_nobody_reads_is_dropped_with_its_fds(void **state)
{
	static const uint8_t message[8];
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct wire_handle handle = wire_handle_fd(fd);

	assert_int_equal(shutdown(application, SHUT_RD), 0);
	assert_int_equal(wire_socket_send(&socket_of, message, sizeof(message), NULL, 0), 0);
	wire_socket_flush(&socket_of);
	assert_true(socket_of.output_closed);
	assert_true(wire_socket_is_empty(&socket_of));
	assert_int_equal(wire_socket_send(&socket_of, message, sizeof(message), &handle, 1), 0);
	assert_true(wire_socket_is_empty(&socket_of));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	say("one"); /* what it says is still read */
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(n_bytes, 3);
}

/* What goes along is closed in any case. */
static void what_is_no_fd_is_not_sent(void **state)
{
	static const uint8_t message[8];
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct wire_handle handles[] = {
		wire_handle_fd(fd), {.kind = WIRE_READ_PIPE, .fd = -1, .id = 7}};

	assert_int_equal(
		wire_socket_send(&socket_of, message, sizeof(message), handles, 2), -EPROTO);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(wire_socket_is_empty(&socket_of));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_come_with_their_handles),
		TEST(what_is_not_to_be_read_waits),
		TEST(a_client_that_leaves_is_read_to_its_end),
		TEST(events_wait_for_a_client_that_does_not_read),
		TEST(what_nobody_reads_is_dropped_with_its_fds),
		TEST(what_is_no_fd_is_not_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
