/* guest-proxy/channel/channel_events.c and poll_credits.c: several events in one slot */
#include "tests/unit/channel_rig.h"

#define SLOT_PAGES 16u
#define KEYMAP 40

/* A run that the host makes. */
struct run {
	_Alignas(8) uint8_t bytes[CROSS_DOMAIN_RUN_MAX_BYTES];
	size_t size; /* of the events */
};

static struct run run;

static void add(const void *head, size_t head_size, const void *data, size_t size)
{
	uint8_t *at = run.bytes + sizeof(struct cross_domain_run) + run.size;
	memcpy(at, head, head_size);
	if (size > 0)
		memcpy(at + head_size, data, size);
	run.size += align_up(head_size + size, 8);
}

static void add_receive(const char *text, uint32_t keymap)
{
	const struct cross_domain_send_receive receive = {
		.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE,
		.num_identifiers = keymap ? 1 : 0,
		.opaque_data_size = (uint32_t)strlen(text),
		.identifiers = {keymap},
		.types = {CROSS_DOMAIN_ID_VIRTGPU_BLOB},
		.sizes = {5000},
	};
	add(&receive, sizeof(receive), text, strlen(text));
}

static void add_read(uint32_t pipe, const void *bytes, uint32_t size)
{
	const struct cross_domain_read_write read = {
		.hdr.cmd = CROSS_DOMAIN_CMD_READ, .identifier = pipe, .opaque_data_size = size};
	add(&read, sizeof(read), bytes, size);
}

/* The host puts the run into slot @slot, says that it has @bytes, and signals. */
static void send_as(unsigned slot, uint32_t bytes)
{
	const struct cross_domain_run head = {.hdr.cmd = CROSS_DOMAIN_CMD_RUN, .bytes = bytes};
	memcpy(run.bytes, &head, sizeof(head));
	event_slot = slot * SLOT_PAGES;
	event(run.bytes, sizeof(head) + run.size);
	memset(&run, 0, sizeof(run));
}

static void send_run(unsigned slot)
{
	send_as(slot, (uint32_t)run.size);
}

static struct cross_domain_poll poll_of(const struct submission *s, size_t at)
{
	struct cross_domain_poll poll;
	memcpy(&poll, next_command(s, &at, CROSS_DOMAIN_CMD_POLL), sizeof(poll));
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_int_equal(at, s->size);
	return poll;
}

/* The next submission is a POLL for slot @slot. */
static void expect_poll(unsigned slot)
{
	const struct cross_domain_poll poll = poll_of(next_submission(), 0);
	assert_int_equal(poll.page, slot * SLOT_PAGES);
	assert_int_equal(poll.n_pages, SLOT_PAGES);
}

static const char *why(void)
{
	turn();
	assert_int_equal(user.closed, 1);
	return user.why;
}

static void a_slot_brings_several_events(void **state)
{
	static uint8_t bytes[50000];
	assert_int_equal(device.channel_ring->base.size, 2 * SLOT_PAGES * PAGE_BYTES);
	skip_start();
	add_receive("one", 0);
	add_read(7, bytes, sizeof(bytes));
	add_receive(", two", 0);
	send_run(0);
	assert_int_equal(user.receives, 2);
	assert_memory_equal(user.bytes, "one, two", 8);
	assert_int_equal(user.pipe_events, 1);
	assert_int_equal(user.n_pipe_bytes, sizeof(bytes));
	assert_int_equal(channel_counters(user.channel)->runs, 1);
	expect_poll(1);
	nothing_more();
	add_receive(", three", 0);
	send_run(1);
	expect_poll(0);
	assert_memory_equal(user.bytes, "one, two, three", 15);
}

/* What is not written anew is not heard again. */
static void a_fence_without_a_run_is_no_run(void **state)
{
	add_receive("once", 0);
	send_run(0);
	send_as(1, 0); /* a run of no events is none either */
	assert_int_equal(user.receives, 1);
	event_slot = 0;
	device.listener->event(device.listener_data);
	assert_int_equal(user.receives, 1);
}

