/* guest-proxy/x11/wm.c: what X has sent is handled, whoever read it from the socket */
#include "guest-proxy/x11/wm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcbext.h>

#include "guest-proxy/x11/windows/window.h"

/* A connection to X without X: these take the places of libxcb's. */

enum place { ON_ITS_WAY, READ, TAKEN };

static struct {
	enum place event, reply;
	bool reply_reads; /* what is on its way arrives while a reply is looked for */
} x;

static void read_socket(void)
{
	if (x.event == ON_ITS_WAY)
		x.event = READ;
	if (x.reply == ON_ITS_WAY)
		x.reply = READ;
}

xcb_generic_event_t *xcb_poll_for_queued_event(xcb_connection_t *c)
{
	if (x.event != READ)
		return NULL;
	x.event = TAKEN;
	return calloc(1, sizeof(xcb_generic_event_t)); /* an error */
}

xcb_generic_event_t *xcb_poll_for_event(xcb_connection_t *c)
{
	xcb_generic_event_t *event = xcb_poll_for_queued_event(c);
	if (event || x.reply_reads)
		return event;
	read_socket();
	return xcb_poll_for_queued_event(c);
}

int xcb_poll_for_reply(
	xcb_connection_t *c, unsigned int request, void **reply, xcb_generic_error_t **error)
{
	read_socket();
	*error = NULL;
	*reply = NULL;
	if (x.reply != READ)
		return 0;
	x.reply = TAKEN;
	return 1;
}

static void count_reply(void *data, struct reply_subject subject, void *reply)
{
	++*(int *)data;
}

/* Rounds as the main loop makes them, until one finds nothing; then it would wait. */
static int run_rounds(struct session *session)
{
	int rounds = 1;
	while (wm_dispatch(session)) {
		rounds++;
		assert_in_range(rounds, 1, 10);
	}
	return rounds;
}

static void session_setup(struct session *session, int *replies)
{
	session->x = (xcb_connection_t *)&x;
	replies_init(&session->replies, replies);
	windows_init(&session->windows);
	replies_expect(&session->replies, 1, count_reply, (struct reply_subject){0});
}

static void an_event_that_was_read_with_the_last_reply_is_handled(void **state)
{
	struct session session = {0};
	int replies = 0;
	memset(&x, 0, sizeof(x));
	x.reply_reads = true;
	session_setup(&session, &replies);
	run_rounds(&session);
	assert_int_equal(replies, 1);
	assert_int_equal(x.event, TAKEN);
}

static void an_event_that_was_read_while_a_reply_is_awaited_is_handled(void **state)
{
	struct session session = {0};
	int replies = 0;
	memset(&x, 0, sizeof(x));
	x.reply_reads = true;
	x.reply = TAKEN; /* not sent yet */
	session_setup(&session, &replies);
	run_rounds(&session);
	assert_int_equal(replies, 0);
	assert_int_equal(x.event, TAKEN);
	replies_finish(&session.replies);
}

static void a_reply_that_was_read_with_events_is_handled(void **state)
{
	struct session session = {0};
	int replies = 0;
	memset(&x, 0, sizeof(x));
	session_setup(&session, &replies);
	run_rounds(&session);
	assert_int_equal(replies, 1);
	assert_int_equal(x.event, TAKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_that_was_read_with_the_last_reply_is_handled),
		cmocka_unit_test(an_event_that_was_read_while_a_reply_is_awaited_is_handled),
		cmocka_unit_test(a_reply_that_was_read_with_events_is_handled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
