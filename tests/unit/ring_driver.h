/* The driver's side of one split ring, for tests: small, trusting, all fields to be spoiled. */
#ifndef TESTS_UNIT_RING_DRIVER_H
#define TESTS_UNIT_RING_DRIVER_H

#include <linux/virtio_ring.h>
#include <stdint.h>
#include <string.h>

/* Where a ring of up to 1024 entries lies from its base on. */
#define RING_DESCRIPTORS 0x0
#define RING_AVAILABLE 0x4000
#define RING_USED 0x5000
#define RING_BYTES 0x8000

struct ring_driver {
	uint16_t size;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t used_seen;
};

static inline struct ring_driver ring_driver_at(void *base, uint16_t size)
{
	uint8_t *bytes = base;
	memset(bytes, 0, RING_BYTES);
	return (struct ring_driver){
		.size = size,
		.descriptors = (void *)(bytes + RING_DESCRIPTORS),
		.available = (void *)(bytes + RING_AVAILABLE),
		.used = (void *)(bytes + RING_USED),
	};
}

static inline uint16_t *ring_driver_used_event(struct ring_driver *ring)
{
	return &ring->available->ring[ring->size];
}

static inline uint16_t *ring_driver_avail_event(struct ring_driver *ring)
{
	return (uint16_t *)(void *)&ring->used->ring[ring->size];
}

static inline void ring_driver_describe(struct ring_driver *ring, uint16_t index, uint64_t address,
	uint32_t length, uint16_t flags, uint16_t next)
{
	ring->descriptors[index] =
		(struct vring_desc){.addr = address, .len = length, .flags = flags, .next = next};
}

static inline void ring_driver_offer(struct ring_driver *ring, uint16_t head)
{
	uint16_t index = __atomic_load_n(&ring->available->idx, __ATOMIC_RELAXED);
	ring->available->ring[index % ring->size] = head;
	__atomic_store_n(&ring->available->idx, (uint16_t)(index + 1), __ATOMIC_RELEASE);
}

/* The next used element, or NULL. */
static inline const struct vring_used_elem *ring_driver_take(struct ring_driver *ring)
{
	if (__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) == ring->used_seen)
		return NULL;
	return &ring->used->ring[ring->used_seen++ % ring->size];
}

#endif
