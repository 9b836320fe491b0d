/* host-bridge/virtio/virtqueue.c */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "protocol/base/log.h"
#include "tests/unit/queue_world.h"

/* Offers @n chains of one readable descriptor each, and pops and pushes all. */
static void run_chains(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t head = (uint16_t)(i % t.ring.size);
		describe(head, GUEST + BUFFERS, 16, 0, 0);
		ring_driver_offer(&t.ring, head);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
		assert_int_equal(t.chain.head, head);
		virtqueue_push(t.queue, head, 0);
	}
}

static void a_chain_is_read_answered_and_used(void **state)
{
	memcpy(t.bytes + BUFFERS, "hello ", 6);
	memcpy(t.bytes + BUFFERS + 0x100, "world", 5);
	describe(3, GUEST + BUFFERS, 6, NEXT, 1);
	describe(1, GUEST + BUFFERS + 0x100, 5, NEXT, 7);
	describe(7, GUEST + BUFFERS + 0x200, 4, WRITE | NEXT, 0);
	describe(0, GUEST + BUFFERS + 0x300, 100, WRITE, 0);
	ring_driver_offer(&t.ring, 3);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_int_equal(t.chain.head, 3);
	assert_int_equal(t.chain.n_out, 2);
	assert_int_equal(t.chain.n_in, 2);
	assert_int_equal(t.chain.out_bytes, 11);
	assert_int_equal(t.chain.in_bytes, 104);

	char text[32] = "";
	assert_int_equal(virtqueue_read(t.queue, &t.chain, 0, text, sizeof(text)), 11);
	assert_string_equal(text, "hello world");
	assert_int_equal(virtqueue_read(t.queue, &t.chain, 7, text, 3), 3);
	assert_memory_equal(text, "orl", 3);
	assert_int_equal(virtqueue_read(t.queue, &t.chain, 11, text, 1), 0);
	assert_int_equal(virtqueue_read(t.queue, &t.chain, UINT64_MAX, text, 1), 0);

	const struct virtqueue_segment *in = t.chain.segments + t.chain.n_out;
	assert_int_equal(virtqueue_write(t.queue, in, 2, 2, "abcdef", 6), 6);
	assert_memory_equal(t.bytes + BUFFERS + 0x202, "ab", 2);
	assert_memory_equal(t.bytes + BUFFERS + 0x300, "cdef", 4);
	assert_int_equal(virtqueue_write(t.queue, in, 2, 102, "abcdef", 6), 2);

	assert_null(ring_driver_take(&t.ring));
	virtqueue_push(t.queue, t.chain.head, 8);
	const struct vring_used_elem *used = ring_driver_take(&t.ring);
	assert_non_null(used);
	assert_int_equal(used->id, 3);
	assert_int_equal(used->len, 8);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 0);
}

static void an_indirect_table_is_one_descriptor_of_the_ring(void **state)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 24, NEXT, 2};
	table()[2] = (struct vring_desc){GUEST + BUFFERS + 0x100, 24, WRITE, 0};
	/* WRITE means nothing on the table's own descriptor; the table need not be aligned. */
	memcpy(t.bytes + TABLE + 0x1001, table(), 3 * sizeof(struct vring_desc));
	describe(0, GUEST + TABLE, 3 * 16, INDIRECT | WRITE, 0);
	describe(1, GUEST + TABLE + 0x1001, 3 * 16, INDIRECT, 0);
	for (uint16_t head = 0; head < 2; head++) {
		ring_driver_offer(&t.ring, head);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
		assert_int_equal(t.chain.n_out, 1);
		assert_int_equal(t.chain.n_in, 1);
		assert_int_equal(t.chain.out_bytes, 24);
	}
}

static void a_table_may_end_a_chain_of_direct_descriptors(void **state)
{
	table()[0] = (struct vring_desc){GUEST + BUFFERS, 5, WRITE, 0};
	describe(0, GUEST + BUFFERS, 7, NEXT, 1);
	describe(1, GUEST + TABLE, 16, INDIRECT, 0);
	ring_driver_offer(&t.ring, 0);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_int_equal(t.chain.out_bytes, 7);
	assert_int_equal(t.chain.in_bytes, 5);
}

