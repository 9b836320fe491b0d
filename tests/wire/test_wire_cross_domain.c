/* protocol/formats/cross_domain.c: bytes as the existing guests write them, and what must be
 * refused. */
#include "protocol/formats/cross_domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

struct command { /* on the heap with nothing behind it, so that a sanitizer sees a read too far */
	uint8_t *bytes;
	size_t size;
};

static struct command make_command(uint8_t cmd, uint16_t cmd_size, size_t size)
{
	struct command command = {.bytes = calloc(1, size ? size : 1), .size = size};
	struct cross_domain_header header = {.cmd = cmd, .ring_idx = 0xff, .cmd_size = cmd_size};
	memcpy(command.bytes, &header, size < sizeof(header) ? size : sizeof(header));
	return command;
}

static int decode(struct command command)
{
	struct cross_domain_header header;
	size_t length = 0;
	int err = cross_domain_command_decode(command.bytes, command.size, &header, &length);
	if (err == 0)
		assert_int_equal(length, header.cmd_size);
	free(command.bytes);
	return err;
}

static void the_capset_is_two_layouts_in_one(void **state)
{
	const uint8_t golden[24] = {
		1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'W', 'F', 'R', 'Y', 11, 0, 0, 0};
	struct cross_domain_capset_ext capset = {
		.base = {.version = 1, .supported_channels = 1u << CROSS_DOMAIN_CHANNEL_WAYLAND},
		.magic = CROSS_DOMAIN_WAYFERRY_MAGIC,
		.features = CROSS_DOMAIN_EXT_READ_CREDIT | CROSS_DOMAIN_EXT_WANT_POLL |
			CROSS_DOMAIN_EXT_FETCH,
	};
	assert_memory_equal(&capset, golden, sizeof(golden));
}

static void all_four_sizes_of_init_are_understood(void **state)
{
	const uint8_t legacy[16] = {1, 0, 16, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0};
	const uint8_t sommelier[20] = {1, 0, 20, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0};
	const uint8_t muvm[24] = {
		1, 0, 24, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
	uint8_t rutabaga[36] = {1, 0, 36, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0xaa};
	const struct {
		const uint8_t *bytes;
		size_t size;
		uint32_t channel_ring;
	} cases[] = {
		{legacy, sizeof(legacy), 7},
		{sommelier, sizeof(sommelier), 8},
		{muvm, sizeof(muvm), 8},
		{rutabaga, sizeof(rutabaga), 8},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct cross_domain_header header;
		struct cross_domain_init init;
		size_t length;
		assert_int_equal(cross_domain_command_decode(
					 cases[i].bytes, cases[i].size, &header, &length),
			0);
		assert_int_equal(length, cases[i].size);
		assert_int_equal(header.cmd, CROSS_DOMAIN_CMD_INIT);
		assert_int_equal(cross_domain_init_decode(cases[i].bytes, length, &init), 0);
		assert_int_equal(init.query_ring, 7);
		assert_int_equal(init.channel_ring, cases[i].channel_ring);
		assert_int_equal(init.channel_type, CROSS_DOMAIN_CHANNEL_WAYLAND);
	}
}

static void init_of_any_other_size_is_refused(void **state)
{
	uint8_t bytes[64] = {0};
	struct cross_domain_init init;
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		bool good = length == 16 || length == 20 || length == 24 || length == 36;
		assert_int_equal(
			cross_domain_init_decode(bytes, length, &init), good ? 0 : -EINVAL);
	}
}

static void a_command_is_as_long_as_it_says_and_needs(void **state)
{
	const struct {
		uint8_t cmd;
		uint16_t least;
	} commands[] = {
		{CROSS_DOMAIN_CMD_INIT, 16},
		{CROSS_DOMAIN_CMD_GET_IMAGE_REQUIREMENTS, 24},
		{CROSS_DOMAIN_CMD_POLL, 16},
		{CROSS_DOMAIN_CMD_SEND, 352},
		{CROSS_DOMAIN_CMD_WRITE, 24},
		{CROSS_DOMAIN_CMD_CREDIT, 16},
		{CROSS_DOMAIN_CMD_FETCH, 16},
		{CROSS_DOMAIN_CMD_CLOCK, 16},
		{99, 8},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		uint8_t cmd = commands[i].cmd;
		uint16_t least = commands[i].least;
		assert_int_equal(decode(make_command(cmd, least, least)), 0);
		assert_int_equal(decode(make_command(cmd, least - 1, least)), -EINVAL);
		assert_int_equal(decode(make_command(cmd, 0, least)), -EINVAL);
		assert_int_equal(decode(make_command(cmd, least, least - 1u)), -EINVAL);
		assert_int_equal(decode(make_command(cmd, least + 4, least)), -EINVAL);
		assert_int_equal(decode(make_command(cmd, 0xffff, least)), -EINVAL);
	}
	for (size_t size = 0; size < 8; size++)
		assert_int_equal(decode(make_command(CROSS_DOMAIN_CMD_POLL, 8, size)), -EINVAL);
}

