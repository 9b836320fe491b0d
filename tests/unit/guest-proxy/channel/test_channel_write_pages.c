/* guest-proxy/channel/write_pages.c: bytes for the host that are not copied into commands */
#include "tests/unit/channel_rig.h"

#define SLOTS 4
#define SLOT_BYTES ((size_t)256 << 10)

static uint8_t *space(void)
{
	size_t size;
	uint8_t *bytes = channel_write_space(user.channel, &size);
	assert_int_equal(size, SLOT_BYTES);
	return bytes;
}

static void write_it(const uint8_t *bytes, size_t size, bool hang_up)
{
	assert_int_equal(channel_write(user.channel, 9, bytes, size, hang_up), 0);
}

/* The next submission is a WRITE_FROM of @size bytes in slot @slot, and nothing more. */
static const struct submission *expect(unsigned slot, size_t size, bool hang_up)
{
	struct submission *s = next_submission();
	size_t at = 0;
	struct cross_domain_write_from write;
	memcpy(&write, next_command(s, &at, CROSS_DOMAIN_CMD_WRITE_FROM), sizeof(write));
	assert_int_equal(write.identifier, 9);
	assert_int_equal(write.resource_id, 3); /* the third one: behind the rings */
	assert_int_equal(write.offset, slot * SLOT_BYTES);
	assert_int_equal(write.size, size);
	assert_int_equal(write.hang_up, hang_up);
	assert_int_equal(at, s->size);
	return s;
}

static void done(unsigned n)
{
	device.listener->done(device.listener_data, n);
}

static void bytes_in_the_space_are_named(void **state)
{
	skip_start();
	assert_int_equal(device.blobs, 2);
	for (unsigned i = 0; i < SLOTS; i++) {
		uint8_t *bytes = space();
		assert_non_null(bytes);
		memset(bytes, 1, SLOT_BYTES);
		write_it(bytes, SLOT_BYTES, false);
		flush();
		/* Each is as much as deserves a fence, though the command is short. */
		assert_int_equal(expect(i, SLOT_BYTES, false)->fence, GPU_FENCE_DONE);
	}
	assert_int_equal(device.blobs, 3);
	assert_null(space()); /* all are under way */
	assert_false(channel_ready(user.channel));
	done(1);
	uint8_t *bytes = space();
	write_it(bytes, 70000, true);
	flush();
	expect(0, 70000, true);
	assert_null(space());
	done(4);
	assert_true(channel_ready(user.channel));
	assert_int_equal(channel_owed_bytes(user.channel), 0);
}

static void a_slot_is_free_no_sooner_than_its_fence_says(void **state)
{
	skip_start();
	/* Two of these are below what deserves a fence. */
	for (unsigned i = 0; i < 2; i++) {
		write_it(space(), 20000, false);
		flush();
		assert_int_not_equal(expect(i, 20000, false)->fence, GPU_FENCE_DONE);
	}
	write_it(space(), 30000, false);
	flush();
	assert_int_equal(expect(2, 30000, false)->fence, GPU_FENCE_DONE);
	write_it(space(), 20000, false);
	flush();
	assert_int_not_equal(expect(3, 20000, false)->fence, GPU_FENCE_DONE);
	assert_null(space());
	/* More would go in commands. */
	assert_false(channel_ready(user.channel));
	assert_int_equal(user.ready, 0);
	done(1);
	assert_int_equal(user.ready, 1);
	for (unsigned i = 0; i < 3; i++) {
		write_it(space(), 16384, false);
		flush();
		expect(i, 16384, false);
	}
	assert_null(space()); /* the last one's fence has not come yet */
}

/* What was in the batch goes out first: its fence says nothing about the slot. */
static void a_slot_behind_a_full_batch_waits_for_its_own_fence(void **state)
{
	static uint8_t bytes[3 * 32768];
	skip_start();
	uint8_t *slot = space();
	write_it(bytes, sizeof(bytes), false);
	write_it(bytes, 32696, false); /* 128 KiB with their headers */
	nothing_more();
	write_it(slot, SLOT_BYTES, false);
	assert_int_equal(next_submission()->fence, GPU_FENCE_DONE);
	flush();
	assert_int_equal(expect(0, SLOT_BYTES, false)->fence, GPU_FENCE_DONE);
	done(1);
	assert_ptr_not_equal(space(), slot);
	done(1);
	assert_ptr_equal(space(), slot);
}

