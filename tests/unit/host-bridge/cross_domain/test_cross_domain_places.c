/* host-bridge/cross_domain/cross_domain_places.c: more channels than the driver's queue has places
 */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include "tests/unit/cross_domain_world.h"

#define N 40
#define PLACES 20 /* 18 of them for channels */

/* Channels, each with its client; all use the same ring, which is no matter here. */
static struct {
	struct context *context;
	struct compositor *compositor;
	struct test_request poll;
	struct test_request more; /* a POLL beside it */
} channels[N];

static int patient(void)
{
	const struct cross_domain_header command = {
		.cmd = CROSS_DOMAIN_CMD_PATIENT, .cmd_size = sizeof(command)};
	return submit(&command, sizeof(command));
}

static uint64_t keys[N]; /* of their groups; 0: none */

static int join(uint64_t key, uint32_t member)
{
	const struct cross_domain_group command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GROUP, .cmd_size = sizeof(command)},
		.key = key,
		.member = member,
	};
	return submit(&command, sizeof(command));
}

static void go_to(size_t i)
{
	t.context = channels[i].context;
	fake_compositor = channels[i].compositor;
}

/* Whether the POLL was answered, without an event. */
static bool put_off(size_t i)
{
	return channels[i].poll.response != 0;
}

static void ask_alone(size_t i)
{
	go_to(i);
	t.pages.map[CHANNEL * 4096] = 0xee;
	poll_channel(&channels[i].poll);
	turn();
	assert_int_equal(t.pages.map[CHANNEL * 4096], put_off(i) ? 0 : 0xee);
}

static void say_and_ask(size_t i)
{
	struct test_request request;
	go_to(i);
	assert_int_equal(send_as(&request, -1, "it", 2, 0, NULL, NULL), 0);
	poll_channel(&channels[i].poll);
	turn();
}

static void open_all_on(struct resource *ring)
{
	t.places.total = PLACES;
	for (size_t i = 0; i < N; i++) {
		if (i > 0) {
			make_context();
			attach(resource_find(&t.table, QUERY));
		}
		if (i > 0 || ring->id != CHANNEL)
			attach(ring);
		assert_int_equal(patient(), 0);
		if (keys[i] != 0)
			assert_int_equal(join(keys[i], 100 + (uint32_t)i), 0);
		open_channel_on(ring->id);
		channels[i].context = t.context;
		channels[i].compositor = fake_compositor;
	}
}

static void open_all(void)
{
	open_all_on(resource_find(&t.table, CHANNEL));
}

/* As many channels as there are places have a POLL outstanding. */
static void take_all_places(void)
{
	open_all();
	for (size_t i = 0; i < 18; i++)
		ask_alone(i);
}

static void close_all(void)
{
	for (size_t i = 0; i < N; i++) {
		go_to(i);
		destroy_context();
	}
	fake_compositor = NULL;
	memset(keys, 0, sizeof(keys));
}

static void those_that_said_something_last_have_the_places(void **state)
{
	open_all();
	for (size_t i = 0; i < N; i++)
		say_and_ask(i);
	assert_int_equal(t.places.channels, 18);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(put_off(i), i < N - 18);
	close_all();
}

static void who_only_asks_takes_no_place_from_others(void **state)
{
	take_all_places();
	ask_alone(18);
	for (size_t i = 0; i <= 18; i++)
		assert_int_equal(put_off(i), i == 18);
	go_to(0);
	destroy_context();
	channels[0].context = NULL;
	ask_alone(18);
	assert_false(put_off(18));
	close_all();
}

static void an_event_needs_no_place(void **state)
{
	take_all_places();
	ask_alone(20);
	assert_true(put_off(20));
	go_to(20);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	assert_int_equal(next_event_in(&channels[20].poll), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(t.places.channels, 18);
	/* Who has just heard something may hear more. */
	poll_channel(&channels[20].poll);
	assert_false(put_off(20));
	assert_true(put_off(0));
	close_all();
}

/* A guest that is not patient has its channel ended where there is no place: nobody patient may
 * make it do so. */
static void who_is_not_patient_gets_a_place_of_one_who_is(void **state)
{
	take_all_places();
	assert_int_equal(t.places.channels, 18);
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	open_channel();
	assert_int_equal(t.places.channels, 18);
	for (size_t i = 0; i < 18; i++)
		assert_int_equal(put_off(i), i == 0);
	destroy_context();
	assert_int_equal(t.places.channels, 17);
	close_all();
}

static void a_channel_is_patient_from_its_start_or_never(void **state)
{
	open_channel();
	assert_int_equal(patient(), -EINVAL);
	assert_int_equal(t.places.channels, 1);
	destroy_context();
}

/* Their ring has two pages. */
static void open_all_with_slots(void)
{
	open_all_on(make_pages(20, 2));
	for (size_t i = 0; i < N; i++)
		say_and_ask(i);
}

/* One more POLL, for the second page. */
static void ask_for_more(size_t i, bool say)
{
	struct test_request request;
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)},
		.page = 1,
	};
	go_to(i);
	if (say)
		assert_int_equal(send_as(&request, -1, "it", 2, 0, NULL, NULL), 0);
	assert_int_equal(
		submit_as(&channels[i].more, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), 0);
	turn();
}