static struct command make_send(uint32_t n_identifiers, uint32_t data_size)
{
	struct command command = make_command(CROSS_DOMAIN_CMD_SEND, 352 + 8, 352 + 8);
	store_u32(command.bytes + 8, n_identifiers);
	store_u32(command.bytes + 12, data_size);
	return command;
}

static void the_counts_in_send_lie_within_it(void **state)
{
	assert_int_equal(decode(make_send(28, 8)), 0);
	assert_int_equal(decode(make_send(0, 0)), 0);
	assert_int_equal(decode(make_send(29, 8)), -EINVAL);
	assert_int_equal(decode(make_send(UINT32_MAX, 8)), -EINVAL);
	assert_int_equal(decode(make_send(0, 9)), -EINVAL);
	assert_int_equal(decode(make_send(0, UINT32_MAX)), -EINVAL);
}

static void the_data_of_write_lie_within_it(void **state)
{
	const uint32_t sizes[] = {0, 4, 5, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct command command = make_command(CROSS_DOMAIN_CMD_WRITE, 24 + 4, 24 + 4);
		store_u32(command.bytes + 16, sizes[i]);
		assert_int_equal(decode(command), sizes[i] <= 4 ? 0 : -EINVAL);
	}
}

static void send_and_write_lie_as_others_expect(void **state)
{
	assert_int_equal(offsetof(struct cross_domain_send_receive, num_identifiers), 8);
	assert_int_equal(offsetof(struct cross_domain_send_receive, opaque_data_size), 12);
	assert_int_equal(offsetof(struct cross_domain_send_receive, identifiers), 16);
	assert_int_equal(offsetof(struct cross_domain_send_receive, types), 128);
	assert_int_equal(offsetof(struct cross_domain_send_receive, sizes), 240);
	assert_int_equal(offsetof(struct cross_domain_read_write, identifier), 8);
	assert_int_equal(offsetof(struct cross_domain_read_write, hang_up), 12);
	assert_int_equal(offsetof(struct cross_domain_read_write, opaque_data_size), 16);
	assert_int_equal(CROSS_DOMAIN_RECEIVE_MAX_DATA, 3744);
	assert_int_equal(offsetof(struct cross_domain_image_requirements, modifier), 32);
	assert_int_equal(offsetof(struct cross_domain_image_requirements, size), 40);
	assert_int_equal(offsetof(struct cross_domain_image_requirements, blob_id), 48);
	assert_int_equal(offsetof(struct cross_domain_image_requirements, memory_idx), 56);
}

static void an_event_is_checked_against_its_page(void **state)
{
	static uint8_t page[CROSS_DOMAIN_RING_BYTES];
	struct cross_domain_send_receive receive;
	struct cross_domain_read_write read;
	const uint8_t *data;

	page[0] = CROSS_DOMAIN_CMD_RECEIVE;
	store_u32(page + 12, 3744);
	assert_int_equal(cross_domain_receive_decode(page, sizeof(page), &receive, &data), 0);
	assert_ptr_equal(data, page + 352);
	assert_int_equal(cross_domain_read_decode(page, sizeof(page), &read, &data), -EPROTO);
	assert_int_equal(cross_domain_receive_decode(page, 351, &receive, &data), -EPROTO);
	store_u32(page + 12, 3745);
	assert_int_equal(cross_domain_receive_decode(page, sizeof(page), &receive, &data), -EPROTO);
	store_u32(page + 12, 0);
	store_u32(page + 8, 29);
	assert_int_equal(cross_domain_receive_decode(page, sizeof(page), &receive, &data), -EPROTO);

	memset(page, 0, sizeof(page));
	page[0] = CROSS_DOMAIN_CMD_READ;
	store_u32(page + 16, 4072);
	assert_int_equal(cross_domain_read_decode(page, sizeof(page), &read, &data), 0);
	assert_ptr_equal(data, page + 24);
	assert_int_equal(cross_domain_receive_decode(page, sizeof(page), &receive, &data), -EPROTO);
	store_u32(page + 16, 4073);
	assert_int_equal(cross_domain_read_decode(page, sizeof(page), &read, &data), -EPROTO);
	assert_int_equal(cross_domain_read_decode(page, 23, &read, &data), -EPROTO);
}