static void few_bytes_are_copied(void **state)
{
	struct cross_domain_read_write write;
	skip_start();
	uint8_t *bytes = space();
	memcpy(bytes, "few", 3);
	write_it(bytes, 3, true);
	assert_ptr_equal(space(), bytes);
	flush();
	size_t at = 0;
	const struct submission *s = next_submission();
	const uint8_t *command = next_command(s, &at, CROSS_DOMAIN_CMD_WRITE);
	memcpy(&write, command, sizeof(write));
	assert_int_equal(write.opaque_data_size, 3);
	assert_memory_equal(command + sizeof(write), "few", 3);
}

static void a_host_that_knows_nothing_of_it_is_not_troubled(void **state)
{
	size_t size = 1;
	assert_null(channel_write_space(user.channel, &size));
	assert_int_equal(size, 0);
	assert_int_equal(device.blobs, 2);
	channel_write_idle(user.channel);
}

static void without_memory_bytes_are_copied(void **state)
{
	static uint8_t bytes[20000];
	skip_start();
	device.guest_error = -ENOMEM;
	assert_null(space());
	device.guest_error = 0;
	assert_null(space()); /* it is not asked for again and again */
	write_it(bytes, sizeof(bytes), false);
	flush();
	size_t at = 0;
	next_command(next_submission(), &at, CROSS_DOMAIN_CMD_WRITE);
}

static void memory_that_comes_later_is_waited_for_by_nobody(void **state)
{
	skip_start();
	device.guest_error = -EINPROGRESS;
	assert_null(space());
	assert_null(space());
	assert_int_equal(device.blobs, 3);
	device.listener->blob(device.listener_data, &device.last_blob->base, 0);
	assert_non_null(space());
	channel_write_idle(user.channel);
	assert_int_equal(device.blobs, 2);
	/* Or it never comes. */
	assert_null(space());
	device.listener->blob(device.listener_data, &device.last_blob->base, -ENOMEM);
	assert_int_equal(device.blobs, 2);
	assert_null(space());
	turn();
	assert_int_equal(user.closed, 0);
}

static void memory_goes_when_nothing_is_under_way(void **state)
{
	skip_start();
	write_it(space(), SLOT_BYTES, true);
	channel_write_idle(user.channel);
	assert_int_equal(device.blobs, 3);
	flush();
	assert_int_equal(device.blobs, 3);
	done(1);
	assert_int_equal(device.blobs, 2);
	/* Another transfer begins before the first one's bytes are through. */
	write_it(space(), SLOT_BYTES, true);
	flush();
	channel_write_idle(user.channel);
	assert_non_null(space());
	done(1);
	assert_int_equal(device.blobs, 3);
	channel_write_idle(user.channel);
	assert_int_equal(device.blobs, 2);
}

static void when_the_queue_is_full_the_slot_waits_too(void **state)
{
	skip_start();
	device.submit_error = -EAGAIN;
	write_it(space(), SLOT_BYTES, false);
	flush();
	nothing_more();
	assert_false(channel_ready(user.channel));
	device.submit_error = 0;
	done(0);
	expect(0, SLOT_BYTES, false);
	for (unsigned i = 1; i < SLOTS; i++) {
		write_it(space(), SLOT_BYTES, false);
		flush();
	}
	assert_null(space());
	done(1);
	assert_non_null(space());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WRITE_FROM(bytes_in_the_space_are_named),
		TEST_WRITE_FROM(a_slot_is_free_no_sooner_than_its_fence_says),
		TEST_WRITE_FROM(a_slot_behind_a_full_batch_waits_for_its_own_fence),
		TEST_WRITE_FROM(few_bytes_are_copied),
		TEST(a_host_that_knows_nothing_of_it_is_not_troubled),
		TEST_WRITE_FROM(without_memory_bytes_are_copied),
		TEST_WRITE_FROM(memory_that_comes_later_is_waited_for_by_nobody),
		TEST_WRITE_FROM(memory_goes_when_nothing_is_under_way),
		TEST_WRITE_FROM(when_the_queue_is_full_the_slot_waits_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