static void a_single_event_may_come_as_ever(void **state)
{
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(user.receives, 1);
	assert_int_equal(channel_counters(user.channel)->runs, 0);
}

static void what_comes_behind_one_that_is_held_keeps_its_turn(void **state)
{
	device.host_error = -ENODEV; /* so that it is fetched */
	skip_start();
	add_receive("first, ", 0);
	add_receive("keymap, ", KEYMAP);
	add_receive("keys, ", 0);
	add_receive("keymap, ", KEYMAP + 1);
	add_receive("keys", 0);
	send_run(0);
	assert_int_equal(user.receives, 1);
	say("1234", 4);
	flush();
	const uint8_t *data;
	size_t at = 0;
	struct submission *s = next_submission();
	send_at(s, &at, &data);
	assert_int_equal(at, s->size); /* no POLL meanwhile */
	for (int i = 0; i < 4 && user.receives < 5; i++)
		answer_all();
	assert_int_equal(user.receives, 5);
	assert_memory_equal(user.bytes, "first, keymap, keys, keymap, keys", 33);
	expect_poll(1);
}

static void what_is_held_may_be_left(void **state)
{
	device.host_error = -ENODEV;
	add_receive("keymap", KEYMAP);
	add_receive("keys", 0);
	send_run(0);
	assert_int_equal(user.receives, 0); /* and teardown destroys the channel */
}

static void nonsense_ends_the_channel(void **state)
{
	static const struct {
		uint32_t said, cmd, size;
	} cases[] = {
		{24, CROSS_DOMAIN_CMD_READ, 1},                /* beyond the run */
		{UINT32_MAX, CROSS_DOMAIN_CMD_READ, 1u << 16}, /* beyond the slot */
		{24, CROSS_DOMAIN_CMD_READ, UINT32_MAX - 23},
		{24, CROSS_DOMAIN_CMD_RUN, 0}, /* in a run there is none */
		{24, CROSS_DOMAIN_CMD_WRITE, 0},
		{7, CROSS_DOMAIN_CMD_READ, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct cross_domain_read_write read = {
			.hdr.cmd = (uint8_t)cases[i].cmd, .opaque_data_size = cases[i].size};
		add(&read, sizeof(read), NULL, 0);
		send_as(0, cases[i].said);
		assert_string_equal(why(), "the host broke the protocol");
		assert_int_equal(user.pipe_events, 0);
		teardown(state);
		setup_runs(state);
	}
}

static void the_channel_may_be_destroyed_in_the_middle_of_a_run(void **state)
{
	user.destroy_in_callback = true;
	add_receive("one", 0);
	add_receive("two", 0);
	send_run(0);
	assert_null(user.channel);
	assert_int_equal(user.receives, 1);
}

static void it_may_be_destroyed_by_what_was_held(void **state)
{
	device.host_error = -ENODEV;
	add_receive("keymap", KEYMAP);
	add_receive("keys", 0);
	send_run(0);
	user.destroy_in_callback = true;
	answer_all();
	assert_null(user.channel);
	assert_int_equal(user.receives, 1);
}

static void the_end_may_come_behind_other_events(void **state)
{
	add_receive("last words", 0);
	add_receive("", 0);
	add_receive("nobody hears this", 0);
	send_run(0);
	assert_null(why());
	assert_int_equal(user.receives, 1);
}

static void the_host_may_have_one_poll_only(void **state)
{
	const struct cross_domain_header none = {0};
	say("1234", 4);
	flush();
	skip_start();
	event_slot = 0;
	event(&none, sizeof(none));
	nothing_more();
	add_receive("hello", 0);
	send_run(1);
	expect_poll(0);
	assert_int_equal(user.closed, 0);
}

/* Over vhost-user the next one is asked for before the events are handled, unless one of them may
 * have to be held. */
static void the_next_run_is_asked_for_at_once(void **state)
{
	assert_int_equal(device.channel_ring->base.size, SLOT_PAGES * PAGE_BYTES);
	skip_start();
	user.destroy_in_callback = true;
	add_receive("one", 0);
	add_receive("two", 0);
	send_run(0);
	assert_null(user.channel);
	expect_poll(0);
	nothing_more();
}

static void but_not_where_one_of_its_events_may_be_held(void **state)
{
	device.host_error = -ENODEV;
	skip_start();
	add_receive("one", 0);
	add_receive("keymap", KEYMAP);
	send_run(0);
	nothing_more();
	answer_all();
	assert_int_equal(user.receives, 2);
	expect_poll(0);
}

#define LONG_PAGES 65u

/* The next submission is a POLL for the larger slot @slot. */
static void expect_long_poll(unsigned slot)
{
	const struct cross_domain_poll poll = poll_of(next_submission(), 0);
	assert_int_equal(poll.page, 2 * SLOT_PAGES + slot * LONG_PAGES);
	assert_int_equal(poll.n_pages, LONG_PAGES);
}

/* As send_run, into a larger slot. */
static void send_long_run(unsigned slot)
{
	const struct cross_domain_run head = {
		.hdr.cmd = CROSS_DOMAIN_CMD_RUN, .bytes = (uint32_t)run.size};
	uint8_t *at = (uint8_t *)device.last_blob->base.map + slot * LONG_PAGES * PAGE_BYTES;
	memcpy(run.bytes, &head, sizeof(head));
	memcpy(at, run.bytes, sizeof(head) + run.size);
	memset(&run, 0, sizeof(run));
	device.listener->event(device.listener_data);
	turn();
}

/* A pipe that the host writes; both slots wait for it. */
static uint32_t open_pipe(void)
{
	uint32_t id = channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {.kind = WIRE_READ_PIPE, .fd = -1, .id = id};
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), 0);
	flush();
	skip_start();
	return id;
}

