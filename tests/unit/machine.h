/*
 * A virtual machine for tests of the device: stands in for host-bridge/vhost/vhost_user.c, with
 * real guest memory and real virtqueues, and plays the guest's driver on them. One program includes
 * it once.
 */
#ifndef TESTS_UNIT_MACHINE_H
#define TESTS_UNIT_MACHINE_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host-bridge/gpu/device.h"
#include "host-bridge/kinds.h"
#include "host-bridge/vhost/vhost_user.h"
#include "protocol/base/fd.h"
#include "tests/unit/ring_driver.h"

#define MACHINE_RAM 0x40000000u /* guest address */
#define MACHINE_RAM_BYTES (64u << 20)
#define MACHINE_USER UINT64_C(0x7f0000000000)
#define MACHINE_RING_SIZE 1024
#define MACHINE_BUFFERS                                                                            \
	0x100000u /* offset of the commands' buffers, a ring of MACHINE_BUFFERS_BYTES */
#define MACHINE_BUFFERS_BYTES (16u << 20)
#define MACHINE_PAGES 0x2000000u /* offset of what tests use themselves */
#define MACHINE_REGION_BYTES (16u << 20)

#define MACHINE_MAX_MAPS 300

struct machine_map { /* what the frontend has mapped into the guest */
	uint64_t offset, length, fd_offset;
	int fd; /* its own */
};

struct vhost_user {
	const struct vhost_user_device *device;
	void *data;
	struct guest_memory *memory;
	struct virtqueue *queues[2];
	bool running;
	const char *broken;
	unsigned maps, unmaps;
	struct machine_map segments[MACHINE_MAX_MAPS];
	unsigned n_segments;
	bool no_region; /* the frontend maps nothing */
};

struct machine_answer {
	bool there;
	uint32_t written;
	uint8_t *bytes; /* in the guest's memory */
};

static struct machine {
	struct wl_event_loop *loop;
	struct kinds kinds;
	struct device *device;
	struct vhost_user vhost_user;
	int ram_fd;
	uint8_t *ram;
	struct ring_driver rings[2];
	int calls[2];
	uint16_t next_descriptor[2];
	uint32_t next_buffer;
	struct machine_answer answers[2][MACHINE_RING_SIZE]; /* by head */
} machine;

struct vhost_user *vhost_user_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct vhost_user_device *device, void *data)
{
	struct vhost_user *vu = &machine.vhost_user;
	*vu = (struct vhost_user){.device = device, .data = data, .memory = guest_memory_create()};
	for (uint32_t i = 0; i < 2; i++)
		vu->queues[i] = virtqueue_create(vu->memory);
	return vu;
}

void vhost_user_destroy(struct vhost_user *vu)
{
	for (uint32_t i = 0; i < 2; i++)
		virtqueue_destroy(vu->queues[i]);
	guest_memory_destroy(vu->memory);
}

struct virtqueue *vhost_user_queue(struct vhost_user *vu, uint32_t index)
{
	return vu->queues[index];
}

struct guest_memory *vhost_user_memory(struct vhost_user *vu)
{
	return vu->memory;
}

bool vhost_user_running(const struct vhost_user *vu)
{
	return vu->running && !vu->broken;
}

void vhost_user_stop(struct vhost_user *vu, const char *why)
{
	vu->broken = why;
}

int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, bool writable)
{
	if (vu->no_region)
		return -ENOTSUP;
	vu->maps++;
	assert(vu->n_segments < MACHINE_MAX_MAPS);
	for (unsigned i = 0; i < vu->n_segments; i++) {
		const struct machine_map *segment = &vu->segments[i];
		if (segment->offset < shm_offset + length &&
			shm_offset < segment->offset + segment->length)
			return -EIO; /* as QEMU does */
	}
	vu->segments[vu->n_segments++] = (struct machine_map){
		.offset = shm_offset, .length = length, .fd_offset = fd_offset, .fd = fd_dup(fd)};
	return 0;
}

static inline void machine_drop_map(struct vhost_user *vu, unsigned i)
{
	close(vu->segments[i].fd);
	vu->segments[i] = vu->segments[--vu->n_segments];
}

/* The map at @offset of the region, or NULL. */
static inline const struct machine_map *machine_map_at(const struct vhost_user *vu, uint64_t offset)
{
	for (unsigned i = 0; i < vu->n_segments; i++)
		if (vu->segments[i].offset == offset)
			return &vu->segments[i];
	return NULL;
}

int vhost_user_shmem_unmap(
	struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset, uint64_t length)
{
	for (unsigned i = 0; i < vu->n_segments; i++) {
		if (vu->segments[i].offset == shm_offset && vu->segments[i].length == length) {
			machine_drop_map(vu, i);
			vu->unmaps++;
			return 0;
		}
	}
	return -EIO; /* no such map, or a part of one */
}

/* --- the guest's side --- */

static inline void machine_set_rings(void)
{
	struct vhost_user *vu = &machine.vhost_user;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t base = MACHINE_USER + i * RING_BYTES;
		machine.rings[i] = ring_driver_at(machine.ram + i * RING_BYTES, MACHINE_RING_SIZE);
		virtqueue_reset(vu->queues[i]);
		virtqueue_set_size(vu->queues[i], MACHINE_RING_SIZE);
		virtqueue_set_features(vu->queues[i], true, true);
		virtqueue_set_addresses(vu->queues[i], base + RING_DESCRIPTORS,
			base + RING_AVAILABLE, base + RING_USED);
		virtqueue_set_base(vu->queues[i], 0);
		virtqueue_set_call(vu->queues[i], fd_dup(machine.calls[i]));
		machine.next_descriptor[i] = 0;
	}
	machine.next_buffer = 0;
	memset(machine.answers, 0, sizeof(machine.answers));
}