static bool has_two(size_t i)
{
	return channels[i].poll.response == 0 && channels[i].more.response == 0;
}

/* The last 18 have places; one of all has a second. */
static void who_said_something_last_has_a_second_place(void **state)
{
	enum { FIRST = N - 18 };
	open_all_with_slots();
	ask_for_more(FIRST + 1, false); /* who says nothing has none: the older POLL is answered */
	assert_true(put_off(FIRST + 1));
	assert_int_equal(channels[FIRST + 1].more.response, 0);
	assert_int_equal(t.places.others, 0);

	assert_false(put_off(FIRST));
	ask_for_more(FIRST, true); /* it had been there for the longest time, but is busy now */
	assert_true(has_two(FIRST));
	assert_true(put_off(FIRST + 2));
	assert_int_equal(t.places.channels, 17);
	assert_int_equal(t.places.others, 1);

	ask_for_more(FIRST + 3, true);
	assert_true(has_two(FIRST + 3));
	assert_true(put_off(FIRST)); /* it keeps one */
	assert_int_equal(channels[FIRST].more.response, 0);
	assert_int_equal(t.places.channels, 17);
	assert_int_equal(t.places.others, 1);

	go_to(FIRST + 3);
	destroy_context();
	channels[FIRST + 3].context = NULL;
	assert_int_equal(t.places.others, 0);
	ask_for_more(FIRST + 4, true);
	assert_true(has_two(FIRST + 4));
	assert_false(put_off(FIRST + 5));
	assert_int_equal(t.counters.contexts_lost, 0);
	close_all();
}

/* What others of the queue hold is not taken for it, and nobody is ended for want of it. */
static void a_second_place_is_never_one_of_the_last(void **state)
{
	enum { FIRST = N - 18 };
	open_all_with_slots();
	ask_for_more(FIRST + 1, true);
	assert_true(has_two(FIRST + 1));
	t.places.others += 2;
	ask_for_more(FIRST + 2, true);
	assert_true(put_off(FIRST + 2));
	assert_int_equal(channels[FIRST + 2].more.response, 0);
	assert_int_equal(t.counters.contexts_lost, 0);
	t.places.others -= 2;
	close_all();
}

static void join_all(uint64_t key)
{
	for (size_t i = 0; i < N; i++)
		keys[i] = key;
}

/* A channel whose turn it is not gets one all the same, if it was asked for. */
static void serve(size_t i)
{
	go_to(i);
	t.context->ops->service(t.context);
}

/* Something comes for the channel; whether somebody is woken to hear of it. */
static bool comes_for(size_t i)
{
	go_to(i);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	t.awake = false;
	t.context->ops->service(t.context);
	bool woken = t.awake;
	t.awake = false;
	return woken;
}

/* The BELL that has come; how many it names, the first in *@member. */
static uint32_t rung(uint32_t *member)
{
	struct cross_domain_bell bell;
	const uint8_t *members;

	assert_int_equal(
		cross_domain_bell_decode(t.pages.map + CHANNEL * 4096, 4096, &bell, &members), 0);
	*member = load_u32(members);
	return bell.n_members;
}

