/* guest-proxy/channel/channel.c and command_batch.c */
#include "protocol/base/monotonic.h"
#include "tests/unit/channel_rig.h"

/* Start */

static void a_channel_starts_with_its_rings_its_window_and_a_poll(void **state)
{
	size_t at = 0;
	struct submission *s = next_submission();
	struct cross_domain_init init;
	memcpy(&init, next_command(s, &at, CROSS_DOMAIN_CMD_INIT), sizeof(init));
	assert_int_equal(init.hdr.cmd_size, 20);
	assert_int_equal(init.query_ring, 1);
	assert_int_equal(init.channel_ring, 2);
	assert_int_equal(init.channel_type, CROSS_DOMAIN_CHANNEL_WAYLAND);
	assert_int_equal(s->fence, GPU_FENCE_NONE);

	s = next_submission();
	at = 0;
	struct cross_domain_credit credit;
	memcpy(&credit, next_command(s, &at, CROSS_DOMAIN_CMD_CREDIT), sizeof(credit));
	assert_int_equal(credit.identifier, 0);
	assert_int_equal(credit.bytes, 512 << 10);
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_int_equal(s->fence, GPU_FENCE_EVENT);
	assert_int_equal(at, s->size);
	nothing_more();
}

static void other_hosts_get_nothing_of_ours(void **state)
{
	size_t at = 0;
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_INIT);
	struct submission *s = next_submission();
	at = 0;
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	assert_false(s->lazy);
	nothing_more();
	/* And no credit for what is read. */
	uint32_t id = channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {.kind = WIRE_READ_PIPE, .fd = -1, .id = id};
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), 0);
	flush();
	skip_start();
	read_event(id, 3000, false);
	channel_read_done(user.channel, id, 200000);
	at = 0;
	s = next_submission();
	next_command(s, &at, CROSS_DOMAIN_CMD_POLL);
	nothing_more();
}

static void a_device_without_wayland_channels_is_refused(void **state)
{
	channel_destroy(user.channel);
	device.capset.base.supported_channels = 0;
	open_channel();
	assert_null(user.channel);
	device.capset.base.supported_channels = UINT32_MAX;
	device.capset_bytes = 8;
	open_channel();
	assert_null(user.channel);
	device.capset_bytes = sizeof(device.capset);
	device.submit_error = -EPIPE;
	open_channel();
	assert_null(user.channel);
}

/* Out */

static void what_is_said_in_one_turn_goes_as_one_send(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	say("abcd", 4);
	say("ef", 2);
	say("ghijkl", 6);
	nothing_more();
	assert_int_equal(flush(), 0);
	struct submission *s = next_submission();
	struct cross_domain_send_receive send = send_at(s, &at, &data);
	assert_int_equal(at, s->size);
	assert_int_equal(send.opaque_data_size, 12);
	assert_memory_equal(data, "abcdefghijkl", 12);
	nothing_more();
	flush(); /* and nothing for nothing */
	nothing_more();
}

static void bytes_beyond_one_command_go_on_in_the_next(void **state)
{
	static uint8_t bytes[200000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	skip_start();
	assert_int_equal(say(bytes, sizeof(bytes)), 0);
	flush();
	size_t got = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		assert_true(s->size <= 256 << 10);
		for (size_t at = 0; at < s->size;) {
			const uint8_t *data;
			struct cross_domain_send_receive send = send_at(s, &at, &data);
			assert_int_equal(at % 8, 0);
			assert_memory_equal(data, bytes + got, send.opaque_data_size);
			got += send.opaque_data_size;
		}
	}
	assert_int_equal(got, sizeof(bytes));
}

static void each_read_pipe_has_a_send_with_bytes_of_its_own(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	uint32_t first = channel_new_read_pipe(user.channel),
		 second = channel_new_read_pipe(user.channel);
	assert_int_equal(first, CROSS_DOMAIN_FIRST_READ_PIPE);
	assert_int_equal(second, CROSS_DOMAIN_FIRST_READ_PIPE + 1);
	struct wire_handle pipes[] = {{.kind = WIRE_READ_PIPE, .fd = -1, .id = first},
		{.kind = WIRE_READ_PIPE, .fd = -1, .id = second}};
	skip_start();
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"messages", 8, pipes, 2), 0);
	flush();
	struct submission *s = next_submission();
	struct cross_domain_send_receive send = send_at(s, &at, &data);
	assert_int_equal(send.num_identifiers, 1);
	assert_int_equal(send.identifiers[0], first);
	assert_int_equal(send.types[0], CROSS_DOMAIN_ID_READ_PIPE);
	assert_int_equal(send.opaque_data_size, 1);
	assert_int_equal(data[0], 'm');
	send = send_at(s, &at, &data);
	assert_int_equal(send.identifiers[0], second);
	assert_memory_equal(data, "essages", 7);
	assert_int_equal(at, s->size);
}

