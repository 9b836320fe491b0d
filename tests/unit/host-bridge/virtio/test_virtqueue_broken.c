/* host-bridge/virtio/virtqueue.c: rings that no driver makes */
#include "tests/unit/queue_world.h"

/* Broken rings: each spoils one thing, and offers. */
static void outside_memory(void)
{
	describe(0, GUEST + BYTES, 1, 0, 0);
}

static void reaching_out_of_memory(void)
{
	describe(0, GUEST + BYTES - 1, 2, 0, 0);
}

static void below_memory(void)
{
	describe(0, GUEST - 1, 2, WRITE, 0);
}

static void huge_length(void)
{
	describe(0, GUEST + BUFFERS, UINT32_MAX, 0, 0);
}

static void length_that_wraps(void)
{
	describe(0, UINT64_MAX - 3, 0x1000, 0, 0);
}

static void next_outside_the_ring(void)
{
	describe(0, GUEST + BUFFERS, 1, NEXT, SIZE);
}

static void head_outside_the_ring(void)
{
	ring_driver_offer(&t.ring, SIZE);
	t.ring.available->idx--;
	describe(0, GUEST + BUFFERS, 1, 0, 0);
	t.ring.available->ring[0] = SIZE;
}

static void loop(void)
{
	describe(0, GUEST + BUFFERS, 1, NEXT, 1);
	describe(1, GUEST + BUFFERS, 1, NEXT, 0);
}

static void loop_on_itself(void)
{
	describe(0, GUEST + BUFFERS, 0, NEXT, 0);
}

static void readable_after_writable(void)
{
	describe(0, GUEST + BUFFERS, 1, WRITE | NEXT, 1);
	describe(1, GUEST + BUFFERS, 1, 0, 0);
}

static void indirect_in_indirect(void)
{
	table()[0] = (struct vring_desc){GUEST + TABLE + 16, 16, INDIRECT, 0};
	table()[1] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, 32, INDIRECT, 0);
}

static void table_of_odd_size(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, 17, INDIRECT, 0);
}

static void table_of_no_size(void)
{
	describe(0, GUEST + TABLE, 0, INDIRECT, 0);
}

static void table_too_large(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, (VIRTQUEUE_MAX_SEGMENTS + 1) * 16, INDIRECT, 0);
}

static void table_outside_memory(void)
{
	describe(0, GUEST + BYTES - 16, 32, INDIRECT, 0);
}

static void table_that_wraps(void)
{
	describe(0, UINT64_MAX - 15, 32, INDIRECT, 0);
}

static void table_with_a_next(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, 16, INDIRECT | NEXT, 1);
	describe(1, GUEST + BUFFERS, 1, 0, 0);
}

static void next_outside_the_table(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, NEXT, 2};
	table()[2] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, 32, INDIRECT, 0);
}

static void loop_in_the_table(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, NEXT, 1};
	table()[1] = (struct vring_desc){GUEST + BUFFERS, 1, NEXT, 0};
	describe(0, GUEST + TABLE, 32, INDIRECT, 0);
}

static void index_that_jumps(void)
{
	describe(0, GUEST + BUFFERS, 1, 0, 0);
	t.ring.available->idx += SIZE;
}

static void index_that_goes_back(void)
{
	describe(0, GUEST + BUFFERS, 1, 0, 0);
	t.ring.available->idx -= 2;
}

static void indirect_that_was_not_negotiated(void)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 1, 0, 0};
	describe(0, GUEST + TABLE, 16, INDIRECT, 0);
	virtqueue_set_features(t.queue, true, false);
}

static void a_broken_ring_is_refused(void **state)
{
	void (*const cases[])(void) = {
		outside_memory,
		reaching_out_of_memory,
		below_memory,
		huge_length,
		length_that_wraps,
		next_outside_the_ring,
		head_outside_the_ring,
		loop,
		loop_on_itself,
		readable_after_writable,
		indirect_in_indirect,
		table_of_odd_size,
		table_of_no_size,
		table_too_large,
		table_outside_memory,
		table_that_wraps,
		table_with_a_next,
		next_outside_the_table,
		loop_in_the_table,
		index_that_jumps,
		index_that_goes_back,
		indirect_that_was_not_negotiated,
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		virtqueue_reset(t.queue);
		virtqueue_set_features(t.queue, true, true);
		set_queue(SIZE, 0);
		/* The same chain unspoilt is fine. */
		describe(0, GUEST + BUFFERS, 1, 0, 0);
		ring_driver_offer(&t.ring, 0);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);

		set_queue(SIZE, 0);
		ring_driver_offer(&t.ring, 0);
		cases[i]();
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), -EPROTO);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), -EPROTO);
	}
}

static void sizes_and_addresses_are_checked(void **state)
{
	const uint32_t sizes[] = {0, 3, 7, 1000, 2048, UINT32_MAX, 0x80000000};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
		assert_int_equal(virtqueue_set_size(t.queue, sizes[i]), -EINVAL);
	assert_int_equal(virtqueue_set_addresses(t.queue, USER + 8, USER, USER), -EINVAL);
	assert_int_equal(virtqueue_set_addresses(t.queue, USER, USER + 1, USER), -EINVAL);
	assert_int_equal(virtqueue_set_addresses(t.queue, USER, USER, USER + 2), -EINVAL);
	assert_true(virtqueue_usable(t.queue));

	const uint64_t bad[] = {0, GUEST, USER + BYTES, USER + BYTES - 16, UINT64_MAX - 15};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		for (int which = 0; which < 3; which++) {
			virtqueue_set_addresses(t.queue, which == 0 ? bad[i] : USER,
				which == 1 ? bad[i] : USER, which == 2 ? bad[i] : USER);
			assert_false(virtqueue_usable(t.queue));
			assert_int_equal(virtqueue_pop(t.queue, &t.chain), -EPROTO);
			virtqueue_push(t.queue, 0, 0);
			virtqueue_notify(t.queue);
			assert_false(virtqueue_enable_kicks(t.queue));
		}
	}
	assert_int_equal(interrupts(), 0);
	virtqueue_reset(t.queue);
	assert_false(virtqueue_usable(t.queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_broken_ring_is_refused),
		TEST(sizes_and_addresses_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