static void who_has_no_place_is_called_by_one_who_has(void **state)
{
	uint32_t member;

	join_all(7);
	take_all_places();
	ask_alone(20);
	ask_alone(21);
	assert_true(put_off(20) && put_off(21));
	assert_true(comes_for(20));
	assert_true(comes_for(21));
	assert_false(comes_for(21)); /* it has been called */
	serve(17);                   /* which got its place last */
	assert_int_equal(channels[17].poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(rung(&member), 2);
	assert_int_equal(member, 120);
	assert_false(comes_for(20));
	go_to(21);
	assert_int_equal(next_event_in(&channels[21].poll), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(t.places.channels, 17); /* without 17, which has heard something */
	/* It has not been put off since. */
	assert_false(comes_for(21));
	close_all();
}

static void who_has_a_poll_there_is_not_called(void **state)
{
	join_all(7);
	take_all_places();
	assert_false(comes_for(3));
	assert_int_equal(channels[3].poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.pages.map[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	assert_false(comes_for(3)); /* it has not asked, but knows that it should */
	serve(17);
	assert_int_equal(channels[17].poll.response, 0);
	close_all();
}

static void who_ends_before_it_has_called_leaves_that_to_another(void **state)
{
	uint32_t member;

	join_all(7);
	take_all_places();
	ask_alone(20);
	ask_alone(21);
	assert_true(comes_for(20));
	assert_true(comes_for(21));
	serve(17);
	assert_int_equal(rung(&member), 2);
	/* One of the two has been called, has asked and been answered. */
	go_to(20);
	assert_int_equal(next_event_in(&channels[20].poll), CROSS_DOMAIN_CMD_RECEIVE);
	go_to(17);
	t.awake = false;
	destroy_context();
	channels[17].context = NULL;
	assert_true(t.awake);
	serve(16);
	assert_int_equal(rung(&member), 1);
	assert_int_equal(member, 121);
	close_all();
}

/* The last one there fails, and stays. */
static void breaks_a_rule(size_t i)
{
	const uint32_t type = CROSS_DOMAIN_ID_VIRTGPU_BLOB, nobody = 77;
	struct test_request request;

	go_to(i);
	assert_int_equal(send_as(&request, -1, "it", 2, 1, &type, &nobody), -ENOENT);
	assert_int_equal(t.counters.contexts_lost, 1);
}

static void who_fails_before_it_has_called_leaves_that_to_another(void **state)
{
	uint32_t member;

	join_all(7);
	take_all_places();
	ask_alone(20);
	assert_true(comes_for(20));
	serve(17);
	assert_int_equal(rung(&member), 1);
	t.pages.map[CHANNEL * 4096] = 0xee;
	breaks_a_rule(17);
	serve(16);
	assert_int_equal(rung(&member), 1);
	assert_int_equal(member, 120);
	close_all();
}

static void who_has_failed_is_told_of_nobody(void **state)
{
	uint32_t member;

	join_all(7);
	take_all_places();
	ask_alone(20);
	breaks_a_rule(17);
	assert_true(comes_for(20));
	serve(17);
	assert_int_equal(t.pages.map[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	poll_channel(&channels[17].poll); /* it has heard its error, then comes the end */
	serve(17);
	assert_int_equal(t.pages.map[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	serve(16);
	assert_int_equal(rung(&member), 1);
	assert_int_equal(member, 120);
	close_all();
}

/* The BELL went to pages that are not the channel's any more: nobody has read it. */
static void a_bell_that_cannot_be_written_is_told_by_another(void **state)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}, .page = 2};
	struct cross_domain_pages pages = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_PAGES, .cmd_size = sizeof(pages)},
		.resource_id = QUERY};
	struct resource *ring = make_pages(20, 2);

	join_all(7);
	open_all_on(ring);
	for (size_t i = 0; i < 17; i++)
		say_and_ask(i);
	go_to(17);
	assert_int_equal(submit(&pages, sizeof(pages)), 0);
	assert_int_equal(
		submit_as(&channels[17].poll, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), 0);
	pages.resource_id = 0;
	assert_int_equal(submit(&pages, sizeof(pages)), 0);
	go_to(20);
	poll_channel(&channels[20].poll);
	assert_true(put_off(20));
	assert_true(comes_for(20));
	serve(17);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_true(t.awake);
	serve(16);
	struct cross_domain_bell bell;
	const uint8_t *members;
	assert_int_equal(
		cross_domain_bell_decode(t.pages.map + 20 * 4096, 4096, &bell, &members), 0);
	assert_int_equal(bell.n_members, 1);
	assert_int_equal(load_u32(members), 120);
	close_all();
}

static void groups_do_not_listen_for_others(void **state)
{
	join_all(7);
	keys[20] = keys[21] = keys[22] = 8;
	keys[23] = 0;
	take_all_places();
	for (size_t i = 20; i < 24; i++)
		ask_alone(i);
	assert_false(comes_for(20));
	assert_false(comes_for(22));
	assert_false(comes_for(23));
	serve(17);
	assert_int_equal(channels[17].poll.response, 0);
	/* The next one that asks hears of it, without a place, unless it is gone by then. */
	go_to(20);
	destroy_context();
	channels[20].context = NULL;
	go_to(21);
	uint32_t member;
	poll_channel(&channels[21].poll);
	turn();
	assert_true(put_off(21));
	assert_int_equal(rung(&member), 1);
	assert_int_equal(member, 122);
	/* And from then on it listens. */
	poll_channel(&channels[21].poll);
	assert_false(put_off(21));
	assert_true(put_off(0));
	close_all();
}

static void a_group_is_of_patient_channels_from_their_start(void **state)
{
	assert_int_equal(join(7, 1), -EINVAL);
	assert_int_equal(patient(), 0);
	assert_int_equal(join(0, 1), -EINVAL);
	assert_int_equal(join(7, 1), 0);
	assert_int_equal(join(8, 1), -EINVAL);
	destroy_context();
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	assert_int_equal(patient(), 0);
	open_channel();
	assert_int_equal(join(7, 1), -EINVAL);
	destroy_context();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_that_said_something_last_have_the_places),
		TEST(who_only_asks_takes_no_place_from_others),
		TEST(an_event_needs_no_place),
		TEST(who_is_not_patient_gets_a_place_of_one_who_is),
		TEST(a_channel_is_patient_from_its_start_or_never),
		TEST(who_said_something_last_has_a_second_place),
		TEST(a_second_place_is_never_one_of_the_last),
		TEST(who_has_no_place_is_called_by_one_who_has),
		TEST(who_has_a_poll_there_is_not_called),
		TEST(who_ends_before_it_has_called_leaves_that_to_another),
		TEST(who_fails_before_it_has_called_leaves_that_to_another),
		TEST(who_has_failed_is_told_of_nobody),
		TEST(a_bell_that_cannot_be_written_is_told_by_another),
		TEST(groups_do_not_listen_for_others),
		TEST(a_group_is_of_patient_channels_from_their_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