/* A fresh driver's DRIVER_OK. */
static inline void machine_boot(void)
{
	struct vhost_user *vu = &machine.vhost_user;
	struct vhost_user_memory table = {
		.n_regions = 1,
		.regions = {{.guest_address = MACHINE_RAM,
			.user_address = MACHINE_USER,
			.size = MACHINE_RAM_BYTES}},
	};
	int fd = fd_dup(machine.ram_fd);
	guest_memory_set(vu->memory, &table, &fd, 1);
	vu->device->memory_changed(vu->data);
	machine_set_rings();
	while (vu->n_segments > 0)
		machine_drop_map(vu, 0);
	vu->broken = NULL;
	vu->running = true;
	vu->device->started(vu->data, false);
}

static inline void machine_reset(void)
{
	machine.vhost_user.running = false;
	machine.vhost_user.device->reset(machine.vhost_user.data);
}

static struct renderer *machine_renderer; /* whose kinds of contexts the device is given */

static inline void machine_create(void)
{
	memset(&machine, 0, sizeof(machine));
	machine.loop = wl_event_loop_create();
	machine.ram_fd = fd_memfd("guest", MACHINE_RAM_BYTES);
	machine.ram = mmap(
		NULL, MACHINE_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, machine.ram_fd, 0);
	assert(machine.ram != MAP_FAILED);
	for (uint32_t i = 0; i < 2; i++)
		machine.calls[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	kinds_init(&machine.kinds, NULL, machine_renderer);
	const struct device_config config = {
		.loop = machine.loop,
		.socket_path = "unused",
		.socket_fd = -1,
		.kinds = machine.kinds.list,
		.n_kinds = machine.kinds.n,
		.region_bytes = MACHINE_REGION_BYTES,
	};
	machine.device = device_create(&config);
	assert(machine.device);
	machine_boot();
}

static inline void machine_destroy(void)
{
	device_destroy(machine.device);
	while (machine.vhost_user.n_segments > 0)
		machine_drop_map(&machine.vhost_user, 0);
	wl_event_loop_destroy(machine.loop);
	munmap(machine.ram, MACHINE_RAM_BYTES);
	close(machine.ram_fd);
	for (uint32_t i = 0; i < 2; i++)
		close(machine.calls[i]);
}

/* @size bytes of the guest's memory for a command. */
static inline uint32_t machine_buffer(uint32_t size)
{
	size = (size + 63) & ~63u;
	if (machine.next_buffer + size > MACHINE_BUFFERS_BYTES)
		machine.next_buffer = 0;
	uint32_t offset = MACHINE_BUFFERS + machine.next_buffer;
	machine.next_buffer += size;
	return offset;
}

/*
 * Makes a command available without a kick: @out in one descriptor, room for @in_size bytes in
 * another (0: none). Its head; the answer comes to be in machine.answers.
 */
static inline uint16_t machine_offer(
	uint32_t queue, const void *out, uint32_t out_size, uint32_t in_size)
{
	struct ring_driver *ring = &machine.rings[queue];
	uint16_t head = machine.next_descriptor[queue] % MACHINE_RING_SIZE;
	uint16_t tail = (head + 1) % MACHINE_RING_SIZE;
	machine.next_descriptor[queue] = (tail + 1) % MACHINE_RING_SIZE;

	uint32_t out_offset = machine_buffer(out_size), in_offset = machine_buffer(in_size);
	memcpy(machine.ram + out_offset, out, out_size);
	memset(machine.ram + in_offset, 0xee, in_size);
	if (in_size > 0) {
		ring_driver_describe(
			ring, head, MACHINE_RAM + out_offset, out_size, VRING_DESC_F_NEXT, tail);
		ring_driver_describe(
			ring, tail, MACHINE_RAM + in_offset, in_size, VRING_DESC_F_WRITE, 0);
	} else {
		ring_driver_describe(ring, head, MACHINE_RAM + out_offset, out_size, 0, 0);
	}
	machine.answers[queue][head] = (struct machine_answer){.bytes = machine.ram + in_offset};
	ring_driver_offer(ring, head);
	return head;
}

/* Kicks the queue. What process returned. */
static inline int machine_kick(uint32_t queue)
{
	struct vhost_user *vu = &machine.vhost_user;
	return vhost_user_running(vu) ? vu->device->process(vu->data, queue) : 0;
}

/* Lets the loop run until nothing is left to do at once, and collects answers. */
static inline void machine_turn(void)
{
	for (int i = 0; i < 3; i++)
		wl_event_loop_dispatch(machine.loop, 0);
	for (uint32_t queue = 0; queue < 2; queue++) {
		for (const struct vring_used_elem *used;
			(used = ring_driver_take(&machine.rings[queue]));) {
			struct machine_answer *answer =
				&machine.answers[queue][used->id % MACHINE_RING_SIZE];
			assert(!answer->there); /* nobody is answered twice */
			answer->there = true;
			answer->written = used->len;
		}
	}
}

/* How often the driver was interrupted since the last time. */
static inline unsigned machine_interrupts(uint32_t queue)
{
	uint64_t count = 0;
	return read(machine.calls[queue], &count, sizeof(count)) == sizeof(count) ? (unsigned)count
										  : 0;
}

#endif
