/*
 * The driver's side of a split virtqueue.
 *
 * Interrupts: of the requests in flight some are awaited and some prompt. Let P be the number of
 * prompt ones and S the used entries seen so far. used_event = S + P asks for an interrupt when the
 * used index passes S + P, so at the (P + 1)th completion from S on. Whatever the order, one of the
 * first P + 1 completions is an awaited one; and when an awaited one comes before all prompt ones,
 * these follow at once and make up the number. So prompt requests alone never interrupt, and an
 * awaited one is reported at the latest when the prompt ones before it are done. That rests on
 * prompt requests being prompt: those that turn out not to be are moved to the others by
 * virtqueue_driver_settle.
 */
#include "guest-proxy/gpu/rings/virtqueue_driver.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "protocol/base/bytes.h"

#define MASK (VIRTQUEUE_DRIVER_SIZE - 1)
#define RESPONSE_OFFSET 64u
#define COMMAND_OFFSET (RESPONSE_OFFSET + VIRTQUEUE_DRIVER_RESPONSE_BYTES)

static_assert((VIRTQUEUE_DRIVER_SIZE & MASK) == 0, "");
static_assert(COMMAND_OFFSET + VIRTQUEUE_DRIVER_COMMAND_BYTES == VIRTQUEUE_DRIVER_SLOT_BYTES, "");
static_assert(3 * sizeof(struct vring_desc) <= RESPONSE_OFFSET, "");
static_assert(sizeof(struct vring_desc) * VIRTQUEUE_DRIVER_SIZE <= VIRTQUEUE_DRIVER_AVAILABLE, "");

enum slot_state {
	SLOT_FREE,
	SLOT_ACQUIRED, /* the caller's: before virtqueue_driver_add, or completed */
	SLOT_IN_FLIGHT,
};

struct slot {
	uint8_t state;
	uint8_t prompt;
	uint16_t response_bytes;
	uint32_t settled; /* driver->settled when it was added: counts as prompt only while that is
			     so */
};

struct virtqueue_driver {
	uint8_t *memory;
	uint64_t guest_address;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t added;   /* available index behind the last request added */
	uint16_t decided; /* up to where the need for a kick was decided */
	uint16_t seen;    /* used entries taken */
	uint16_t n_in_flight, n_prompt;
	uint32_t settled;
	unsigned n_free;
	uint16_t free[VIRTQUEUE_DRIVER_SIZE]; /* a stack: slots that were used last are used again,
						 so few pages are touched */
	struct slot slots[VIRTQUEUE_DRIVER_SIZE];
};

struct virtqueue_driver *virtqueue_driver_create(void *memory, uint64_t guest_address)
{
	struct virtqueue_driver *driver = calloc(1, sizeof(*driver));
	if (!driver)
		return NULL;
	driver->memory = memory;
	driver->guest_address = guest_address;
	driver->descriptors = (void *)(driver->memory + VIRTQUEUE_DRIVER_DESCRIPTORS);
	driver->available = (void *)(driver->memory + VIRTQUEUE_DRIVER_AVAILABLE);
	driver->used = (void *)(driver->memory + VIRTQUEUE_DRIVER_USED);
	for (unsigned i = 0; i < VIRTQUEUE_DRIVER_SIZE; i++)
		driver->free[i] = (uint16_t)(VIRTQUEUE_DRIVER_SIZE - 1 - i);
	driver->n_free = VIRTQUEUE_DRIVER_SIZE;
	return driver;
}

void virtqueue_driver_destroy(struct virtqueue_driver *driver)
{
	free(driver);
}

int virtqueue_driver_acquire(struct virtqueue_driver *driver)
{
	if (driver->n_free == 0)
		return -EAGAIN;
	unsigned slot = driver->free[--driver->n_free];
	driver->slots[slot].state = SLOT_ACQUIRED;
	return (int)slot;
}

void virtqueue_driver_release(struct virtqueue_driver *driver, unsigned slot)
{
	assert(driver->slots[slot].state == SLOT_ACQUIRED);
	driver->slots[slot].state = SLOT_FREE;
	driver->free[driver->n_free++] = (uint16_t)slot;
}

unsigned virtqueue_driver_n_free(const struct virtqueue_driver *driver)
{
	return driver->n_free;
}

static size_t slot_offset(unsigned slot)
{
	return VIRTQUEUE_DRIVER_RING_BYTES + (size_t)slot * VIRTQUEUE_DRIVER_SLOT_BYTES;
}

void *virtqueue_driver_command(struct virtqueue_driver *driver, unsigned slot)
{
	return driver->memory + slot_offset(slot) + COMMAND_OFFSET;
}

const void *virtqueue_driver_response(const struct virtqueue_driver *driver, unsigned slot)
{
	return driver->memory + slot_offset(slot) + RESPONSE_OFFSET;
}

