/* guest-proxy/x11/transfers/outgoing.c: from an X client's properties into a pipe */
#include "guest-proxy/x11/transfers/outgoing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xcb/xcbext.h>

#include "guest-proxy/x11/windows/window.h"
#include "tests/unit/fd_count.h"

#define SELECTION 5
#define TARGET 6
#define WINDOW 7
#define INCR_ATOM 8
#define OWNER 9
#define ROOT 10
#define OURS 0x100000 /* and above */

/* X without X: these take the places of libxcb's. */
static struct {
	const char *text; /* in the property that is asked for */
	xcb_atom_t type;
	unsigned asked, fetched, windows;
	uint32_t owner_mask; /* of events */
} x;

xcb_void_cookie_t xcb_change_window_attributes(
	xcb_connection_t *c, xcb_window_t window, uint32_t mask, const void *values)
{
	assert_int_equal(window, OWNER);
	x.owner_mask = *(const uint32_t *)values;
	return (xcb_void_cookie_t){0};
}

const xcb_setup_t *xcb_get_setup(xcb_connection_t *c)
{
	static const xcb_setup_t setup = {.resource_id_mask = OURS - 1};
	return &setup;
}

uint32_t xcb_generate_id(xcb_connection_t *c)
{
	return WINDOW;
}

xcb_void_cookie_t xcb_create_window(xcb_connection_t *c, uint8_t depth, xcb_window_t window,
	xcb_window_t parent, int16_t left, int16_t top, uint16_t width, uint16_t height,
	uint16_t border, uint16_t class, xcb_visualid_t visual, uint32_t mask, const void *values)
{
	x.windows++;
	return (xcb_void_cookie_t){0};
}

xcb_void_cookie_t xcb_destroy_window(xcb_connection_t *c, xcb_window_t window)
{
	x.windows--;
	return (xcb_void_cookie_t){0};
}

xcb_void_cookie_t xcb_convert_selection(xcb_connection_t *c, xcb_window_t window,
	xcb_atom_t selection, xcb_atom_t target, xcb_atom_t property, xcb_timestamp_t time)
{
	x.asked++;
	return (xcb_void_cookie_t){0};
}

xcb_get_property_cookie_t xcb_get_property(xcb_connection_t *c, uint8_t delete, xcb_window_t window,
	xcb_atom_t property, xcb_atom_t type, uint32_t offset, uint32_t length)
{
	x.fetched++;
	return (xcb_get_property_cookie_t){.sequence = 1};
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	size_t length = strlen(x.text);
	xcb_get_property_reply_t *property = calloc(1, sizeof(*property) + length);
	assert_non_null(property);
	property->format = 8;
	property->type = x.type;
	property->value_len = (uint32_t)length;
	memcpy(property + 1, x.text, length);
	*reply = property;
	*error = NULL;
	return 1;
}

static int session_setup(struct session *session, const char *text, xcb_atom_t type)
{
	static xcb_screen_t screen = {.root = ROOT};
	int ends[2];
	memset(&x, 0, sizeof(x));
	x.text = text;
	x.type = type;
	*session = (struct session){.x = (xcb_connection_t *)&x,
		.loop = wl_event_loop_create(),
		.screen = &screen,
		.check = OURS,
		.managing = true};
	session->atoms[ATOM_INCR] = INCR_ATOM;
	wl_list_init(&session->outgoing);
	wl_list_init(&session->watches);
	windows_init(&session->windows);
	replies_init(&session->replies, session);
	session->replies.x = session->x;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	outgoing_start(session, SELECTION, TARGET, OWNER, ends[1]);
	assert_int_not_equal(x.owner_mask, 0);
	return ends[0];
}

static void session_end(struct session *session, int reader)
{
	outgoing_finish(session);
	replies_finish(&session->replies);
	wl_event_loop_destroy(session->loop);
	close(reader);
	assert_int_equal(x.windows, 0);
	assert_int_equal(x.owner_mask, 0);
}

static void answer(struct session *session)
{
	const xcb_selection_notify_event_t event = {
		.requestor = WINDOW, .selection = SELECTION, .property = 1};
	outgoing_ask(session, SELECTION, 0);
	assert_true(outgoing_notified(session, &event));
}

/* That the pipe has @text, and its end. */
static void check_pipe(int reader, const char *text)
{
	char found[64];
	size_t length = strlen(text);
	if (length > 0) {
		assert_int_equal(read(reader, found, sizeof(found)), length);
		assert_memory_equal(found, text, length);
	}
	assert_int_equal(read(reader, found, sizeof(found)), 0);
}

static void what_an_owner_has_written_arrives_although_it_has_gone(void **state)
{
	int fds = fd_count();
	struct session session;
	int reader = session_setup(&session, "text", TARGET);
	answer(&session);
	outgoing_owner_gone(&session, SELECTION, true);
	replies_poll(&session.replies);
	check_pipe(reader, "text");
	session_end(&session, reader);
	assert_int_equal(fd_count(), fds);
}

static void pieces_of_an_owner_that_has_gone_are_not_awaited(void **state)
{
	struct session session;
	int reader = session_setup(&session, "size", INCR_ATOM);
	answer(&session);
	outgoing_owner_gone(&session, SELECTION, true);
	replies_poll(&session.replies);
	check_pipe(reader, "");
	session_end(&session, reader);
}

