/* guest-proxy/x11/transfers/incoming.c: from a pipe into properties, at the requestor's pace */
#include "guest-proxy/x11/transfers/incoming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/x11/windows/window.h"
#include "tests/unit/fd_count.h"

#define REQUESTOR 7
#define PROPERTY 8
#define OURS 0x100000     /* and above */
#define BYTES (200 << 10) /* more than a property takes at once */

/* What was written to X, without X: these take the places of libxcb's. */
static struct {
	uint32_t bytes, writes, answers, ends;
} x;

xcb_void_cookie_t xcb_change_property(xcb_connection_t *c, uint8_t mode, xcb_window_t window,
	xcb_atom_t property, xcb_atom_t type, uint8_t format, uint32_t n, const void *data)
{
	assert_int_equal(window, REQUESTOR);
	x.bytes += format == 8 ? n : 0;
	x.ends += format == 8 && n == 0;
	x.writes++;
	return (xcb_void_cookie_t){0};
}

xcb_void_cookie_t xcb_change_window_attributes(
	xcb_connection_t *c, xcb_window_t window, uint32_t mask, const void *values)
{
	return (xcb_void_cookie_t){0};
}

const xcb_setup_t *xcb_get_setup(xcb_connection_t *c)
{
	static const xcb_setup_t setup = {.resource_id_mask = OURS - 1};
	return &setup;
}

xcb_void_cookie_t xcb_send_event(
	xcb_connection_t *c, uint8_t propagate, xcb_window_t to, uint32_t mask, const char *event)
{
	x.answers++;
	return (xcb_void_cookie_t){0};
}

static void session_setup(struct session *session)
{
	memset(&x, 0, sizeof(x));
	static xcb_screen_t screen;
	*session = (struct session){.x = (xcb_connection_t *)&x,
		.loop = wl_event_loop_create(),
		.screen = &screen,
		.check = OURS};
	wl_list_init(&session->incoming);
	wl_list_init(&session->watches);
	wl_list_init(&session->requests);
	windows_init(&session->windows);
}

static void session_finish(struct session *session)
{
	incoming_finish(session);
	windows_finish(&session->windows);
	wl_event_loop_destroy(session->loop);
}

/* A paste whose owner has written @bytes and gone. */
static void begin_paste(struct session *session, size_t bytes)
{
	static const uint8_t data[BYTES];
	const xcb_selection_request_event_t event = {.requestor = REQUESTOR, .property = PROPERTY};
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_in_range(fcntl(ends[1], F_SETPIPE_SZ, BYTES), BYTES, 1 << 20);
	assert_int_equal(write(ends[1], data, bytes), bytes);
	close(ends[1]);
	struct incoming_request *request = incoming_request_create(session, &event);
	assert_non_null(request);
	incoming_start(request, PROPERTY, 1, ends[0]);
}

/* Until nothing is left to do, which a loop that is woken for nothing never says. */
static void run(struct session *session)
{
	struct pollfd pollfd = {.fd = wl_event_loop_get_fd(session->loop), .events = POLLIN};
	for (int rounds = 0; poll(&pollfd, 1, 0) > 0; rounds++) {
		assert_in_range(rounds, 0, 1000);
		wl_event_loop_dispatch(session->loop, 0);
	}
}

static void delete_property(struct session *session)
{
	const xcb_property_notify_event_t event = {
		.window = REQUESTOR, .atom = PROPERTY, .state = XCB_PROPERTY_DELETE};
	incoming_property(session, &event);
	run(session);
}

static void a_little_is_one_property(void **state)
{
	int fds = fd_count();
	struct session session;
	session_setup(&session);
	begin_paste(&session, 100);
	run(&session);
	assert_int_equal(x.answers, 1);
	assert_int_equal(x.writes, 1);
	assert_int_equal(x.bytes, 100);
	assert_true(wl_list_empty(&session.incoming));
	session_finish(&session);
	assert_int_equal(fd_count(), fds);
}

static void a_requestor_that_takes_its_time_costs_none_of_ours(void **state)
{
	int fds = fd_count();
	struct session session;
	session_setup(&session);
	begin_paste(&session, BYTES);
	run(&session);
	assert_int_equal(x.answers, 1);
	assert_int_equal(x.bytes, 0);
	for (int i = 0; i < 10 && !wl_list_empty(&session.incoming); i++)
		delete_property(&session);
	assert_int_equal(x.bytes, BYTES);
	assert_int_equal(x.ends, 1);
	assert_true(wl_list_empty(&session.incoming));
	assert_int_equal(session.spooled_bytes, 0);
	session_finish(&session);
	assert_int_equal(fd_count(), fds);
}

/* Of so many that one has to go: who waited for it may wait no longer. */
static void one_that_is_given_up_has_an_end(void **state)
{
	int fds = fd_count();
	struct session session;
	session_setup(&session);
	for (int i = 0; i < 64; i++) {
		begin_paste(&session, BYTES);
		run(&session);
	}
	assert_int_equal(x.answers, 64);
	assert_int_equal(x.ends, 0);
	begin_paste(&session, BYTES);
	assert_int_equal(wl_list_length(&session.incoming), 64);
	assert_int_equal(x.ends, 1);
	assert_int_equal(x.bytes, 0);
	session_finish(&session);
	assert_int_equal(session.spooled_bytes, 0);
	assert_int_equal(fd_count(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_little_is_one_property),
		cmocka_unit_test(a_requestor_that_takes_its_time_costs_none_of_ours),
		cmocka_unit_test(one_that_is_given_up_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