static void the_largest_chain_fits(void **state)
{
	for (uint16_t i = 0; i < VIRTQUEUE_MAX_SEGMENTS; i++)
		table()[i] = (struct vring_desc){GUEST + BUFFERS, 1, NEXT, (uint16_t)(i + 1)};
	table()[VIRTQUEUE_MAX_SEGMENTS - 1].flags = 0;
	describe(0, GUEST + TABLE, VIRTQUEUE_MAX_SEGMENTS * 16, INDIRECT, 0);
	ring_driver_offer(&t.ring, 0);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_int_equal(t.chain.n_out, VIRTQUEUE_MAX_SEGMENTS);
	/* One more in front of the table is too many. */
	describe(1, GUEST + BUFFERS, 1, NEXT, 0);
	ring_driver_offer(&t.ring, 1);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), -EPROTO);
}

static void segments_of_no_length_are_left_out(void **state)
{
	describe(0, GUEST + BUFFERS, 0, NEXT, 1);
	describe(1, GUEST + BUFFERS, 8, NEXT, 2);
	describe(2, 0xdead0000, 0, WRITE, 0);
	ring_driver_offer(&t.ring, 0);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_int_equal(t.chain.n_out, 1);
	assert_int_equal(t.chain.n_in, 0);
	describe(3, 0, 0, 0, 0);
	ring_driver_offer(&t.ring, 3);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_int_equal(t.chain.n_out + t.chain.n_in, 0);
}

static void rings_at_the_very_end_of_memory_are_usable(void **state)
{
	uint64_t used_bytes = 4 + SIZE * 8 + 2;
	uint64_t used = (BYTES - used_bytes) & ~UINT64_C(3);
	virtqueue_set_addresses(t.queue, USER, USER, USER + used);
	assert_true(virtqueue_usable(t.queue));
	virtqueue_set_addresses(t.queue, USER, USER, USER + used + 4);
	assert_false(virtqueue_usable(t.queue));
}

static void rings_are_found_again_after_the_table_changed(void **state)
{
	run_chains(3);
	set_memory();
	run_chains(3);
	assert_int_equal(t.ring.used->idx, 6);
	guest_memory_clear(t.memory);
	assert_false(virtqueue_usable(t.queue));
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), -EPROTO);
	virtqueue_push(t.queue, 0, 0);
	set_memory();
	run_chains(1);
	assert_int_equal(t.ring.used->idx, 7);
}

static void indices_wrap_around_at_65535(void **state)
{
	const uint16_t sizes[] = {1, SIZE, VIRTQUEUE_MAX_SIZE};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		set_queue(sizes[i], 65530);
		*ring_driver_used_event(&t.ring) = 2;
		for (int n = 0; n < 20; n++) {
			run_chains(1);
			assert_int_equal(ring_driver_take(&t.ring)->id, 0);
			virtqueue_notify(t.queue);
			/* First of all, and when used goes past used_event: 65530 + 9 = 3. */
			assert_int_equal(interrupts(), n == 0 || n == 8);
		}
		assert_int_equal(virtqueue_base(t.queue), (uint16_t)(65530 + 20));
		assert_int_equal(t.ring.used->idx, (uint16_t)(65530 + 20));
	}
}

static void the_used_index_goes_on_where_memory_says(void **state)
{
	set_queue(SIZE, 100);
	t.ring.used->idx = t.ring.used_seen = 98; /* two chains were in flight */
	virtqueue_push(t.queue, 5, 1);
	assert_int_equal(t.ring.used->idx, 99);
	assert_int_equal(ring_driver_take(&t.ring)->id, 5);
}

static void interrupts_follow_the_used_event(void **state)
{
	const struct {
		uint16_t old_used, pushes, used_event;
		bool interrupt;
	} cases[] = {
		{10, 1, 10, true},
		{10, 1, 9, false},
		{10, 1, 11, false},
		{10, 3, 10, true},
		{10, 3, 12, true},
		{10, 3, 13, false},
		{10, 3, 9, false},
		{10, 0, 10, false},
		{65535, 1, 65535, true},
		{65535, 2, 0, true},
		{65535, 2, 1, false},
		{65534, 1, 65535, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		set_queue(SIZE, (uint16_t)(cases[i].old_used - 1));
		*ring_driver_used_event(&t.ring) = cases[i].old_used;
		run_chains(1);
		virtqueue_notify(t.queue);
		assert_int_equal(interrupts(), 1); /* the first is always told */
		*ring_driver_used_event(&t.ring) = cases[i].used_event;
		run_chains(cases[i].pushes);
		virtqueue_notify(t.queue);
		assert_int_equal(interrupts(), cases[i].interrupt);
		virtqueue_notify(t.queue);
		assert_int_equal(interrupts(), 0);
	}
}

static void interrupts_follow_the_flag_without_event_index(void **state)
{
	virtqueue_set_features(t.queue, false, true);
	run_chains(2);
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 1);
	t.ring.available->flags = VRING_AVAIL_F_NO_INTERRUPT;
	run_chains(1);
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 0);
	t.ring.available->flags = 0;
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 0); /* nothing new */
	run_chains(1);
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 1);
}