static void read_pipes_out_of_turn_are_refused(void **state)
{
	channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {
		.kind = WIRE_READ_PIPE, .fd = -1, .id = channel_new_read_pipe(user.channel)};
	user.in_call = true;
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), -EPIPE);
	user.in_call = false;
	assert_int_equal(user.closed, 0);
	turn();
	assert_int_equal(user.closed, 1);
	assert_non_null(user.why);
}

static void a_blob_lives_until_its_send_is_with_the_device(void **state)
{
	struct channel_blob *blob;
	const uint8_t *data;
	size_t at = 0;
	assert_int_equal(make_blob(100, &blob), 0);
	struct wire_handle handle = channel_blob_handle(blob);
	skip_start();
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"pool", 4, &handle, 1), 0);
	channel_blob_unref(blob);
	assert_int_equal(device.host_blobs, 1);
	flush();
	assert_int_equal(device.host_blobs, 0);
	struct cross_domain_send_receive send = send_at(next_submission(), &at, &data);
	assert_int_equal(send.num_identifiers, 1);
	assert_int_equal(send.types[0], CROSS_DOMAIN_ID_VIRTGPU_BLOB);
	assert_int_equal(send.identifiers[0], 3);
}

static void a_hundred_handles_are_spread_over_sends_before_their_bytes(void **state)
{
	struct channel_blob *blob;
	struct wire_handle handles[100];
	assert_int_equal(make_blob(100, &blob), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(handles); i++)
		handles[i] = channel_blob_handle(blob);
	skip_start();
	assert_int_equal(
		channel_send(user.channel, (const uint8_t *)"12345678", 8, handles, 100), 0);
	channel_blob_unref(blob);
	flush();
	size_t n_handles = 0, n_bytes = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		for (size_t at = 0; at < s->size;) {
			const uint8_t *data;
			struct cross_domain_send_receive send = send_at(s, &at, &data);
			n_handles += send.num_identifiers;
			n_bytes += send.opaque_data_size;
			if (n_bytes == 8)
				assert_int_equal(n_handles, 100);
		}
	}
	assert_int_equal(n_bytes, 8);
	assert_int_equal(device.host_blobs, 0);
}

static void writes_are_cut_and_only_the_last_one_hangs_up(void **state)
{
	static uint8_t bytes[150001];
	skip_start();
	assert_int_equal(channel_write(user.channel, 9, bytes, sizeof(bytes), true), 0);
	flush();
	size_t got = 0;
	while (device.seen < device.n_submissions) {
		struct submission *s = next_submission();
		for (size_t at = 0; at < s->size;) {
			struct cross_domain_read_write write;
			memcpy(&write, next_command(s, &at, CROSS_DOMAIN_CMD_WRITE), sizeof(write));
			assert_int_equal(write.identifier, 9);
			got += write.opaque_data_size;
			assert_int_equal(write.hang_up, got == sizeof(bytes));
		}
	}
	assert_int_equal(got, sizeof(bytes));
}

static void too_much_under_way_is_said_and_so_is_relief(void **state)
{
	static uint8_t bytes[16000];
	unsigned n = 0, fences = 0;
	skip_start();
	for (; n < 100 && channel_ready(user.channel); n++) {
		say(bytes, sizeof(bytes));
		flush();
		fences += next_submission()->fence == GPU_FENCE_DONE;
	}
	assert_in_range(n, 31, 34); /* 512 KiB */
	assert_in_range(fences, 6, 8);
	device.listener->done(device.listener_data, 1);
	assert_false(channel_ready(user.channel));
	assert_int_equal(user.ready, 0);
	device.listener->done(device.listener_data, fences - 1);
	assert_true(channel_ready(user.channel));
	assert_int_equal(user.ready, 1);
}

static void who_does_not_listen_is_lost_before_memory_is(void **state)
{
	static uint8_t bytes[64000];
	int error = 0;
	unsigned n = 0;
	while (error == 0 && n++ < 1000) {
		error = say(bytes, sizeof(bytes));
		if (error == 0)
			error = flush();
	}
	assert_int_equal(error, -EPIPE);
	assert_in_range(n, 60, 70); /* 4 MiB */
	turn();
	assert_int_equal(user.closed, 1);
}