static void expect_pages(void)
{
	struct cross_domain_pages pages;
	size_t at = 0;
	const struct submission *s = next_submission();
	memcpy(&pages, next_command(s, &at, CROSS_DOMAIN_CMD_PAGES), sizeof(pages));
	assert_int_equal(pages.resource_id, device.last_blob->base.resource_id);
	assert_int_equal(device.last_blob->base.size, 2 * LONG_PAGES * PAGE_BYTES);
	assert_int_equal(at, s->size);
}

static void a_pipe_with_much_has_larger_slots(void **state)
{
	static uint8_t bytes[50000];
	uint32_t id = open_pipe();
	add_read(id, bytes, 1000);
	send_run(0);
	nothing_more();
	add_read(id, bytes, sizeof(bytes));
	send_run(1);
	expect_pages();
	expect_long_poll(0);
	nothing_more();
	add_read(id, bytes, sizeof(bytes));
	send_long_run(0);
	expect_long_poll(1);
	assert_int_equal(user.n_pipe_bytes, 101000);
	/* What is much is not copied first. */
	const uint8_t *more = device.last_blob->base.map;
	assert_true((const uint8_t *)user.pipe_bytes > more &&
		(const uint8_t *)user.pipe_bytes < more + LONG_PAGES * PAGE_BYTES);
	say("something", 9); /* one more POLL goes along */
	flush();
	skip_start();
	assert_int_equal(device.blobs, 3);

	/* The end of the last pipe is the end of them, too. */
	const struct cross_domain_read_write end = {
		.hdr.cmd = CROSS_DOMAIN_CMD_READ, .identifier = id, .hang_up = 1};
	add_read(id, bytes, 100);
	add(&end, sizeof(end), NULL, 0);
	send_long_run(1);
	assert_int_equal(device.blobs, 3);
	add_receive("the last one there", 0);
	send_long_run(0);
	assert_int_equal(device.blobs, 2);
	expect_poll(1);
	nothing_more();
	assert_int_equal(user.receives, 1);
	assert_int_equal(user.closed, 0);
}