static void a_poll_names_its_pages(void **state)
{
	const uint8_t golden[16] = {3, 1, 16, 0, 0, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0};
	const struct cross_domain_poll poll = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL, .ring_idx = 1, .cmd_size = 16},
		.page = 16,
		.n_pages = 2,
	};
	assert_memory_equal(&poll, golden, sizeof(golden));
	assert_int_equal(CROSS_DOMAIN_EXT_RUNS, 512);
}

static void a_write_may_name_its_data(void **state)
{
	const uint8_t golden[32] = {0x83, 0, 32, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0,
		0, 0, 2, 0, 0, 16, 0, 0, 0, 0, 0, 0};
	const struct cross_domain_write_from write = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE_FROM, .cmd_size = 32},
		.identifier = 2,
		.hang_up = 1,
		.resource_id = 7,
		.offset = 0x20000,
		.size = 4096,
	};
	struct cross_domain_header header;
	size_t length;
	assert_memory_equal(&write, golden, sizeof(golden));
	assert_int_equal(CROSS_DOMAIN_EXT_WRITE_FROM, 1024);
	assert_int_equal(cross_domain_command_decode(golden, 32, &header, &length), 0);
	assert_int_equal(length, 32);
	assert_int_equal(cross_domain_command_decode(golden, 31, &header, &length), -EINVAL);
	uint8_t small[32];
	memcpy(small, golden, sizeof(small));
	small[2] = 31;
	assert_int_equal(cross_domain_command_decode(small, 32, &header, &length), -EINVAL);
}

static void a_patient_guest_says_so_in_a_header(void **state)
{
	const uint8_t golden[8] = {0x85, 0, 8, 0, 0, 0, 0, 0};
	const struct cross_domain_header patient = {.cmd = CROSS_DOMAIN_CMD_PATIENT, .cmd_size = 8};
	struct cross_domain_header header;
	size_t length;
	assert_memory_equal(&patient, golden, sizeof(golden));
	assert_int_equal(CROSS_DOMAIN_EXT_PATIENT, 2048);
	assert_int_equal(CROSS_DOMAIN_EXT_ANY_LAYOUT, 4096);
	assert_int_equal(CROSS_DOMAIN_IMAGE_ANY_LAYOUT, 0x80000000);
	assert_int_equal(cross_domain_command_decode(golden, 8, &header, &length), 0);
	assert_int_equal(length, 8);
}

static void channels_listen_for_each_other_in_groups(void **state)
{
	const uint8_t golden[24] = {
		0x86, 0, 24, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0};
	const struct cross_domain_group group = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_GROUP, .cmd_size = 24},
		.key = 0x0102030405060708,
		.member = 9,
	};
	struct cross_domain_header header;
	size_t length;
	assert_memory_equal(&group, golden, sizeof(golden));
	assert_int_equal(CROSS_DOMAIN_EXT_BELL, 8192);
	assert_int_equal(cross_domain_command_decode(golden, 24, &header, &length), 0);
	assert_int_equal(length, 24);
	assert_int_equal(cross_domain_command_decode(golden, 23, &header, &length), -EINVAL);
}

static void a_bell_names_channels(void **state)
{
	uint8_t golden[24] = {
		0x87, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0};
	struct cross_domain_bell bell;
	const uint8_t *members;
	assert_int_equal(cross_domain_bell_decode(golden, 24, &bell, &members), 0);
	assert_int_equal(bell.n_members, 2);
	assert_ptr_equal(members, golden + 16);
	assert_int_equal(cross_domain_event_length(golden, 24), 24);
	assert_int_equal(cross_domain_bell_decode(golden, 23, &bell, &members), -EPROTO);
	assert_int_equal(cross_domain_bell_decode(golden, 15, &bell, &members), -EPROTO);
	assert_int_equal(cross_domain_event_length(golden, 23), 0);
	store_u32(golden + 8, 1);
	assert_int_equal(cross_domain_event_length(golden, 24), 24);
	assert_int_equal(cross_domain_event_length(golden, 20), 0);
	store_u32(golden + 8, UINT32_MAX);
	assert_int_equal(cross_domain_bell_decode(golden, 24, &bell, &members), -EPROTO);
	golden[0] = CROSS_DOMAIN_CMD_READ;
	store_u32(golden + 8, 1);
	assert_int_equal(cross_domain_bell_decode(golden, 24, &bell, &members), -EPROTO);
}

