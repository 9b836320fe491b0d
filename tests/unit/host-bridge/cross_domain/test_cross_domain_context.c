/* host-bridge/cross_domain/cross_domain_context.c and cross_domain_events.c, between a device and a
 * compositor that the test plays. */
#include "host-bridge/cross_domain/cross_domain_context.h"

#include <drm_fourcc.h>
#include <time.h>
#include <wayland-server-protocol.h>

#include "tests/unit/cross_domain_world.h"

#define RING 20 /* its resource, and its first page */

/* --- tests: events --- */

/* The text of the wl_display.error in the last event. */
static const char *display_error(void)
{
	const char *text = (const char *)event_data + 20;
	/* As all who are over a limit are told, wherever it was noticed. */
	uint32_t code = strstr(text, "limit of") ? WL_DISPLAY_ERROR_NO_MEMORY
						 : WL_DISPLAY_ERROR_IMPLEMENTATION;

	assert_int_equal(load_u32(event_data), 1);
	assert_int_equal(load_u32(event_data + 4) & 0xffff, 0);
	assert_int_equal(load_u32(event_data + 4) >> 16, event.receive.opaque_data_size);
	assert_int_equal(load_u32(event_data + 8), 1);
	assert_int_equal(load_u32(event_data + 12), code);
	assert_int_equal(strlen(text) + 1, load_u32(event_data + 16));
	return text;
}

/* The channel is over: the client is told @why, then an empty RECEIVE ends it. */
static void expect_end(const char *why)
{
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_string_equal(display_error(), why);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 0);
	assert_int_equal(event.receive.num_identifiers, 0);
}

static void an_event_needs_a_poll_and_a_poll_an_event(void **state)
{
	struct test_request poll, second;
	open_channel();
	assert_int_equal(next_event_in(&poll), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.pages.map[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	assert_memory_equal(t.pages.map + CHANNEL * 4096 + 352, "hello...", 8);
	assert_int_equal(load_u32(t.pages.map + CHANNEL * 4096 + 12), 8);
	assert_int_equal(t.pages.map[CHANNEL * 4096 + 2], 0); /* cmd_size stays 0, as with others */

	assert_false(t.context->starved);
	t.pages.map[CHANNEL * 4096] = 0;
	assert_int_equal(to_guest("again...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(
		t.pages.map[CHANNEL * 4096], 0); /* the page is the guest's until it polls */
	assert_true(t.context->starved);
	assert_int_equal(next_event_in(&second), CROSS_DOMAIN_CMD_RECEIVE);
	assert_false(t.context->starved);
	assert_memory_equal(event_data, "again...", 8);
}

static uint64_t ask_clock(uint32_t clock_id)
{
	const struct cross_domain_clock command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CLOCK, .cmd_size = sizeof(command)},
		.clock_id = clock_id,
	};
	struct cross_domain_clock_answer answer;
	uint8_t *at = t.pages.map + QUERY * 4096 + CROSS_DOMAIN_CLOCK_ANSWER_OFFSET;
	memset(at, 0xff, sizeof(answer));
	assert_int_equal(submit(&command, sizeof(command)), 0);
	memcpy(&answer, at, sizeof(answer));
	assert_int_equal(answer.clock_id, clock_id);
	return answer.ns;
}

static uint64_t clock_now(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* By the clocks that compositors present by; how long a process has run is no guest's business. */
static void a_guest_is_told_the_hosts_time(void **state)
{
	static const clockid_t told[] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
	static const uint32_t others[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, 12,
		UINT32_MAX, (uint32_t)-2, 1u << 31};
	const struct cross_domain_clock early = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CLOCK, .cmd_size = sizeof(early)}};
	assert_int_equal(submit(&early, sizeof(early)), -EINVAL);
	open_channel();
	for (size_t i = 0; i < ARRAY_LENGTH(told); i++) {
		uint64_t before = clock_now(told[i]), answer = ask_clock((uint32_t)told[i]);
		assert_in_range(answer, before, clock_now(told[i]));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		assert_int_equal(ask_clock(others[i]), 0);
}

static void what_does_not_fit_into_one_event_comes_in_several(void **state)
{
	static uint8_t bytes[10000];
	open_channel();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	size_t got = 0;
	while (got < sizeof(bytes)) {
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
		assert_true(event.receive.opaque_data_size <= 3744);
		assert_memory_equal(event_data, bytes + got, event.receive.opaque_data_size);
		got += event.receive.opaque_data_size;
	}
	assert_int_equal(t.counters.receives, 3);
}

static void the_compositors_end_is_told_once(void **state)
{
	struct test_request poll;
	open_channel();
	assert_int_equal(to_guest("last....", 8, NULL, 0), 0);
	fake_compositor->listener->closed(fake_compositor->data);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(event.receive.opaque_data_size, 8);
	expect_end("wayferry: the host's compositor has ended the connection");
	assert_int_equal(next_event_in(&poll), 0);
	assert_null(fake_compositor);
	/* What it still says is heard by nobody, and is no error. */
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, QUERY), 0);
}

