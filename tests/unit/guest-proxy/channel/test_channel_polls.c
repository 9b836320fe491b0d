/* guest-proxy/channel/channel.c and command_batch.c: when events are asked for */
#include <string.h>

#include "tests/unit/channel_rig.h"

static void a_poll_that_found_no_room_is_made_up_for(void **state)
{
	size_t at = 0;
	skip_start();
	device.submit_error = -EAGAIN;
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(user.receives, 1);
	nothing_more();
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_POLL);
	nothing_more();
}

static void an_event_is_read_and_the_next_one_asked_for(void **state)
{
	size_t at = 0;
	skip_start();
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(user.receives, 1);
	assert_memory_equal(user.bytes, "hello", 5);
	struct submission *s = next_submission();
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_true(s->lazy);
	nothing_more();
}

static void where_a_poll_costs_a_kick_it_goes_along(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	say("answer", 6);
	receive_event("question", 0, NULL, NULL);
	struct submission *s = next_submission();
	send_at(s, &at, &data);
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_false(s->lazy);
	assert_int_equal(at, s->size);
	nothing_more();
}

static void by_way_of_a_kernel_a_poll_goes_along_too(void **state)
{
	where_a_poll_costs_a_kick_it_goes_along(state);
}

static void while_paused_no_event_is_asked_for(void **state)
{
	size_t at = 0;
	skip_start();
	channel_pause(user.channel, true);
	receive_event("one", 0, NULL, NULL);
	flush();
	nothing_more();
	channel_pause(user.channel, false);
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_POLL);
	channel_pause(user.channel, false); /* one is enough */
	nothing_more();
}

/* The POLL at the end of the next submission is for page @slot; it is behind a SEND, or (@alone) by
 * itself. */
static void expect_poll(unsigned slot, bool alone)
{
	const uint8_t *data;
	struct cross_domain_poll poll;
	size_t at = 0;
	struct submission *s = next_submission();
	if (!alone)
		send_at(s, &at, &data);
	memcpy(&poll, next_command(s, &at, CROSS_DOMAIN_CMD_POLL), sizeof(poll));
	assert_int_equal(poll.page, slot);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_int_equal(at, s->size);
}

static void expect_no_poll(void)
{
	const uint8_t *data;
	size_t at = 0;
	struct submission *s = next_submission();
	send_at(s, &at, &data);
	assert_int_equal(s->fence, GPU_FENCE_NONE);
	assert_int_equal(at, s->size);
}

static void say_it(const char *text)
{
	say(text, strlen(text));
	flush();
}

static void receive_in(unsigned slot, const char *text)
{
	event_slot = slot;
	receive_event(text, 0, NULL, NULL);
}

static void a_frame_is_one_submission_where_polls_are_outstanding(void **state)
{
	assert_int_equal(device.channel_ring->base.size, 2 * PAGE_BYTES);
	skip_start();
	say_it("the first");
	expect_poll(1, false);
	for (unsigned i = 0; i < 20; i++) {
		receive_in(i % 2, "done"); /* the other page's POLL waits for the next event */
		nothing_more();
		say_it("frame");
		expect_poll(i % 2, false);
		nothing_more();
	}
	say_it("no more than two");
	expect_no_poll();
	assert_int_equal(user.receives, 20);
}

static void a_poll_goes_alone_when_none_is_left(void **state)
{
	skip_start();
	say_it("the first");
	expect_poll(1, false);
	receive_in(0, "motion");
	nothing_more();
	receive_in(1, "motion");
	expect_poll(0, true);
	receive_in(0, "motion");
	expect_poll(1, true);
	nothing_more();
	assert_int_equal(user.receives, 3);
}

static size_t submissions_then;

static void count_submissions(void *data)
{
	submissions_then = device.n_submissions;
}

/* In the turn of clients the event goes to the client; a POLL that goes alone comes behind it. */
static void a_poll_that_goes_alone_comes_behind_the_clients(void **state)
{
	struct turn_task task;
	skip_start();
	turn_task_init(&task, TURN_CLIENT, count_submissions, NULL);
	turn_ask(&device.gpu.turn, &task);
	receive_in(0, "motion");
	assert_int_equal(submissions_then, device.seen);
	expect_poll(1, true);
	nothing_more();
}

static void events_behind_one_that_is_held_keep_their_turn(void **state)
{
	const uint32_t id = 40, type = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	device.host_error = -ENODEV; /* so that it is fetched */
	skip_start();
	say_it("the first");
	expect_poll(1, false);
	receive_event("keymap,", 1, &id, &type);
	receive_in(1, "then keys");
	assert_int_equal(user.receives, 0);
	say_it("meanwhile");
	expect_no_poll();
	answer_all();
	assert_int_equal(user.receives, 2);
	assert_memory_equal(user.bytes, "keymap,then keys", 16);
	expect_poll(0, true);
	nothing_more();
}

static void the_host_may_have_one_poll_only(void **state)
{
	const struct cross_domain_header none = {0};
	skip_start();
	say_it("the first");
	expect_poll(1, false);
	event_slot = 0;
	event(&none, sizeof(none));
	say_it("one is left");
	expect_no_poll();
	receive_in(1, "hello");
	expect_poll(0, true);
	say_it("again");
	expect_no_poll();
	assert_int_equal(user.receives, 1);
	assert_int_equal(user.closed, 0);
}

/* Their fences are the buffer's, too: they are not held for long. */
static void a_poll_goes_not_with_buffers_while_another_is_outstanding(void **state)
{
	struct channel_blob *blob;
	skip_start();
	assert_int_equal(make_blob(4096, &blob), 0);
	struct wire_handle handle = channel_blob_handle(blob);
	channel_send(user.channel, (const uint8_t *)"pool", 4, &handle, 1);
	flush();
	expect_no_poll();
	channel_blob_unref(blob);
	nothing_more();
}

static void an_event_that_was_not_asked_for_is_an_end(void **state)
{
	device.submit_error = -EAGAIN;
	receive_in(0, "one");
	receive_in(0, "two");
	assert_int_equal(user.receives, 1);
	turn();
	assert_int_equal(user.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_poll_that_found_no_room_is_made_up_for),
		TEST(an_event_is_read_and_the_next_one_asked_for),
		TEST_PLAIN(where_a_poll_costs_a_kick_it_goes_along),
		TEST_KERNEL(by_way_of_a_kernel_a_poll_goes_along_too),
		TEST(while_paused_no_event_is_asked_for),
		TEST_SLOTS(a_frame_is_one_submission_where_polls_are_outstanding),
		TEST_LAZY_SLOTS(a_frame_is_one_submission_where_polls_are_outstanding),
		TEST_SLOTS(a_poll_goes_alone_when_none_is_left),
		TEST_SLOTS(a_poll_that_goes_alone_comes_behind_the_clients),
		TEST_SLOTS(events_behind_one_that_is_held_keep_their_turn),
		TEST_SLOTS(the_host_may_have_one_poll_only),
		TEST_SLOTS(a_poll_goes_not_with_buffers_while_another_is_outstanding),
		TEST_SLOTS(an_event_that_was_not_asked_for_is_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
