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
#include "host-bridge/resources/quota.h"
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

struct machine_asked { /* of the frontend, which has not answered yet */
	bool unmap;
	struct machine_map map;
	void (*done)(void *data, int result);
	void *data;
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
	bool slow;      /* it answers only when machine_answer is called */
	struct machine_asked asked[MACHINE_MAX_MAPS];
	unsigned n_asked;
	struct wl_event_source *answering;
};

struct machine_answer {
	bool there;
	uint32_t written;
	uint8_t *bytes; /* in the guest's memory */
};

static struct machine {
	struct wl_event_loop *loop;
	struct kinds kinds;
	struct vm_quota quota;
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

int vhost_user_adopt(struct vhost_user *vu, int socket)
{
	close(socket);
	return -ENOTSUP;
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

static inline int machine_map(struct vhost_user *vu, const struct machine_map *map)
{
	for (unsigned i = 0; i < vu->n_segments; i++) {
		const struct machine_map *segment = &vu->segments[i];
		if (segment->offset < map->offset + map->length &&
			map->offset < segment->offset + segment->length)
			return -EIO; /* as QEMU does */
	}
	vu->maps++;
	assert(vu->n_segments < MACHINE_MAX_MAPS);
	vu->segments[vu->n_segments] = *map;
	vu->segments[vu->n_segments++].fd = fd_dup(map->fd);
	return 0;
}

static inline int machine_unmap(struct vhost_user *vu, const struct machine_map *map)
{
	for (unsigned i = 0; i < vu->n_segments; i++) {
		if (vu->segments[i].offset == map->offset &&
			vu->segments[i].length == map->length) {
			machine_drop_map(vu, i);
			vu->unmaps++;
			return 0;
		}
	}
	return -EIO; /* no such map, or a part of one */
}

/* The frontend does what it was asked first, or (@result negative) answers that. */
static inline void machine_answer(struct vhost_user *vu, int result)
{
	struct machine_asked asked = vu->asked[0];
	memmove(vu->asked, vu->asked + 1, --vu->n_asked * sizeof(vu->asked[0]));
	if (result == 0)
		result = asked.unmap ? machine_unmap(vu, &asked.map) : machine_map(vu, &asked.map);
	if (!asked.unmap)
		close(asked.map.fd);
	if (asked.done)
		asked.done(asked.data, result);
}

static inline void machine_answer_all(void *data)
{
	struct vhost_user *vu = data;
	vu->answering = NULL;
	while (vu->n_asked > 0 && !vu->slow)
		machine_answer(vu, 0);
}

/* The driver was reset: nobody waits for answers any more. */
static inline void machine_cancel(struct vhost_user *vu)
{
	while (vu->n_asked > 0)
		machine_answer(vu, -ECONNRESET);
}

static inline void machine_ask(struct vhost_user *vu, const struct machine_asked *asked)
{
	assert(vu->n_asked < MACHINE_MAX_MAPS);
	vu->asked[vu->n_asked++] = *asked;
	if (!vu->answering)
		vu->answering = wl_event_loop_add_idle(machine.loop, machine_answer_all, vu);
}

bool vhost_user_keeps_maps(const struct vhost_user *vu)
{
	return false;
}

int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, void (*done)(void *data, int result), void *data)
{
	if (vu->no_region)
		return -ENOTSUP;
	machine_ask(vu,
		&(struct machine_asked){.map = {.offset = shm_offset,
						.length = length,
						.fd_offset = fd_offset,
						.fd = fd_dup(fd)},
			.done = done,
			.data = data});
	return 0;
}

int vhost_user_shmem_unmap(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset,
	uint64_t length, void (*done)(void *data, int result), void *data)
{
	machine_ask(vu,
		&(struct machine_asked){.unmap = true,
			.map = {.offset = shm_offset, .length = length},
			.done = done,
			.data = data});
	return 0;
}

static inline void machine_reset(void)
{
	machine.vhost_user.running = false;
	machine_cancel(&machine.vhost_user);
	machine.vhost_user.device->reset(machine.vhost_user.data);
}

void vhost_user_destroy(struct vhost_user *vu)
{
	machine_reset();
	vu->device->left(vu->data);
	if (vu->answering)
		wl_event_source_remove(vu->answering);
	for (uint32_t i = 0; i < 2; i++)
		virtqueue_destroy(vu->queues[i]);
	guest_memory_destroy(vu->memory);
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
	machine_cancel(vu);
	while (vu->n_segments > 0)
		machine_drop_map(vu, 0);
	vu->broken = NULL;
	vu->running = true;
	vu->device->started(vu->data, false);
}

static struct image_maker *machine_maker; /* of buffers, or NULL */
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
	quota_init(&machine.quota);
	kinds_init(&machine.kinds, NULL, machine_renderer, true, machine_maker);
	const struct device_config config = {
		.loop = machine.loop,
		.socket_path = "unused",
		.socket_fd = -1,
		.kinds = machine.kinds.list,
		.n_kinds = machine.kinds.n,
		.quota = &machine.quota,
		.region_bytes = MACHINE_REGION_BYTES,
	};
	machine.device = device_create(&config);
	assert(machine.device);
	machine_boot();
	wl_event_loop_dispatch_idle(machine.loop); /* the region is mapped */
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

/* Kicks the queue. What process returned, when there was no more. */
static inline int machine_kick(uint32_t queue)
{
	struct vhost_user *vu = &machine.vhost_user;
	int result = 0;
	while (vhost_user_running(vu) && (result = vu->device->process(vu->data, queue)) > 0)
		continue;
	return result;
}

/* Takes the next answer. False: there is none. */
static inline bool machine_collect_one(uint32_t queue)
{
	const struct vring_used_elem *used = ring_driver_take(&machine.rings[queue]);
	if (!used)
		return false;
	struct machine_answer *answer = &machine.answers[queue][used->id % MACHINE_RING_SIZE];
	assert(!answer->there); /* nobody is answered twice */
	answer->there = true;
	answer->written = used->len;
	return true;
}

/* Lets the loop run until nothing is left to do at once, and collects answers. */
static inline void machine_turn(void)
{
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(machine.loop, 0);
	for (uint32_t queue = 0; queue < 2; queue++)
		while (machine_collect_one(queue))
			continue;
}

/* Copies the answer to the command of the control queue with this head to @to, zeroes behind it.
 * False: there is none yet. */
static inline bool machine_answered(uint16_t head, void *to, size_t size, uint32_t *written)
{
	machine_turn();
	const struct machine_answer *answer = &machine.answers[0][head];
	if (!answer->there)
		return false;
	*written = answer->written;
	memset(to, 0, size);
	memcpy(to, answer->bytes, min_u64(answer->written, size));
	return true;
}

/* How often the driver was interrupted since the last time. */
static inline unsigned machine_interrupts(uint32_t queue)
{
	uint64_t count = 0;
	return read(machine.calls[queue], &count, sizeof(count)) == sizeof(count) ? (unsigned)count
										  : 0;
}

#endif