/* The owner writes a piece; "" is the end. */
static void write_piece(struct session *session, const char *text)
{
	const xcb_property_notify_event_t event = {
		.window = WINDOW, .state = XCB_PROPERTY_NEW_VALUE};
	x.text = text;
	x.type = TARGET;
	assert_true(outgoing_property(session, &event));
	replies_poll(&session->replies);
}

static void check_pipe_is_empty(int reader)
{
	char byte;
	assert_int_equal(read(reader, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Its reader could not tell a part from the whole. */
static void pieces_arrive_when_they_are_whole(void **state)
{
	int fds = fd_count();
	struct session session;
	int reader = session_setup(&session, "size", INCR_ATOM);
	answer(&session);
	replies_poll(&session.replies);
	write_piece(&session, "one ");
	write_piece(&session, "two");
	check_pipe_is_empty(reader);
	/* Another client takes the selection: this one goes on. */
	outgoing_owner_gone(&session, SELECTION, false);
	write_piece(&session, " three");
	check_pipe_is_empty(reader);
	write_piece(&session, "");
	outgoing_window_gone(&session, OWNER);
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(session.loop, 0);
	check_pipe(reader, "one two three");
	session_end(&session, reader);
	assert_int_equal(fd_count(), fds);
}

static void of_an_owner_that_dies_in_the_middle_nothing_arrives(void **state)
{
	for (int way = 0; way < 2; way++) {
		struct session session;
		int reader = session_setup(&session, "size", INCR_ATOM);
		answer(&session);
		replies_poll(&session.replies);
		write_piece(&session, "one ");
		if (way == 0) {
			outgoing_owner_gone(&session, SELECTION, true);
		} else {
			outgoing_owner_gone(&session, SELECTION, false);
			outgoing_window_gone(&session, OWNER);
		}
		check_pipe(reader, "");
		session_end(&session, reader);
	}
}

static void an_owner_that_goes_without_an_answer_ends_the_paste(void **state)
{
	struct session session;
	int reader = session_setup(&session, "", TARGET);
	outgoing_ask(&session, SELECTION, 0);
	outgoing_owner_gone(&session, SELECTION, true);
	check_pipe(reader, "");
	session_end(&session, reader);
}

static void what_nobody_was_asked_for_can_be_refused(void **state)
{
	struct session session;
	int reader = session_setup(&session, "text", TARGET);
	outgoing_refuse_unasked(&session, SELECTION + 1);
	assert_false(wl_list_empty(&session.outgoing));
	outgoing_refuse_unasked(&session, SELECTION);
	check_pipe(reader, "");
	assert_int_equal(x.asked, 0);
	session_end(&session, reader);

	reader = session_setup(&session, "text", TARGET);
	answer(&session);
	outgoing_refuse_unasked(&session, SELECTION);
	replies_poll(&session.replies);
	check_pipe(reader, "text");
	session_end(&session, reader);
}

/* Any X client can send an event: with each the property would be read once more, and what waits
 * for the pipe would be forgotten. */
static void answers_that_nobody_waits_for_change_nothing(void **state)
{
	xcb_selection_notify_event_t event = {
		.requestor = WINDOW, .selection = SELECTION, .property = 1};
	struct session session;
	int reader = session_setup(&session, "size", INCR_ATOM);
	assert_true(outgoing_notified(&session, &event));
	assert_int_equal(x.fetched, 0);
	answer(&session);
	replies_poll(&session.replies);
	write_piece(&session, "text");
	assert_int_equal(x.fetched, 2);
	assert_true(outgoing_notified(&session, &event));
	event.property = XCB_NONE;
	assert_true(outgoing_notified(&session, &event));
	assert_int_equal(x.fetched, 2);
	write_piece(&session, "");
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(session.loop, 0);
	check_pipe(reader, "text");
	session_end(&session, reader);
}

/* Clients can have any window own a selection. What we hear of the root makes us the window
 * manager. */
static void what_is_heard_of_the_root_and_of_our_own_windows_stays(void **state)
{
	static const xcb_window_t windows[] = {ROOT, OURS, OURS + 1};
	struct session session;
	int reader = session_setup(&session, "", TARGET);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		int fd = fcntl(reader, F_DUPFD_CLOEXEC, 0);
		assert_int_not_equal(fd, -1);
		/* xcb_change_window_attributes looks at the window. */
		outgoing_start(&session, SELECTION, TARGET, windows[i], fd);
	}
	session_end(&session, reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_owner_has_written_arrives_although_it_has_gone),
		cmocka_unit_test(pieces_of_an_owner_that_has_gone_are_not_awaited),
		cmocka_unit_test(pieces_arrive_when_they_are_whole),
		cmocka_unit_test(of_an_owner_that_dies_in_the_middle_nothing_arrives),
		cmocka_unit_test(an_owner_that_goes_without_an_answer_ends_the_paste),
		cmocka_unit_test(what_nobody_was_asked_for_can_be_refused),
		cmocka_unit_test(answers_that_nobody_waits_for_change_nothing),
		cmocka_unit_test(what_is_heard_of_the_root_and_of_our_own_windows_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
