/*
 * A queue in a guest's memory, and the guest's driver of it. One program includes it once.
 */
#ifndef TESTS_UNIT_QUEUE_WORLD_H
#define TESTS_UNIT_QUEUE_WORLD_H

#include "host-bridge/virtio/virtqueue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/ring_driver.h"

#define GUEST 0x100000u /* guest address of the memory */
#define USER 0x7f0000000000u
#define BYTES 0x100000u
#define RING 0x0u /* offsets in the memory */
#define BUFFERS 0x10000u
#define TABLE 0x20000u
#define SIZE 8

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static struct {
	int fds_before;
	int fd;
	uint8_t *bytes;
	struct guest_memory *memory;
	struct virtqueue *queue;
	struct ring_driver ring;
	int call;
	struct virtqueue_chain chain;
} t;

static inline void set_memory(void)
{
	struct vhost_user_memory table = {
		.n_regions = 1,
		.regions = {{.guest_address = GUEST, .user_address = USER, .size = BYTES}},
	};
	int fd = fd_dup(t.fd);
	assert_int_equal(guest_memory_set(t.memory, &table, &fd, 1), 0);
}

/* A queue of @size entries that begins at @base. */
static inline void set_queue(uint16_t size, uint16_t base)
{
	t.ring = ring_driver_at(t.bytes + RING, size);
	t.ring.available->idx = base;
	t.ring.used->idx = base;
	t.ring.used_seen = base;
	assert_int_equal(virtqueue_set_size(t.queue, size), 0);
	assert_int_equal(virtqueue_set_addresses(t.queue, USER + RING + RING_DESCRIPTORS,
				 USER + RING + RING_AVAILABLE, USER + RING + RING_USED),
		0);
	virtqueue_set_base(t.queue, base);
}

static inline int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	t.fds_before = fd_count();
	t.fd = fd_memfd("guest", BYTES);
	t.bytes = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0);
	t.memory = guest_memory_create();
	t.queue = virtqueue_create(t.memory);
	t.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	virtqueue_set_call(t.queue, fd_dup(t.call));
	virtqueue_set_features(t.queue, true, true);
	set_memory();
	set_queue(SIZE, 0);
	return 0;
}

static inline int tear_down(void **state)
{
	virtqueue_destroy(t.queue);
	guest_memory_destroy(t.memory);
	munmap(t.bytes, BYTES);
	close(t.fd);
	close(t.call);
	return fd_count() == t.fds_before ? 0 : -1;
}

/* How often the driver was interrupted since the last time. */
static inline unsigned interrupts(void)
{
	uint64_t count = 0;
	return read(t.call, &count, sizeof(count)) == sizeof(count) ? (unsigned)count : 0;
}

static inline void describe(
	uint16_t index, uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
	ring_driver_describe(&t.ring, index, address, length, flags, next);
}

static inline struct vring_desc *table(void)
{
	return (void *)(t.bytes + TABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