static void a_missing_compositor_is_its_end(void **state)
{
	fake_compositor_absent = true;
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	expect_end("wayferry: no compositor answers on the host");
}

static void a_client_that_the_compositor_told_why_is_told_once(void **state)
{
	struct test_request poll;
	const uint32_t error[] = {1, 24 << 16, 1, 3, 4, 0x00796877};
	open_channel();
	assert_int_equal(to_guest(error, sizeof(error), NULL, 0), 0);
	fake_compositor->listener->closed(fake_compositor->data);
	expect_end("why");
	assert_int_equal(next_event_in(&poll), 0);
}

static void a_connection_over_the_machines_limit_is_told_so(void **state)
{
	quota_set(&t.quota, "connections", "0");
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_null(fake_compositor);
	expect_end("wayferry: this machine has reached its limit of connections (0)");
	destroy_context();
	quota_set(&t.quota, "connections", "1");
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	open_channel();
	assert_int_equal(t.quota.entries[QUOTA_CONNECTIONS].use, 1);
}

static void a_connection_is_one_of_the_machines_fds(void **state)
{
	quota_set(&t.quota, "fds", "0");
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_null(fake_compositor);
	expect_end("wayferry: this machine has reached its limit of fds (0)");
	assert_int_equal(t.quota.entries[QUOTA_CONNECTIONS].use, 0);
}

static void what_waits_for_a_guest_is_charged_to_its_machine(void **state)
{
	static uint8_t bytes[60000];
	open_channel();
	quota_set(&t.quota, "queued-bytes", "100000");
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), -EDQUOT);
	fake_compositor->listener->closed(fake_compositor->data);
	do
		next_event();
	while (event.receive.opaque_data_size == CROSS_DOMAIN_RECEIVE_MAX_DATA);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
	assert_string_equal(display_error(),
		"wayferry: this machine has reached its limit of queued-bytes (100000)");
	assert_int_equal(t.quota.entries[QUOTA_QUEUED_BYTES].use, 0);
}

/* 20 places: 18 are for channels, one more for what else is kept, one is always free. */
static void a_channel_that_finds_no_place_ends_at_once(void **state)
{
	struct test_request poll;
	t.places = (struct queue_places){.total = 20, .channels = 18};
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_null(fake_compositor);
	expect_end("wayferry: the driver's queue has no more than 20 places, and 18 channels");
	poll_channel(&poll); /* there is none for this either */
	assert_int_not_equal(poll.response, 0);
	destroy_context();
	assert_int_equal(t.places.channels, 18);
	t.places.channels = 17; /* one of them ends */
	make_context();
	attach(resource_find(&t.table, QUERY));
	attach(resource_find(&t.table, CHANNEL));
	assert_int_equal(init(CROSS_DOMAIN_CHANNEL_WAYLAND), 0);
	assert_non_null(fake_compositor);
	destroy_context();
	t.places.channels = 0;
}

/* A channel whose ring has two pages, RING and the next one. */
static void open_channel_with_slots(void)
{
	attach(make_pages(RING, 2));
	open_channel_on(RING);
}

static const char *page_text(unsigned slot)
{
	return (const char *)t.pages.map + (RING + slot) * 4096 +
		sizeof(struct cross_domain_send_receive);
}

