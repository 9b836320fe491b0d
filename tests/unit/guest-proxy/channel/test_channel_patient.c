/* guest-proxy/channel/channel_output.c: a host whose queue has no place for a POLL */
#include "tests/unit/channel_rig.h"

static void put_off(void)
{
	static const struct cross_domain_header none;
	event(&none, sizeof(none));
}

/* The next submission is a POLL, behind a SEND or alone. */
static void expect_poll(bool alone)
{
	const uint8_t *data;
	size_t at = 0;
	struct submission *s = next_submission();
	if (!alone)
		send_at(s, &at, &data);
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_int_equal(at, s->size);
}

static void it_is_said_before_the_channel_begins(void **state)
{
	size_t at = 0;
	struct submission *s = next_submission();
	next_command(s, &at, CROSS_DOMAIN_CMD_PATIENT);
	next_command(s, &at, CROSS_DOMAIN_CMD_INIT);
	assert_int_equal(at, s->size);
}

static void a_poll_that_was_put_off_goes_with_what_is_said(void **state)
{
	skip_start();
	put_off();
	nothing_more();
	say("something", 9);
	flush();
	expect_poll(false);
	nothing_more();
	receive_event("answer", 0, NULL, NULL);
	expect_poll(true);
	assert_int_equal(user.receives, 1);
	assert_int_equal(user.closed, 0);
}

static void one_that_was_put_off_before_something_was_said_goes_at_once(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	say("something", 9);
	flush();
	struct submission *s = next_submission();
	send_at(s, &at, &data);
	assert_int_equal(s->fence, GPU_FENCE_NONE);
	put_off();
	expect_poll(true);
	put_off();
	nothing_more();
}

static void or_alone_some_time_later(void **state)
{
	skip_start();
	for (unsigned i = 0; i < 3; i++) {
		put_off();
		nothing_more();
		while (device.seen == device.n_submissions)
			wl_event_loop_dispatch(user.loop, -1);
		expect_poll(true);
		nothing_more();
	}
	assert_int_equal(user.closed, 0);
}

/* 64 frames that are answered, the first in slot @slot: how many submissions they took. */
static size_t frames(unsigned slot)
{
	size_t before = device.n_submissions;
	for (unsigned i = 0; i < 64; i++) {
		say("frame", 5);
		flush();
		event_slot = (slot + i) % 2;
		receive_event("done", 0, NULL, NULL);
		turn();
	}
	return device.n_submissions - before;
}

static void a_second_poll_is_tried_again_later(void **state)
{
	skip_start();
	say("the first", 9);
	flush();
	put_off(); /* the second one is outstanding */
	assert_in_range(frames(1), 120, 128);
	assert_in_range(frames(1), 64, 68); /* some have a fence of their own */
	assert_int_equal(user.receives, 128);
	assert_int_equal(user.closed, 0);
}

static void other_hosts_have_a_place_for_each(void **state)
{
	skip_start();
	put_off();
	assert_int_equal(user.closed, 1);
}

/* Another channel, which listens from now on or does so no more. */
static struct bell_member neighbour;

static void handle_call(void *data)
{
}

static void neighbour_listens(bool listens)
{
	if (!neighbour.bell)
		assert_int_equal(bell_join(&device.gpu.bell, &device.gpu.turn, &neighbour,
					 handle_call, NULL),
			0);
	bell_listen(&neighbour, listens);
}

static void ring(uint32_t member)
{
	struct {
		struct cross_domain_bell bell;
		uint32_t member;
	} rung = {.bell = {.hdr.cmd = CROSS_DOMAIN_CMD_BELL, .n_members = 1}, .member = member};
	event(&rung, sizeof(rung));
}

static void it_joins_before_the_channel_begins(void **state)
{
	size_t at = 0;
	struct submission *s = next_submission();
	struct cross_domain_group group;
	next_command(s, &at, CROSS_DOMAIN_CMD_PATIENT);
	memcpy(&group, next_command(s, &at, CROSS_DOMAIN_CMD_GROUP), sizeof(group));
	assert_int_equal(group.key, device.gpu.bell.key);
	assert_int_equal(group.member, 1);
	next_command(s, &at, CROSS_DOMAIN_CMD_INIT);
	assert_int_equal(at, s->size);
}

static void who_was_put_off_waits_for_the_bell(void **state)
{
	skip_start();
	neighbour_listens(true);
	put_off();
	wl_event_loop_dispatch(user.loop, 60); /* three times as long as a rest */
	nothing_more();
	bell_ring(&device.gpu.bell, 1);
	expect_poll(true);
	put_off();
	nothing_more();
	bell_leave(&neighbour); /* now nobody listens */
	turn();
	expect_poll(true);
	put_off();
	while (device.seen == device.n_submissions)
		wl_event_loop_dispatch(user.loop, -1);
	expect_poll(true);
	assert_int_equal(user.closed, 0);
}

static void a_bell_that_came_before_is_heard(void **state)
{
	skip_start();
	neighbour_listens(true);
	bell_ring(&device.gpu.bell, 1);
	put_off();
	expect_poll(true);
	put_off();
	nothing_more();
	bell_leave(&neighbour);
}

static void a_bell_is_an_event_like_others(void **state)
{
	skip_start();
	neighbour_listens(false);
	ring(neighbour.id);
	assert_true(neighbour.called);
	expect_poll(true);
	ring(77);
	expect_poll(true);
	assert_int_equal(user.closed, 0);
	bell_leave(&neighbour);
}

static void a_bell_that_is_too_long_ends_the_channel(void **state)
{
	const struct cross_domain_bell bell = {
		.hdr.cmd = CROSS_DOMAIN_CMD_BELL, .n_members = UINT32_MAX};
	skip_start();
	event(&bell, sizeof(bell));
	assert_int_equal(user.closed, 1);
}

static void nobody_else_is_rung(void **state)
{
	skip_start();
	ring(1);
	assert_int_equal(user.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_PATIENT(it_is_said_before_the_channel_begins),
		TEST_PATIENT(a_poll_that_was_put_off_goes_with_what_is_said),
		TEST_PATIENT(one_that_was_put_off_before_something_was_said_goes_at_once),
		TEST_PATIENT(or_alone_some_time_later),
		TEST_PATIENT_SLOTS(a_second_poll_is_tried_again_later),
		TEST_KERNEL(other_hosts_have_a_place_for_each),
		TEST_BELL(it_joins_before_the_channel_begins),
		TEST_BELL(who_was_put_off_waits_for_the_bell),
		TEST_BELL(a_bell_that_came_before_is_heard),
		TEST_BELL(a_bell_is_an_event_like_others),
		TEST_BELL(a_bell_that_is_too_long_ends_the_channel),
		TEST_PATIENT(nobody_else_is_rung),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
