/* guest-proxy/gpu/rings/virtqueue_driver.c, against a device made of the rings alone */
#include "guest-proxy/gpu/rings/virtqueue_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUEST 0x100000000u
#define MASK (VIRTQUEUE_DRIVER_SIZE - 1)

static struct {
	uint8_t *memory;
	struct virtqueue_driver *driver;
	/* the device's side */
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t next;     /* available entries taken */
	uint16_t notified; /* used index at the last decision to interrupt */
	unsigned interrupts;
} t;

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	t.memory = mmap(NULL, VIRTQUEUE_DRIVER_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t.driver = virtqueue_driver_create(t.memory, GUEST);
	t.available = (void *)(t.memory + VIRTQUEUE_DRIVER_AVAILABLE);
	t.used = (void *)(t.memory + VIRTQUEUE_DRIVER_USED);
	return 0;
}

static int teardown(void **state)
{
	virtqueue_driver_destroy(t.driver);
	return munmap(t.memory, VIRTQUEUE_DRIVER_BYTES);
}

static void *at(uint64_t guest_address)
{
	assert_true(guest_address >= GUEST && guest_address - GUEST < VIRTQUEUE_DRIVER_BYTES);
	return t.memory + (guest_address - GUEST);
}

/* The device takes the next request; its slot, or -1. */
static int device_pop(void)
{
	if (t.next == t.available->idx)
		return -1;
	return t.available->ring[t.next++ & MASK];
}

static void device_push(unsigned slot, uint32_t written)
{
	t.used->ring[t.used->idx & MASK] = (struct vring_used_elem){slot, written};
	t.used->idx++;
}

static void device_notify(void)
{
	uint16_t event = t.available->ring[VIRTQUEUE_DRIVER_SIZE];
	t.interrupts += vring_need_event(event, t.used->idx, t.notified);
	t.notified = t.used->idx;
}

/* As a device does before it sleeps. */
static void device_ask_for_kicks(void)
{
	memcpy(&t.used->ring[VIRTQUEUE_DRIVER_SIZE], &t.next, sizeof(t.next));
}

static unsigned add(enum virtqueue_answer answer)
{
	int slot = virtqueue_driver_acquire(t.driver);
	assert_true(slot >= 0);
	virtqueue_driver_add(t.driver, (unsigned)slot, 24, 0, 0, 24, answer);
	return (unsigned)slot;
}

static bool publish(void)
{
	return virtqueue_driver_publish(t.driver, VIRTQUEUE_KICK_NORMAL);
}

/* Takes and releases all that is done; how many. */
static unsigned drain(void)
{
	unsigned n = 0, slot;
	uint32_t written;
	do {
		while (virtqueue_driver_take(t.driver, &slot, &written) > 0) {
			virtqueue_driver_release(t.driver, slot);
			n++;
		}
	} while (virtqueue_driver_arm(t.driver));
	return n;
}

static void the_device_finds_command_data_and_room_for_the_answer(void **state)
{
	unsigned slot = (unsigned)virtqueue_driver_acquire(t.driver);
	memcpy(virtqueue_driver_command(t.driver, slot), "command", 7);
	virtqueue_driver_add(t.driver, slot, 7, GUEST + 0x5000, 123, 24, VIRTQUEUE_AWAITED);
	publish();

	assert_int_equal(device_pop(), slot);
	const struct vring_desc *descriptors = (void *)t.memory;
	assert_int_equal(descriptors[slot].flags, VRING_DESC_F_INDIRECT);
	assert_int_equal(descriptors[slot].len, 3 * sizeof(struct vring_desc));
	const struct vring_desc *table = at(descriptors[slot].addr);
	assert_int_equal(table[0].len, 7);
	assert_memory_equal(at(table[0].addr), "command", 7);
	assert_int_equal(table[0].flags, VRING_DESC_F_NEXT);
	assert_int_equal(table[0].next, 1);
	assert_int_equal(table[1].addr, GUEST + 0x5000);
	assert_int_equal(table[1].len, 123);
	assert_int_equal(table[1].next, 2);
	assert_int_equal(table[2].len, 24);
	assert_int_equal(table[2].flags, VRING_DESC_F_WRITE);
	memcpy(at(table[2].addr), "answer", 6);
	device_push(slot, 6);

	unsigned done;
	uint32_t written;
	assert_int_equal(virtqueue_driver_take(t.driver, &done, &written), 1);
	assert_int_equal(done, slot);
	assert_int_equal(written, 6);
	assert_memory_equal(virtqueue_driver_response(t.driver, slot), "answer", 6);
	assert_int_equal(virtqueue_driver_take(t.driver, &done, &written), 0);
}