void virtqueue_driver_add(struct virtqueue_driver *driver, unsigned slot, size_t command_bytes,
	uint64_t extra, size_t extra_bytes, size_t response_bytes, enum virtqueue_answer answer)
{
	struct slot *s = &driver->slots[slot];
	assert(s->state == SLOT_ACQUIRED && command_bytes <= VIRTQUEUE_DRIVER_COMMAND_BYTES &&
		response_bytes <= VIRTQUEUE_DRIVER_RESPONSE_BYTES && extra_bytes <= UINT32_MAX);

	uint64_t address = driver->guest_address + slot_offset(slot);
	struct vring_desc *table = (void *)(driver->memory + slot_offset(slot));
	unsigned n = 0;
	table[n++] = (struct vring_desc){
		address + COMMAND_OFFSET, (uint32_t)command_bytes, VRING_DESC_F_NEXT, 1};
	if (extra_bytes > 0)
		table[n++] =
			(struct vring_desc){extra, (uint32_t)extra_bytes, VRING_DESC_F_NEXT, 2};
	table[n++] = (struct vring_desc){
		address + RESPONSE_OFFSET, (uint32_t)response_bytes, VRING_DESC_F_WRITE, 0};
	driver->descriptors[slot] = (struct vring_desc){
		address, (uint32_t)(n * sizeof(*table)), VRING_DESC_F_INDIRECT, 0};
	driver->available->ring[driver->added++ & MASK] = (uint16_t)slot;

	*s = (struct slot){
		.state = SLOT_IN_FLIGHT,
		.prompt = answer == VIRTQUEUE_PROMPT,
		.response_bytes = (uint16_t)response_bytes,
		.settled = driver->settled,
	};
	driver->n_in_flight++;
	driver->n_prompt += s->prompt;
}

static void set_used_event(struct virtqueue_driver *driver)
{
	uint16_t event = (uint16_t)(driver->seen + driver->n_prompt);
	__atomic_store_n(&driver->available->ring[VIRTQUEUE_DRIVER_SIZE], event, __ATOMIC_RELAXED);
}

bool virtqueue_driver_publish(struct virtqueue_driver *driver, enum virtqueue_kick kick)
{
	/* Before the device can complete anything, it must know which completion is to interrupt.
	 */
	set_used_event(driver);
	__atomic_store_n(&driver->available->idx, driver->added, __ATOMIC_RELEASE);
	/* The device says whether it wants a kick, then looks at our index once more. So the index
	 * must be visible to it before we read that. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (kick == VIRTQUEUE_KICK_LAZY) {
		uint16_t flags = __atomic_load_n(&driver->used->flags, __ATOMIC_RELAXED);
		if (!(flags & VIRTQUEUE_USED_F_WANT_LAZY))
			return false;
	}
	const uint16_t *avail_event = (const uint16_t *)&driver->used->ring[VIRTQUEUE_DRIVER_SIZE];
	uint16_t event = __atomic_load_n(avail_event, __ATOMIC_RELAXED);
	/* Counted from the last request that was decided about: lazy ones without a kick count. */
	bool wanted = vring_need_event(event, driver->added, driver->decided);
	driver->decided = driver->added;
	return wanted;
}

int virtqueue_driver_take(struct virtqueue_driver *driver, unsigned *slot, uint32_t *written)
{
	uint16_t index = __atomic_load_n(&driver->used->idx, __ATOMIC_ACQUIRE);
	uint16_t waiting = (uint16_t)(index - driver->seen);
	if (waiting == 0)
		return 0;
	if (waiting > driver->n_in_flight)
		return -EPROTO;
	const struct vring_used_elem *used = &driver->used->ring[driver->seen & MASK];
	uint32_t id = __atomic_load_n(&used->id, __ATOMIC_RELAXED);
	uint32_t length = __atomic_load_n(&used->len, __ATOMIC_RELAXED);
	if (id >= VIRTQUEUE_DRIVER_SIZE || driver->slots[id].state != SLOT_IN_FLIGHT ||
		length > driver->slots[id].response_bytes)
		return -EPROTO;

	struct slot *s = &driver->slots[id];
	s->state = SLOT_ACQUIRED;
	driver->seen++;
	driver->n_in_flight--;
	if (s->prompt && s->settled == driver->settled)
		driver->n_prompt--;
	*slot = id;
	*written = length;
	return 1;
}

bool virtqueue_driver_arm(struct virtqueue_driver *driver)
{
	set_used_event(driver);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint16_t index = __atomic_load_n(&driver->used->idx, __ATOMIC_RELAXED);
	return (uint16_t)(index - driver->seen) > driver->n_prompt;
}

void virtqueue_driver_settle(struct virtqueue_driver *driver)
{
	driver->settled++;
	driver->n_prompt = 0;
}