static void a_larger_slot_has_an_end_too(void **state)
{
	static uint8_t bytes[50000];
	uint32_t id = open_pipe();
	const struct cross_domain_run head = {.hdr.cmd = CROSS_DOMAIN_CMD_RUN, .bytes = UINT32_MAX};
	const struct cross_domain_read_write read = {
		.hdr.cmd = CROSS_DOMAIN_CMD_READ, .opaque_data_size = LONG_PAGES * PAGE_BYTES};
	add_read(id, bytes, sizeof(bytes));
	send_run(0);
	add_read(id, bytes, 10);
	send_run(1);
	uint8_t *at = device.last_blob->base.map;
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), &read, sizeof(read));
	device.listener->event(device.listener_data);
	assert_string_equal(why(), "the host broke the protocol");
}

/* The kernel does not tell that the host has refused it. */
static void memory_that_the_host_has_refused_is_done_without(void **state)
{
	static uint8_t bytes[50000];
	uint32_t id = open_pipe();
	for (unsigned i = 0; i < 2; i++) {
		add_read(id, bytes, sizeof(bytes));
		send_run(i);
	}
	expect_pages();
	expect_long_poll(0);
	device.listener->event(device.listener_data); /* without an event */
	turn();
	expect_poll(1);
	assert_int_equal(device.blobs, 2);
	add_read(id, bytes, sizeof(bytes));
	send_run(1);
	expect_poll(0);
	nothing_more();
	assert_int_equal(user.n_pipe_bytes, 3 * sizeof(bytes));
	assert_int_equal(user.closed, 0);
}

static void memory_that_comes_too_late_is_given_back(void **state)
{
	static uint8_t bytes[50000];
	uint32_t id = open_pipe();
	device.guest_error = -EINPROGRESS;
	add_read(id, bytes, sizeof(bytes));
	send_run(0);
	assert_int_equal(device.blobs, 3);
	event_slot = SLOT_PAGES;
	read_event(id, 0, true);
	expect_poll(0);
	device.listener->blob(device.listener_data, &device.last_blob->base, 0);
	turn();
	nothing_more();
	event_slot = 0;
	receive_event("hello", 0, NULL, NULL);
	assert_int_equal(device.blobs, 2);
}

static void without_memory_slots_stay_as_they_are(void **state)
{
	static uint8_t bytes[50000];
	uint32_t id = open_pipe();
	device.guest_error = -ENOMEM;
	for (unsigned i = 0; i < 4; i++) {
		add_read(id, bytes, sizeof(bytes));
		send_run(i % 2);
	}
	assert_int_equal(device.blobs, 2);
	assert_int_equal(user.n_pipe_bytes, 4 * sizeof(bytes));
	assert_int_equal(user.closed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_RUNS(a_slot_brings_several_events),
		TEST_RUNS(a_fence_without_a_run_is_no_run),
		TEST_RUNS(a_single_event_may_come_as_ever),
		TEST_RUNS(what_comes_behind_one_that_is_held_keeps_its_turn),
		TEST_RUNS(what_is_held_may_be_left),
		TEST_RUNS(nonsense_ends_the_channel),
		TEST_RUNS(the_channel_may_be_destroyed_in_the_middle_of_a_run),
		TEST_RUNS(it_may_be_destroyed_by_what_was_held),
		TEST_RUNS(the_end_may_come_behind_other_events),
		TEST_RUNS(the_host_may_have_one_poll_only),
		TEST_PAGES(a_pipe_with_much_has_larger_slots),
		TEST_PAGES(a_larger_slot_has_an_end_too),
		TEST_PAGES(memory_that_the_host_has_refused_is_done_without),
		TEST_PAGES(memory_that_comes_too_late_is_given_back),
		TEST_PAGES(without_memory_slots_stay_as_they_are),
		TEST_LAZY_RUNS(the_next_run_is_asked_for_at_once),
		TEST_LAZY_RUNS(but_not_where_one_of_its_events_may_be_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