static int poll_slot(struct test_request *request, uint64_t slot)
{
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)},
		.page = (uint32_t)slot,
		.n_pages = (uint32_t)(slot >> 32),
	};
	return submit_as(request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll));
}

static void each_poll_gets_its_event_on_the_page_that_it_names(void **state)
{
	struct test_request polls[3];
	open_channel_with_slots();
	assert_int_equal(poll_slot(&polls[0], 1), 0);
	assert_int_equal(poll_slot(&polls[1], 0), 0);
	assert_int_equal(to_guest("one.....", 8, NULL, 0), 0);
	turn();
	assert_int_equal(polls[0].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(polls[1].response, 0);
	assert_memory_equal(page_text(1), "one.....", 8);
	assert_int_equal(to_guest("two.....", 8, NULL, 0), 0);
	turn();
	assert_int_equal(polls[1].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_memory_equal(page_text(0), "two.....", 8);
	assert_memory_equal(page_text(1), "one.....", 8);

	assert_int_equal(poll_slot(&polls[2], 2), -EINVAL);
	assert_int_equal(poll_slot(&polls[2], UINT64_MAX), -EINVAL);
	assert_int_equal(poll_slot(&polls[2], UINT64_C(3) << 32), -EINVAL);
	assert_int_equal(t.counters.contexts_lost, 0);
}

/* Also behind the command that cost the context, and after it. */
static void who_has_failed_hears_of_it_on_the_page_that_it_named(void **state)
{
	const uint32_t blob = CROSS_DOMAIN_ID_VIRTGPU_BLOB, id = 7;
	struct test_request request, poll;
	open_channel_with_slots();
	assert_int_equal(send_as(&request, -1, "pool", 4, 1, &blob, &id), -ENOENT);
	assert_int_equal(t.counters.contexts_lost, 1);
	memset(t.pages.map + 20 * 4096, 0xee, 8192);
	assert_int_equal(poll_slot(&poll, 1), 0);
	turn();
	assert_int_equal(poll.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.pages.map[20 * 4096], 0xee);
	assert_int_equal(t.pages.map[21 * 4096], CROSS_DOMAIN_CMD_RECEIVE);
	assert_int_equal(poll_slot(&poll, 2), 0); /* what it says otherwise is ignored */
}

static void stock_guests_may_say_anything_where_the_page_is(void **state)
{
	struct test_request poll;
	open_channel();
	assert_int_equal(poll_slot(&poll, UINT64_MAX), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(t.pages.map[CHANNEL * 4096], CROSS_DOMAIN_CMD_RECEIVE);
}

/* The oldest is answered, as fences of a ring are signalled in order. */
static void where_the_queue_is_short_one_poll_is_outstanding(void **state)
{
	struct test_request polls[2];
	t.places = (struct queue_places){.total = 100, .channels = 19};
	open_channel_with_slots();
	assert_int_equal(poll_slot(&polls[0], 0), 0);
	t.pages.map[20 * 4096] = 0xee;
	assert_int_equal(poll_slot(&polls[1], 1), 0);
	assert_int_equal(polls[0].response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(t.pages.map[20 * 4096], 0);
	assert_int_equal(polls[1].response, 0);
	assert_int_equal(t.counters.contexts_lost, 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_memory_equal(page_text(1), "hello...", 8);
	destroy_context();
	t.places.channels -= 19;
}

static void nothing_is_kept_without_a_place(void **state)
{
	struct test_request sends[2], polls[2];
	t.places = (struct queue_places){.total = 20, .channels = 17};
	open_channel();
	fake_compositor->congested = true;
	assert_int_equal(send_as(&sends[0], 0, "held", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&sends[1], 0, "not held", 8, 0, NULL, NULL), 0);
	poll_channel(&polls[0]);
	assert_int_equal(polls[0].response, 0);
	poll_channel(&polls[1]); /* at most one is legal */
	assert_int_not_equal(polls[1].response, 0);
	assert_int_equal(t.counters.contexts_lost, 1);
	destroy_context();
	t.places.channels -= 17;
}

static void one_page_may_be_both_rings(void **state)
{
	const struct cross_domain_init_legacy command = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_INIT, .cmd_size = sizeof(command)},
		.query_ring = CHANNEL,
		.channel_type = CROSS_DOMAIN_CHANNEL_WAYLAND,
	};
	assert_int_equal(submit(&command, sizeof(command)), 0);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
}

static void without_a_channel_images_can_be_asked_about(void **state)
{
	struct test_request request;
	assert_int_equal(init(0), 0);
	assert_null(fake_compositor);
	assert_int_equal(ask(4096, 1, DRM_FORMAT_R8, 0).size, 4096);
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .cmd_size = sizeof(poll)}};
	assert_int_equal(
		submit_as(&request, CROSS_DOMAIN_CHANNEL_RING, &poll, sizeof(poll)), -EINVAL);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, QUERY), -EINVAL);
}