static void a_slot_is_in_use_until_it_is_released(void **state)
{
	for (unsigned i = 0; i < VIRTQUEUE_DRIVER_SIZE; i++)
		add(VIRTQUEUE_AWAITED);
	assert_int_equal(virtqueue_driver_acquire(t.driver), -EAGAIN);
	publish();
	device_push((unsigned)device_pop(), 24);
	unsigned slot;
	uint32_t written;
	assert_int_equal(virtqueue_driver_take(t.driver, &slot, &written), 1);
	assert_int_equal(virtqueue_driver_acquire(t.driver), -EAGAIN);
	virtqueue_driver_release(t.driver, slot);
	assert_int_equal(virtqueue_driver_acquire(t.driver), slot);
}

static void prompt_requests_alone_never_interrupt(void **state)
{
	add(VIRTQUEUE_AWAITED);
	publish();
	unsigned held = (unsigned)device_pop();
	for (unsigned i = 0; i < 70000; i++) {
		add(VIRTQUEUE_PROMPT);
		publish();
		device_push((unsigned)device_pop(), 24);
		device_notify();
		if (i % 3 == 0)
			drain();
	}
	assert_int_equal(t.interrupts, 0);
	device_push(held, 24);
	device_notify();
	assert_int_equal(t.interrupts, 1);
}

static void an_awaited_answer_that_overtakes_prompt_ones_interrupts_with_the_last_of_them(
	void **state)
{
	unsigned first = add(VIRTQUEUE_PROMPT), awaited = add(VIRTQUEUE_AWAITED),
		 last = add(VIRTQUEUE_PROMPT);
	publish();
	device_push(awaited, 24);
	device_notify();
	device_push(last, 24);
	device_notify();
	assert_int_equal(t.interrupts, 0);
	device_push(first, 24);
	device_notify();
	assert_int_equal(t.interrupts, 1);
	assert_int_equal(drain(), 3);
}

static void a_request_that_is_not_prompt_after_all_hides_others_only_until_it_is_settled(
	void **state)
{
	unsigned late = add(VIRTQUEUE_PROMPT), awaited = add(VIRTQUEUE_AWAITED);
	publish();
	device_push(awaited, 24);
	device_notify();
	assert_int_equal(t.interrupts, 0);
	virtqueue_driver_settle(t.driver);
	assert_true(virtqueue_driver_arm(t.driver)); /* it is there already */
	assert_int_equal(drain(), 1);
	device_push(late, 24);
	device_notify();
	assert_int_equal(t.interrupts, 1); /* late ones do interrupt */
	assert_int_equal(drain(), 1);
	/* and count no more: the next awaited one is not hidden. */
	add(VIRTQUEUE_AWAITED);
	publish();
	device_push(awaited, 24);
	device_notify();
	assert_int_equal(t.interrupts, 2);
}

static void arming_tells_of_what_came_in_between(void **state)
{
	unsigned a = add(VIRTQUEUE_AWAITED);
	publish();
	assert_false(virtqueue_driver_arm(t.driver));
	device_push(a, 24);
	assert_true(virtqueue_driver_arm(t.driver));
	drain();
	assert_false(virtqueue_driver_arm(t.driver));
}

/* What the device has in hand, in no order. */
static struct {
	unsigned slots[64], n;
	bool awaited[VIRTQUEUE_DRIVER_SIZE]; /* by slot */
	unsigned unseen;                     /* awaited answers that the driver has not taken */
} hand;

static void driver_adds_some(void)
{
	for (long n = 1 + random() % 3; n > 0 && hand.n < 64; n--) {
		bool awaited = random() % 2;
		unsigned slot = add(awaited ? VIRTQUEUE_AWAITED : VIRTQUEUE_PROMPT);
		hand.awaited[slot] = awaited;
		hand.slots[hand.n++] = slot;
	}
	publish();
}

static void device_completes(unsigned i)
{
	hand.unseen += hand.awaited[hand.slots[i]];
	device_push(hand.slots[i], 24);
	hand.slots[i] = hand.slots[--hand.n];
}

static void device_completes_prompt_ones(void)
{
	for (unsigned i = hand.n; i-- > 0;)
		if (!hand.awaited[hand.slots[i]])
			device_completes(i);
	device_notify();
}

static void driver_takes(unsigned max)
{
	unsigned slot;
	uint32_t written;
	while (max-- > 0 && virtqueue_driver_take(t.driver, &slot, &written) > 0) {
		hand.unseen -= hand.awaited[slot];
		virtqueue_driver_release(t.driver, slot);
	}
}