static void a_whole_turn_of_the_index_without_notify_interrupts(void **state)
{
	run_chains(1);
	virtqueue_notify(t.queue);
	interrupts();
	*ring_driver_used_event(&t.ring) = 1;
	run_chains(65536);
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 1);
}

static void kicks_are_off_while_the_queue_is_worked_off(void **state)
{
	set_queue(SIZE, 5);
	assert_false(virtqueue_enable_kicks(t.queue));
	assert_int_equal(*ring_driver_avail_event(&t.ring), 5);
	run_chains(3);
	/* Left behind: a driver at 8 and more does not kick for an event at 5. */
	assert_int_equal(*ring_driver_avail_event(&t.ring), 5);
	assert_false(vring_need_event(5, 9, 8));
	ring_driver_offer(&t.ring, 0);
	assert_true(virtqueue_enable_kicks(t.queue));
	assert_int_equal(*ring_driver_avail_event(&t.ring), 8);
	assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	assert_false(virtqueue_enable_kicks(t.queue));
	assert_int_equal(*ring_driver_avail_event(&t.ring), 9);
	assert_int_equal(t.ring.used->flags, 0);
}

static void without_event_index_a_flag_turns_kicks_off(void **state)
{
	virtqueue_set_features(t.queue, false, true);
	assert_false(virtqueue_enable_kicks(t.queue));
	assert_int_equal(t.ring.used->flags, 0);
	run_chains(1);
	assert_int_equal(t.ring.used->flags, VRING_USED_F_NO_NOTIFY);
	ring_driver_offer(&t.ring, 0);
	assert_true(virtqueue_enable_kicks(t.queue));
	assert_int_equal(t.ring.used->flags, 0);
	assert_int_equal(*ring_driver_avail_event(&t.ring), 0);
}

static void a_paused_queue_keeps_its_answers_for_the_same_driver(void **state)
{
	for (int same = 0; same < 2; same++) {
		set_queue(SIZE, 0);
		memset(t.bytes + BUFFERS, 0, 0x1000);
		describe(0, GUEST + BUFFERS, 8, WRITE, 0);
		ring_driver_offer(&t.ring, 0);
		ring_driver_offer(&t.ring, 0);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
		virtqueue_pause(t.queue);
		struct virtqueue_chain none;
		assert_int_equal(virtqueue_pop(t.queue, &none), 0);
		assert_int_equal(
			virtqueue_write(t.queue, t.chain.segments, t.chain.n_in, 2, "late", 4), 4);
		virtqueue_push(t.queue, t.chain.head, 6);
		virtqueue_notify(t.queue);
		assert_int_equal(t.bytes[BUFFERS + 2], 0);
		assert_int_equal(t.ring.used->idx, 0);
		assert_int_equal(interrupts(), 0);

		virtqueue_set_base(t.queue, virtqueue_base(t.queue));
		virtqueue_resume(t.queue, same);
		assert_int_equal(t.bytes[BUFFERS + 2], same ? 'l' : 0);
		assert_int_equal(t.ring.used->idx, same);
		assert_int_equal(interrupts(), same);
		assert_int_equal(virtqueue_pop(t.queue, &t.chain), 1);
	}
}

static void what_a_paused_queue_keeps_is_bounded(void **state)
{
	static char megabyte[1 << 20];
	const struct virtqueue_segment segment = {
		.guest_address = GUEST, .length = sizeof(megabyte)};
	virtqueue_pause(t.queue);
	assert_int_equal(virtqueue_write(t.queue, &segment, 1, 0, megabyte, sizeof(megabyte)),
		sizeof(megabyte));
	assert_int_equal(virtqueue_write(t.queue, &segment, 1, 0, megabyte, 1), 0);
	for (int i = 0; i < 5000; i++)
		virtqueue_push(t.queue, 0, 0);
	virtqueue_reset(t.queue); /* frees it: the sanitizer looks on */
	set_queue(SIZE, 0);
	run_chains(1);
}