static void when_the_queue_is_full_things_wait_in_order(void **state)
{
	const uint8_t *data;
	size_t at = 0;
	skip_start();
	device.submit_error = -EAGAIN;
	say("1234", 4);
	assert_int_equal(flush(), 0);
	assert_false(channel_ready(user.channel));
	say("5678", 4);
	assert_int_equal(flush(), 0);
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	assert_true(channel_ready(user.channel));
	assert_int_equal(user.ready, 1);
	struct cross_domain_send_receive send = send_at(next_submission(), &at, &data);
	assert_int_equal(send.opaque_data_size, 8);
	assert_memory_equal(data, "12345678", 8);
	nothing_more();
}

/* In */

static void identifiers_become_handles(void **state)
{
	const uint32_t ids[] = {12, 13};
	const uint32_t types[] = {CROSS_DOMAIN_ID_VIRTGPU_BLOB, CROSS_DOMAIN_ID_WRITE_PIPE};
	receive_event("keymap and pipe", 2, ids, types);
	assert_int_equal(user.n_handles, 2);
	assert_int_equal(user.handles[0].kind, WIRE_BLOB);
	struct channel_blob *blob = user.handles[0].blob;
	assert_int_equal(blob->size, 5000);
	assert_int_equal(container_of(blob->gpu, struct fake_blob, base)->blob_id, 12);
	assert_int_equal(user.handles[1].kind, WIRE_WRITE_PIPE);
	assert_int_equal(user.handles[1].id, 13);
	assert_int_equal(user.handles[1].fd, -1);
}

static void an_empty_event_is_the_end(void **state)
{
	receive_event("", 0, NULL, NULL);
	turn();
	assert_int_equal(user.closed, 1);
	assert_null(user.why);
	device.listener->lost(device.listener_data, "and the device");
	turn();
	assert_int_equal(user.closed, 1);
	assert_int_equal(say("1234", 4), -EPIPE);
	assert_int_equal(flush(), -EPIPE);
}

static void loss_of_the_device_is_told_with_the_reason(void **state)
{
	device.submit_error = -EPIPE;
	say("1234", 4);
	assert_int_equal(flush(), -EPIPE);
	assert_int_equal(user.closed, 0);
	device.listener->lost(device.listener_data, "gone");
	assert_int_equal(user.closed, 1);
	turn();
	assert_int_equal(user.closed, 1);
}

static void closes_over(const void *page, size_t size)
{
	event(page, size);
	turn();
	assert_int_equal(user.closed, 1);
	assert_non_null(user.why);
	assert_int_equal(user.receives + user.pipe_events, 0);
	channel_destroy(user.channel);
	device.last_resource = 0;
	user.closed = 0;
	open_channel();
}