/*
 * The device completes in any order; the driver looks at some answers while it adds more, without
 * arming. Whenever no prompt request is out, awaited answers that nobody took must have
 * interrupted.
 */
static void no_awaited_answer_is_ever_missed_whatever_the_order(void **state)
{
	unsigned interrupts_read = 0, checks = 0;
	memset(&hand, 0, sizeof(hand));
	srandom(7);
	for (unsigned round = 0; round < 400000; round++) {
		switch (random() % 4) {
		case 0:
			driver_takes((unsigned)random() % 3);
			driver_adds_some();
			break;
		case 1:
			if (hand.n > 0)
				device_completes((unsigned)random() % hand.n);
			break;
		case 2:
			device_notify();
			break;
		case 3:
			device_completes_prompt_ones();
			if (hand.unseen > 0) {
				assert_int_not_equal(t.interrupts, interrupts_read);
				checks++;
			}
			if (random() % 2)
				break;
			interrupts_read = t.interrupts;
			driver_takes(UINT32_MAX);
			assert_false(virtqueue_driver_arm(t.driver));
			break;
		}
	}
	assert_true(checks > 10000);
}

static void the_device_is_kicked_only_where_it_asked_for_it(void **state)
{
	device_ask_for_kicks();
	add(VIRTQUEUE_PROMPT);
	assert_true(publish());
	add(VIRTQUEUE_PROMPT);
	assert_false(publish()); /* it is awake */
	while (device_pop() >= 0)
		;
	device_ask_for_kicks();
	add(VIRTQUEUE_PROMPT);
	add(VIRTQUEUE_PROMPT);
	assert_true(publish());
}

static void a_lazy_request_kicks_nobody_but_the_next_one_does(void **state)
{
	device_ask_for_kicks();
	add(VIRTQUEUE_AWAITED);
	assert_false(virtqueue_driver_publish(t.driver, VIRTQUEUE_KICK_LAZY));
	assert_int_equal(t.available->idx, 1);
	add(VIRTQUEUE_PROMPT);
	assert_true(publish());
}

static void a_device_that_waits_for_lazy_requests_is_kicked(void **state)
{
	device_ask_for_kicks();
	t.used->flags = VIRTQUEUE_USED_F_WANT_LAZY;
	add(VIRTQUEUE_AWAITED);
	assert_true(virtqueue_driver_publish(t.driver, VIRTQUEUE_KICK_LAZY));
	add(VIRTQUEUE_AWAITED);
	assert_false(virtqueue_driver_publish(t.driver, VIRTQUEUE_KICK_LAZY)); /* once */
}

static int take(void)
{
	unsigned slot;
	uint32_t written;
	return virtqueue_driver_take(t.driver, &slot, &written);
}

static void nonsense_on_the_used_ring_is_refused(void **state)
{
	unsigned slot = add(VIRTQUEUE_AWAITED);
	publish();
	device_push(VIRTQUEUE_DRIVER_SIZE, 24); /* no such slot */
	assert_int_equal(take(), -EPROTO);
	t.used->ring[0].id = slot + 1; /* not in flight */
	assert_int_equal(take(), -EPROTO);
	t.used->ring[0] = (struct vring_used_elem){slot, 25}; /* longer than the room for it */
	assert_int_equal(take(), -EPROTO);
	t.used->ring[0].len = 24;
	t.used->idx = 2; /* more than there are requests */
	assert_int_equal(take(), -EPROTO);
	t.used->idx = 0xffff; /* back in time */
	assert_int_equal(take(), -EPROTO);
	t.used->idx = 1;
	assert_int_equal(take(), 1);
	device_push(slot, 24); /* twice */
	assert_int_equal(take(), -EPROTO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_finds_command_data_and_room_for_the_answer),
		TEST(a_slot_is_in_use_until_it_is_released),
		TEST(prompt_requests_alone_never_interrupt),
		TEST(an_awaited_answer_that_overtakes_prompt_ones_interrupts_with_the_last_of_them),
		TEST(a_request_that_is_not_prompt_after_all_hides_others_only_until_it_is_settled),
		TEST(arming_tells_of_what_came_in_between),
		TEST(no_awaited_answer_is_ever_missed_whatever_the_order),
		TEST(the_device_is_kicked_only_where_it_asked_for_it),
		TEST(a_lazy_request_kicks_nobody_but_the_next_one_does),
		TEST(a_device_that_waits_for_lazy_requests_is_kicked),
		TEST(nonsense_on_the_used_ring_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