static void a_full_or_closed_call_fd_does_no_harm(void **state)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	virtqueue_set_features(t.queue, false, true);
	virtqueue_set_call(t.queue, ends[1]);
	for (int i = 0; i < 20000; i++) {
		run_chains(1);
		virtqueue_notify(t.queue);
	}
	close(ends[0]);
	virtqueue_set_call(t.queue, -1);
	run_chains(1);
	virtqueue_notify(t.queue);
	assert_int_equal(interrupts(), 0);
}

/* A driver in a thread of its own, which sleeps whenever the rings say that it will be woken. */
static struct {
	int kick;
	bool lost; /* a wake-up that did not come */
} race;

#define RACE_REQUESTS 50000

static bool sleep_until(int event)
{
	struct pollfd pollfd = {.fd = event, .events = POLLIN};
	uint64_t count;
	race.lost |= poll(&pollfd, 1, 60000) != 1;
	return !race.lost && read(event, &count, sizeof(count)) == sizeof(count);
}

static void *drive(void *data)
{
	uint64_t one = 1;
	for (uint32_t done = 0, offered = 0; done < RACE_REQUESTS && !race.lost;) {
		uint16_t before = (uint16_t)offered;
		uint32_t batch = 1 + offered % 3;
		for (; batch > 0 && offered < RACE_REQUESTS && offered - done < SIZE; batch--)
			ring_driver_offer(&t.ring, (uint16_t)(offered++ % SIZE));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		uint16_t event =
			__atomic_load_n(ring_driver_avail_event(&t.ring), __ATOMIC_RELAXED);
		if (vring_need_event(event, (uint16_t)offered, before) &&
			write(race.kick, &one, sizeof(one)) < 0)
			race.lost = true;
		while (ring_driver_take(&t.ring))
			done++;
		if (done == offered)
			continue;
		__atomic_store_n(
			ring_driver_used_event(&t.ring), t.ring.used_seen, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&t.ring.used->idx, __ATOMIC_ACQUIRE) == t.ring.used_seen)
			sleep_until(t.call);
	}
	return NULL;
}

static void no_wake_up_is_lost_between_two_threads(void **state)
{
	pthread_t driver;
	race.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	race.lost = false;
	for (uint16_t i = 0; i < SIZE; i++)
		describe(i, GUEST + BUFFERS, 16, 0, 0);
	assert_false(virtqueue_enable_kicks(t.queue));
	assert_int_equal(pthread_create(&driver, NULL, drive, NULL), 0);
	for (uint32_t done = 0; done < RACE_REQUESTS && sleep_until(race.kick);) {
		do {
			while (virtqueue_pop(t.queue, &t.chain) == 1) {
				virtqueue_push(t.queue, t.chain.head, 0);
				done++;
			}
			virtqueue_notify(t.queue);
		} while (virtqueue_enable_kicks(t.queue));
	}
	pthread_join(driver, NULL);
	close(race.kick);
	assert_false(race.lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_is_read_answered_and_used),
		TEST(an_indirect_table_is_one_descriptor_of_the_ring),
		TEST(a_table_may_end_a_chain_of_direct_descriptors),
		TEST(the_largest_chain_fits),
		TEST(segments_of_no_length_are_left_out),
		TEST(rings_at_the_very_end_of_memory_are_usable),
		TEST(rings_are_found_again_after_the_table_changed),
		TEST(indices_wrap_around_at_65535),
		TEST(the_used_index_goes_on_where_memory_says),
		TEST(interrupts_follow_the_used_event),
		TEST(interrupts_follow_the_flag_without_event_index),
		TEST(a_whole_turn_of_the_index_without_notify_interrupts),
		TEST(kicks_are_off_while_the_queue_is_worked_off),
		TEST(without_event_index_a_flag_turns_kicks_off),
		TEST(a_paused_queue_keeps_its_answers_for_the_same_driver),
		TEST(what_a_paused_queue_keeps_is_bounded),
		TEST(no_wake_up_is_lost_between_two_threads),
		TEST(a_full_or_closed_call_fd_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
