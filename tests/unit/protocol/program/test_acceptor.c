/* protocol/program/acceptor.c: accept4(2) fails as it is told */
#include "protocol/program/acceptor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/log_capture.h"

static struct {
	struct wl_event_loop *loop;
	struct acceptor acceptor;
	int listener, client;
	int error; /* what accept4 says, or 0 */
	unsigned asked, accepted;
	bool busy;
	int pause_ms;
} t;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	t.asked++;
	if (t.error == 0)
		return __real_accept4(fd, address, size, flags);
	errno = t.error;
	return -1;
}

static bool ready(void *data)
{
	return !t.busy;
}

static void handle_accepted(void *data, int socket)
{
	t.accepted++;
	close(socket);
	if (t.pause_ms > 0)
		acceptor_pause(&t.acceptor, t.pause_ms);
}

static int connect_client(void)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	getsockname(t.listener, (struct sockaddr *)&address, &size);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
	return fd;
}

static int set_up(void **state)
{
	struct sockaddr_un nameless = {.sun_family = AF_UNIX}; /* the kernel finds a name */

	memset(&t, 0, sizeof(t));
	t.loop = wl_event_loop_create();
	t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(t.listener, (struct sockaddr *)&nameless, sizeof(sa_family_t)) < 0 ||
		listen(t.listener, 4) < 0)
		return -1;
	t.acceptor = (struct acceptor){.ready = ready, .accepted = handle_accepted};
	if (!acceptor_start(&t.acceptor, t.loop, t.listener))
		return -1;
	t.client = connect_client();
	return 0;
}

static int tear_down(void **state)
{
	acceptor_stop(&t.acceptor);
	close(t.client);
	close(t.listener);
	wl_event_loop_destroy(t.loop);
	return 0;
}

static void run_turns(void)
{
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(t.loop, 0);
}

static void until_accepted(unsigned n)
{
	for (int i = 0; i < 1000 && t.accepted < n; i++)
		wl_event_loop_dispatch(t.loop, 100);
	assert_int_equal(t.accepted, n);
}

static void where_it_fails_it_waits_says_so_once_and_tries_again(void **state)
{
	const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL};

	log_capture_begin();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		t.error = errors[i];
		t.asked = 0;
		while (t.asked == 0)
			wl_event_loop_dispatch(t.loop, -1);
		run_turns();
		assert_int_equal(t.asked, 1);
	}
	log_capture_end();
	const char *said = strstr(log_capture_text, "cannot accept connections");
	assert_non_null(said);
	assert_null(strstr(said + 1, "cannot accept"));
	t.error = 0;
	until_accepted(1);
}

static void one_that_has_left_again_is_no_failure(void **state)
{
	const int errors[] = {EAGAIN, EINTR, ECONNABORTED};

	log_capture_begin();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		t.error = errors[i];
		run_turns();
	}
	t.error = 0;
	wl_event_loop_dispatch(t.loop, 0);
	log_capture_end();
	assert_int_equal(t.accepted, 1);
	assert_string_equal(log_capture_text, "");
}

static void nobody_is_accepted_before_there_is_room(void **state)
{
	t.busy = true;
	run_turns();
	assert_int_equal(t.asked, 0);
	t.busy = false;
	until_accepted(1);
}

static void the_next_one_waits_for_the_end_of_a_pause(void **state)
{
	int second = connect_client();

	t.pause_ms = 60 * 1000;
	run_turns();
	assert_int_equal(t.accepted, 1);
	acceptor_pause(&t.acceptor, 1);
	until_accepted(2);
	close(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_it_fails_it_waits_says_so_once_and_tries_again),
		TEST(one_that_has_left_again_is_no_failure),
		TEST(nobody_is_accepted_before_there_is_room),
		TEST(the_next_one_waits_for_the_end_of_a_pause),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
