/* host-bridge/cross_domain/streams/guest_stream.c */
#include "host-bridge/cross_domain/streams/guest_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

static struct guest_stream stream;
static struct cross_domain_send_receive event;
static uint8_t data[CROSS_DOMAIN_RECEIVE_MAX_DATA];

static int set_up(void **state)
{
	guest_stream_init(&stream);
	return 0;
}

static int tear_down(void **state)
{
	guest_stream_finish(&stream);
	return 0;
}

static void add(const void *bytes, size_t size, uint32_t type, uint32_t first_id, size_t n)
{
	struct guest_stream_identifier identifiers[64] = {0};
	for (size_t i = 0; i < n; i++)
		identifiers[i] = (struct guest_stream_identifier){
			.id = first_id + (uint32_t)i, .type = type};
	assert_int_equal(guest_stream_add(&stream, bytes, size, identifiers, n), 0);
}

static void bytes_come_out_as_they_went_in_whatever_the_cuts(void **state)
{
	uint32_t put = 0, got = 0;
	srandom(1);
	for (int step = 0; step < 2000; step++) {
		uint32_t words[1024];
		size_t n = (size_t)random() % 1024;
		for (size_t i = 0; i < n; i++)
			words[i] = put++;
		add(words, n * 4, 0, 0, 0);
		while (guest_stream_bytes(&stream) > 100000) {
			size_t size = guest_stream_take(
				&stream, &event, data, CROSS_DOMAIN_RECEIVE_MAX_DATA);
			assert_int_equal(size, 3744);
			assert_int_equal(event.opaque_data_size, size);
			for (size_t i = 0; i < size; i += 4)
				assert_int_equal(load_u32(data + i), got++);
		}
	}
	while (!guest_stream_empty(&stream)) {
		size_t size =
			guest_stream_take(&stream, &event, data, CROSS_DOMAIN_RECEIVE_MAX_DATA);
		for (size_t i = 0; i < size; i += 4)
			assert_int_equal(load_u32(data + i), got++);
	}
	assert_int_equal(put, got);
}

/* The next event has so many bytes and identifiers. */
static void expect_event(size_t bytes, unsigned identifiers)
{
	assert_int_equal(
		guest_stream_take(&stream, &event, data, CROSS_DOMAIN_RECEIVE_MAX_DATA), bytes);
	assert_int_equal(event.num_identifiers, identifiers);
}

static void an_identifier_comes_with_the_first_byte_of_its_message(void **state)
{
	static uint8_t bytes[3744];
	add(bytes, 3740, 0, 0, 0);
	add(bytes, 12, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 5, 1); /* four bytes of it still fit */
	add(bytes, 12, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 6, 1);

	expect_event(3744, 1);
	assert_int_equal(event.identifiers[0], 5);
	assert_int_equal(event.types[0], CROSS_DOMAIN_ID_VIRTGPU_BLOB);
	expect_event(20, 1);
	assert_int_equal(event.identifiers[0], 6);
}

static void an_identifier_just_behind_the_cut_waits(void **state)
{
	static uint8_t bytes[3744];
	add(bytes, 3744, 0, 0, 0);
	add(bytes, 8, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 5, 1);
	expect_event(3744, 0);
	expect_event(8, 1);
}

static void two_write_pipes_never_share_an_event(void **state)
{
	const uint8_t bytes[16] = {0};
	add(bytes, 16, CROSS_DOMAIN_ID_WRITE_PIPE, 5, 1);
	add(bytes, 12, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 6, 1);
	add(bytes, 8, CROSS_DOMAIN_ID_WRITE_PIPE, 7, 2);
	expect_event(28, 2);
	/* Two of one message: the first comes ahead of its bytes. */
	expect_event(0, 1);
	assert_int_equal(event.identifiers[0], 7);
	expect_event(8, 1);
	assert_int_equal(event.identifiers[0], 8);
	assert_true(guest_stream_empty(&stream));
}

static void no_more_than_28_identifiers_share_an_event(void **state)
{
	const uint8_t bytes[16] = {0};
	add(bytes, 16, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 1, 20);
	add(bytes, 16, CROSS_DOMAIN_ID_VIRTGPU_BLOB, 21, 20);
	expect_event(16, 28);
	expect_event(16, 12);
	assert_int_equal(event.identifiers[0], 29);
	assert_true(guest_stream_empty(&stream));
}

static void more_than_its_bound_is_refused_and_nothing_queued(void **state)
{
	static uint8_t bytes[65536];
	struct guest_stream_identifier identifier = {.id = 1};
	for (int i = 0; i < 16; i++)
		add(bytes, sizeof(bytes), 0, 0, 0);
	assert_int_equal(guest_stream_add(&stream, bytes, 1, &identifier, 1), -ENOBUFS);
	assert_int_equal(guest_stream_bytes(&stream), GUEST_STREAM_MAX_BYTES);
	guest_stream_take(&stream, &event, data, CROSS_DOMAIN_RECEIVE_MAX_DATA);
	assert_int_equal(event.num_identifiers, 0);
	assert_int_equal(guest_stream_add(&stream, bytes, 3744, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			bytes_come_out_as_they_went_in_whatever_the_cuts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_identifier_comes_with_the_first_byte_of_its_message, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_identifier_just_behind_the_cut_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			two_write_pipes_never_share_an_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			no_more_than_28_identifiers_share_an_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			more_than_its_bound_is_refused_and_nothing_queued, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