static void a_full_stream_holds_the_compositor_back(void **state)
{
	static uint8_t bytes[65536];
	open_channel();
	struct compositor *compositor = fake_compositor;
	for (int i = 0; i < 3; i++)
		assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_true(compositor->listener->has_room(compositor->data));
	assert_int_equal(to_guest(bytes, sizeof(bytes), NULL, 0), 0);
	assert_false(compositor->listener->has_room(compositor->data));
	turn();
	assert_int_equal(compositor->resumed, 0);
	next_event();
	assert_int_equal(compositor->resumed, 1);
	assert_true(compositor->listener->has_room(compositor->data));
	next_event();
	assert_int_equal(compositor->resumed, 1);
	/* A compositor that does not care is cut off. */
	int err = 0;
	for (int i = 0; i < 20 && err == 0; i++)
		err = to_guest(bytes, sizeof(bytes), NULL, 0);
	assert_int_equal(err, -ENOBUFS);
}

static void a_ring_that_was_detached_is_written_no_more(void **state)
{
	struct test_request poll;
	open_channel();
	assert_int_equal(next_event_in(&poll), 0);
	detach(CHANNEL);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_equal(t.pages.map[CHANNEL * 4096], 0xee);
	assert_int_equal(poll.response, 0);
	detach(QUERY);
	assert_int_equal(t.table.count, 2);
	resource_forget(resource_find(&t.table, QUERY));
	assert_int_equal(t.table.count, 1);
}

static void a_ring_without_memory_costs_the_context(void **state)
{
	struct test_request poll;
	open_channel();
	poll_channel(&poll);
	guest_memory_clear(t.pages.memory);
	assert_int_equal(to_guest("hello...", 8, NULL, 0), 0);
	turn();
	assert_int_not_equal(poll.response, 0);
	assert_int_equal(t.counters.contexts_lost, 1);
	assert_null(fake_compositor);
}

/* --- tests: SEND --- */

static void a_blob_in_send_outlives_the_guests_handle(void **state)
{
	open_channel();
	struct resource *resource = make_page(7);
	attach(resource);
	assert_int_equal(send_identifier(CROSS_DOMAIN_ID_VIRTGPU_BLOB, 7), 0);
	detach(7);
	resource_forget(resource);
	assert_int_equal(fake_compositor->n_handles, 1);
	assert_int_equal(fake_compositor->handles[0].kind, WIRE_BLOB);
	assert_ptr_equal(fake_compositor->handles[0].blob, resource);
	assert_int_equal(resource->refs, 1);
	assert_int_equal(t.table.count, 3);
	fake_compositor_drop_handles(fake_compositor);
	assert_int_equal(t.table.count, 2);
}

/* The guest's kernel has not told it that the host refused the blob. */
static void who_sends_memory_that_was_refused_is_told(void **state)
{
	struct test_request request;
	const uint32_t blob = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	make_page(7); /* not attached */
	struct resource *flat;
	assert_int_equal(resource_create(&t.table, 8, RESOURCE_2D, 4096, &flat), 0);
	for (uint32_t id = 6; id <= 8; id++) {
		open_channel();
		if (id == 8)
			attach(flat);
		/* Without a message nothing is missing. */
		assert_int_equal(send_as(&request, -1, "", 0, 1, &blob, &id), -ENOENT);
		assert_int_equal(t.counters.contexts_lost, id - 6);
		assert_int_equal(send_as(&request, -1, "pool", 4, 1, &blob, &id), -ENOENT);
		assert_int_equal(t.counters.contexts_lost, id - 5);
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_RECEIVE);
		assert_non_null(memmem(&event, sizeof(event), "refused", 7));
		destroy_context();
		make_context();
		attach(resource_find(&t.table, QUERY));
		attach(resource_find(&t.table, CHANNEL));
	}
}