static void events_that_make_no_sense_end_the_channel(void **state)
{
	static uint8_t page[CROSS_DOMAIN_RING_BYTES];
	struct cross_domain_send_receive receive = {.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	struct cross_domain_read_write read = {.hdr.cmd = CROSS_DOMAIN_CMD_READ};

	closes_over(page, sizeof(page)); /* nothing was written */
	page[0] = CROSS_DOMAIN_CMD_SEND;
	closes_over(page, sizeof(page));
	receive.opaque_data_size = CROSS_DOMAIN_RECEIVE_MAX_DATA + 1;
	closes_over(&receive, sizeof(receive));
	receive.opaque_data_size = UINT32_MAX;
	closes_over(&receive, sizeof(receive));
	receive.opaque_data_size = 4;
	receive.num_identifiers = CROSS_DOMAIN_MAX_IDENTIFIERS + 1;
	closes_over(&receive, sizeof(receive));
	receive.num_identifiers = 1;
	receive.types[0] = CROSS_DOMAIN_ID_VIRTGPU_SYNC;
	closes_over(&receive, sizeof(receive));
	read.opaque_data_size = CROSS_DOMAIN_READ_MAX_DATA + 1;
	closes_over(&read, sizeof(read));
	device.host_error = -EIO; /* a blob that cannot be had, behind a pipe */
	receive.num_identifiers = 2;
	receive.types[0] = CROSS_DOMAIN_ID_WRITE_PIPE;
	receive.types[1] = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	closes_over(&receive, sizeof(receive));
}

static void a_fence_without_a_new_event_is_not_the_last_one_again(void **state)
{
	receive_event("hello", 0, NULL, NULL);
	device.listener->event(device.listener_data);
	assert_int_equal(user.receives, 1);
	turn();
	assert_int_equal(user.closed, 1);
}

static void the_channel_may_be_destroyed_in_any_callback(void **state)
{
	user.destroy_in_callback = true;
	receive_event("hello", 0, NULL, NULL);
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	read_event(1, 10, false);
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	receive_event("", 0, NULL, NULL);
	turn();
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	device.listener->lost(device.listener_data, "gone");
	assert_null(user.channel);
	device.last_resource = 0;
	open_channel();
	device.submit_error = -EAGAIN;
	say("1234", 4);
	flush();
	device.submit_error = 0;
	device.listener->done(device.listener_data, 0);
	assert_null(user.channel);
}

static void a_channel_that_is_destroyed_before_it_could_tell_tells_nothing(void **state)
{
	const struct cross_domain_send_receive end = {.hdr.cmd = CROSS_DOMAIN_CMD_RECEIVE};
	memcpy(device.channel_ring->base.map, &end, sizeof(end));
	device.listener->event(device.listener_data);
	channel_destroy(user.channel);
	user.channel = NULL;
	turn();
	assert_int_equal(user.closed, 0);
}

/* Pipes */

static void credit_is_given_for_every_128_kib_until_the_pipe_ends(void **state)
{
	uint32_t id = channel_new_read_pipe(user.channel);
	struct wire_handle pipe = {.kind = WIRE_READ_PIPE, .fd = -1, .id = id};
	struct cross_domain_credit credit;
	size_t at = 0;
	assert_int_equal(channel_send(user.channel, (const uint8_t *)"1234", 4, &pipe, 1), 0);
	flush();
	skip_start();
	channel_read_done(user.channel, id, 131071);
	nothing_more();
	channel_read_done(user.channel, id, 1001);
	memcpy(&credit, next_command(next_submission(), &at, CROSS_DOMAIN_CMD_CREDIT),
		sizeof(credit));
	assert_int_equal(credit.identifier, id);
	assert_int_equal(credit.bytes, 132072);
	channel_read_done(user.channel, id + 1, 1 << 20); /* no such pipe */
	read_event(id, 0, true);
	assert_true(user.hang_up);
	skip_start();
	channel_read_done(user.channel, id, 1 << 20);
	nothing_more();
}

static void the_host_is_asked_for_its_time_once_at_a_time(void **state)
{
	struct channel_blob *blob;
	uint64_t before = monotonic_ns();
	device.time.ns = 123456789;
	assert_true(channel_ask_clock(user.channel, 4));
	assert_false(channel_ask_clock(user.channel, 1));
	/* Answers come in the order of the questions, which may be about memory. */
	assert_int_equal(channel_blob_create(user.channel, 4096, &blob), 0);
	assert_int_equal(user.times, 0);
	answer_all();
	assert_int_equal(user.times, 1);
	assert_int_equal(user.host_ns, 123456789);
	assert_in_range(user.asked_ns, before, monotonic_ns());
	assert_int_equal(blob->status, 0);
	channel_blob_unref(blob);
	device.time.ns = 0; /* there is no such clock */
	assert_true(channel_ask_clock(user.channel, 99));
	answer_all();
	assert_int_equal(user.times, 1);
	device.submit_error = -EAGAIN;
	assert_false(channel_ask_clock(user.channel, 1));
	device.submit_error = 0;
	assert_true(
		channel_ask_clock(user.channel, 1)); /* and the channel ends before the answer */
}

static void other_hosts_are_not_asked_for_their_time(void **state)
{
	assert_false(channel_ask_clock(user.channel, 1));
	assert_int_equal(device.n_answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_channel_starts_with_its_rings_its_window_and_a_poll),
		TEST_PLAIN(other_hosts_get_nothing_of_ours),
		TEST(a_device_without_wayland_channels_is_refused),
		TEST(what_is_said_in_one_turn_goes_as_one_send),
		TEST(bytes_beyond_one_command_go_on_in_the_next),
		TEST(each_read_pipe_has_a_send_with_bytes_of_its_own),
		TEST(read_pipes_out_of_turn_are_refused),
		TEST(a_blob_lives_until_its_send_is_with_the_device),
		TEST(a_hundred_handles_are_spread_over_sends_before_their_bytes),
		TEST(writes_are_cut_and_only_the_last_one_hangs_up),
		TEST(too_much_under_way_is_said_and_so_is_relief),
		TEST(who_does_not_listen_is_lost_before_memory_is),
		TEST(when_the_queue_is_full_things_wait_in_order),
		TEST(identifiers_become_handles),
		TEST(an_empty_event_is_the_end),
		TEST(loss_of_the_device_is_told_with_the_reason),
		TEST(events_that_make_no_sense_end_the_channel),
		TEST(a_fence_without_a_new_event_is_not_the_last_one_again),
		TEST(the_channel_may_be_destroyed_in_any_callback),
		TEST(a_channel_that_is_destroyed_before_it_could_tell_tells_nothing),
		TEST(credit_is_given_for_every_128_kib_until_the_pipe_ends),
		TEST(the_host_is_asked_for_its_time_once_at_a_time),
		TEST_PLAIN(other_hosts_are_not_asked_for_their_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