static void more_pages_are_a_resource(void **state)
{
	const uint8_t golden[16] = {0x88, 0, 16, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
	const struct cross_domain_pages pages = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_PAGES, .cmd_size = 16}, .resource_id = 5};
	struct cross_domain_header header;
	size_t length;
	assert_memory_equal(&pages, golden, sizeof(golden));
	assert_int_equal(CROSS_DOMAIN_EXT_PAGES, 16384);
	assert_int_equal(cross_domain_command_decode(golden, 16, &header, &length), 0);
	assert_int_equal(cross_domain_command_decode(golden, 15, &header, &length), -EINVAL);
}

static void a_run_is_its_events_each_padded(void **state)
{
	const uint8_t golden[16] = {0x82, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0};
	const struct cross_domain_run run = {.hdr.cmd = CROSS_DOMAIN_CMD_RUN, .bytes = 32};
	assert_memory_equal(&run, golden, sizeof(golden));
	struct command read = make_command(CROSS_DOMAIN_CMD_READ, 0, 32);
	for (uint32_t n = 0; n <= 8; n++) {
		store_u32(read.bytes + 16, n);
		assert_int_equal(cross_domain_event_length(read.bytes, 32), n ? 32 : 24);
		assert_int_equal(cross_domain_event_length(read.bytes, 31), n ? 0 : 24);
	}
	for (uint32_t n = 9; n < 17; n++) {
		store_u32(read.bytes + 16, n);
		assert_int_equal(cross_domain_event_length(read.bytes, 32), 0);
	}
	store_u32(read.bytes + 16, UINT32_MAX);
	assert_int_equal(cross_domain_event_length(read.bytes, 32), 0);
	assert_int_equal(cross_domain_event_length(read.bytes, 0), 0);
	read.bytes[0] = CROSS_DOMAIN_CMD_RUN;
	assert_int_equal(cross_domain_event_length(read.bytes, 32), 0);
	free(read.bytes);
	struct command receive = make_command(CROSS_DOMAIN_CMD_RECEIVE, 0, 360);
	assert_int_equal(cross_domain_event_length(receive.bytes, 360), 352);
	store_u32(receive.bytes + 12, 5);
	assert_int_equal(cross_domain_event_length(receive.bytes, 360), 360);
	assert_int_equal(cross_domain_event_length(receive.bytes, 359), 0);
	assert_int_equal(cross_domain_event_identifiers(receive.bytes, 360), 0);
	store_u32(receive.bytes + 8, 28);
	assert_int_equal(cross_domain_event_identifiers(receive.bytes, 360), 28);
	assert_int_equal(cross_domain_event_identifiers(receive.bytes, 356), 0);
	store_u32(receive.bytes + 8, 29);
	assert_int_equal(cross_domain_event_identifiers(receive.bytes, 360), 0);
	assert_int_equal(cross_domain_event_length(receive.bytes, 360), 0);
	receive.bytes[0] = CROSS_DOMAIN_CMD_READ;
	store_u32(receive.bytes + 8, 28);
	assert_int_equal(cross_domain_event_identifiers(receive.bytes, 360), 0);
	free(receive.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_capset_is_two_layouts_in_one),
		cmocka_unit_test(a_poll_names_its_pages),
		cmocka_unit_test(a_write_may_name_its_data),
		cmocka_unit_test(a_patient_guest_says_so_in_a_header),
		cmocka_unit_test(channels_listen_for_each_other_in_groups),
		cmocka_unit_test(a_bell_names_channels),
		cmocka_unit_test(more_pages_are_a_resource),
		cmocka_unit_test(a_run_is_its_events_each_padded),
		cmocka_unit_test(all_four_sizes_of_init_are_understood),
		cmocka_unit_test(init_of_any_other_size_is_refused),
		cmocka_unit_test(a_command_is_as_long_as_it_says_and_needs),
		cmocka_unit_test(the_counts_in_send_lie_within_it),
		cmocka_unit_test(the_data_of_write_lie_within_it),
		cmocka_unit_test(send_and_write_lie_as_others_expect),
		cmocka_unit_test(an_event_is_checked_against_its_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