static void identifiers_that_a_guest_may_not_send_are_refused(void **state)
{
	const uint32_t pipe = CROSS_DOMAIN_ID_READ_PIPE;
	open_channel();
	assert_int_equal(send_identifier(pipe, 0x80000000), -EINVAL);
	assert_int_equal(send_identifier(pipe, 2), -EINVAL);
	const uint32_t types[] = {
		0, CROSS_DOMAIN_ID_VIRTGPU_SYNC, CROSS_DOMAIN_ID_WRITE_PIPE, 5, 6, 7, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		assert_int_equal(send_identifier(types[i], FIRST_PIPE), -EINVAL);
	assert_int_equal(send_identifier(pipe, FIRST_PIPE), 0);
	assert_int_equal(send_identifier(pipe, FIRST_PIPE), -EINVAL); /* in use */
	/* Nothing of a SEND happens when a part of it is wrong. */
	struct test_request request;
	const uint32_t two[] = {pipe, pipe}, ids[] = {FIRST_PIPE + 1, FIRST_PIPE + 1};
	assert_int_equal(send_as(&request, -1, "pipe", 4, 2, two, ids), -EINVAL);
	assert_int_equal(t.counters.pipes, 1);
	assert_int_equal(fake_compositor->size, 4);
}

static void several_read_pipes_of_any_unused_id_fit_into_a_send(void **state)
{
	struct test_request request;
	const uint32_t types[] = {3, 3, 3}, ids[] = {FIRST_PIPE, UINT32_MAX, FIRST_PIPE + 100};
	open_channel();
	assert_int_equal(send_as(&request, -1, "pipes", 5, 3, types, ids), 0);
	assert_int_equal(fake_compositor->n_handles, 3);
	for (size_t i = 0; i < 3; i++) {
		int fd = fake_compositor->handles[i].fd;
		assert_int_equal(fake_compositor->handles[i].kind, WIRE_FD);
		assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
		assert_int_equal(write(fd, &ids[i], 4), 4);
		turn();
		assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
		assert_int_equal(event.read.identifier, ids[i]);
		assert_int_equal(load_u32(event_data), ids[i]);
		assert_int_equal(event.read.hang_up, 0);
	}
}

static void a_congested_compositor_holds_back_who_waits(void **state)
{
	struct test_request first, second, poll, unfenced;
	open_channel();
	fake_compositor->congested = true;
	assert_int_equal(send_as(&first, 0, "one ", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&unfenced, -1, "two ", 4, 0, NULL, NULL), 0);
	assert_int_equal(send_as(&second, 0, "three", 5, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&poll, 1, "!", 1, 0, NULL, NULL), 0);
	turn();
	assert_int_equal(first.response, 0);
	/* A query is answered all the same. */
	assert_int_equal(ask(10, 10, DRM_FORMAT_R8, 0).size, 4096);

	fake_compositor->congested = false;
	fake_compositor->listener->drained(fake_compositor->data);
	assert_int_equal(first.response, 0); /* not inside the compositor's callback */
	turn();
	assert_int_equal(fake_compositor->size, 14);
	assert_memory_equal(fake_compositor->bytes, "one two three!", 14);
	assert_int_equal(first.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(poll.response, 0);
}

static void a_request_that_takes_long_is_gone_on_with_in_later_turns(void **state)
{
	struct test_request first, second;
	open_channel();
	fake_compositor->held = 3;
	assert_int_equal(send_as(&first, 0, "long", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_int_equal(send_as(&second, 0, "next", 4, 0, NULL, NULL), -EINPROGRESS);
	assert_true(t.awake);
	turn(); /* as often as the context wakes */
	assert_int_equal(fake_compositor->held, 0);
	assert_memory_equal(fake_compositor->bytes, "longnext", 8);
	assert_int_equal(first.response, VIRTIO_GPU_RESP_OK_NODATA);
	assert_int_equal(second.response, VIRTIO_GPU_RESP_OK_NODATA);
}

static void a_client_that_was_ended_is_heard_no_more(void **state)
{
	const uint32_t type = CROSS_DOMAIN_ID_READ_PIPE, id = FIRST_PIPE;
	struct test_request request;
	open_channel();
	fake_compositor->fail = -EPROTO;
	assert_int_equal(send_as(&request, -1, "bad", 3, 0, NULL, NULL), 0);
	assert_int_equal(send_as(&request, -1, "more", 4, 1, &type, &id), 0);
	assert_int_equal(fake_compositor->size, 3);
	/* Its pipe has nobody at the other end. */
	turn();
	assert_int_equal(next_event(), CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.read.hang_up, 1);
}

static void who_has_failed_is_not_heard_and_gets_no_event(void **state)
{
	const uint32_t blob = CROSS_DOMAIN_ID_VIRTGPU_BLOB, id = 7;
	struct test_request request, poll;
	open_channel();
	assert_int_equal(send_as(&request, -1, "pool", 4, 1, &blob, &id), -ENOENT);
	assert_int_equal(t.counters.contexts_lost, 1);
	expect_end("wayferry: it sends memory that was refused: too much is in use");
	assert_int_equal(send_as(&poll, 1, "more", 4, 0, NULL, NULL), 0);
	turn();
	assert_int_equal(poll.response, 0);
}

static void held_sends_end_with_the_compositor(void **state)
{
	struct test_request request;
	open_channel();
	fake_compositor->congested = true;
	attach(make_page(7));
	const uint32_t type = CROSS_DOMAIN_ID_VIRTGPU_BLOB, id = 7;
	assert_int_equal(send_as(&request, 0, "blob", 4, 1, &type, &id), -EINPROGRESS);
	fake_compositor->listener->closed(fake_compositor->data);
	turn();
	assert_int_equal(request.response, VIRTIO_GPU_RESP_OK_NODATA);
	while (fake_compositor) /* until the guest has been told of the end */
		next_event();
	detach(7);
	resource_forget(resource_find(&t.table, 7));
	assert_int_equal(t.table.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_needs_a_poll_and_a_poll_an_event),
		TEST(a_guest_is_told_the_hosts_time),
		TEST(what_does_not_fit_into_one_event_comes_in_several),
		TEST(the_compositors_end_is_told_once),
		TEST(a_missing_compositor_is_its_end),
		TEST(a_client_that_the_compositor_told_why_is_told_once),
		TEST(a_connection_over_the_machines_limit_is_told_so),
		TEST(a_connection_is_one_of_the_machines_fds),
		TEST(what_waits_for_a_guest_is_charged_to_its_machine),
		TEST(a_channel_that_finds_no_place_ends_at_once),
		TEST(each_poll_gets_its_event_on_the_page_that_it_names),
		TEST(who_has_failed_hears_of_it_on_the_page_that_it_named),
		TEST(stock_guests_may_say_anything_where_the_page_is),
		TEST(where_the_queue_is_short_one_poll_is_outstanding),
		TEST(nothing_is_kept_without_a_place),
		TEST(one_page_may_be_both_rings),
		TEST(without_a_channel_images_can_be_asked_about),
		TEST(a_full_stream_holds_the_compositor_back),
		TEST(a_ring_that_was_detached_is_written_no_more),
		TEST(a_ring_without_memory_costs_the_context),
		TEST(a_blob_in_send_outlives_the_guests_handle),
		TEST(who_sends_memory_that_was_refused_is_told),
		TEST(identifiers_that_a_guest_may_not_send_are_refused),
		TEST(several_read_pipes_of_any_unused_id_fit_into_a_send),
		TEST(a_congested_compositor_holds_back_who_waits),
		TEST(a_request_that_takes_long_is_gone_on_with_in_later_turns),
		TEST(a_client_that_was_ended_is_heard_no_more),
		TEST(who_has_failed_is_not_heard_and_gets_no_event),
		TEST(held_sends_end_with_the_compositor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
