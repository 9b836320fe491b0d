/* The device's side of a split virtqueue (virtio 1.3, 2.7): indirect descriptors, event index. */
#include "host-bridge/virtio/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <unistd.h>

#include "protocol/base/copied_once.h"
#include "protocol/base/fd.h"
#include "protocol/formats/cross_domain.h"

#define LOG_MODULE "queue"
#include "protocol/base/log.h"

/* Of all responses that wait while a queue is paused. Those beyond it are dropped. */
#define MAX_DEFERRED_BYTES (UINT32_C(1) << 20)

/* The rings in the guest's memory. Everything in them may change at any time. */
struct rings {
	const struct vring_desc *descriptors;
	struct {
		const uint16_t *flags, *index, *ring, *used_event;
	} available;
	struct {
		uint16_t *flags, *index, *avail_event;
		struct vring_used_elem *ring;
	} used;
};

/* What was written to a chain's buffers while the queue was paused. */
struct deferred_write {
	struct deferred_write *next;
	uint64_t guest_address;
	uint32_t length;
	uint8_t data[];
};

struct virtqueue {
	struct guest_memory *memory;
	uint32_t size;                         /* 0: not set */
	uint64_t descriptors, available, used; /* of the frontend's address space */
	bool has_addresses;
	bool event_index, indirect;
	int call_fd;

	struct rings rings;
	bool resolved; /* rings are good for this generation of memory */
	uint64_t generation;
	uint16_t next_available; /* the next entry to pop */
	uint16_t next_used;      /* free-running; read from the ring first, see used_known */
	bool used_known;
	bool kicks_wanted;       /* what the driver was told last */
	uint16_t signalled_used; /* next_used when an interrupt was last considered */
	bool signalled_known;    /* signalled_used means something */
	uint32_t pushed;         /* since then */

	bool paused;
	uint32_t n_deferred;
	struct vring_used_elem deferred[VIRTQUEUE_MAX_SIZE];
	struct deferred_write *writes, **writes_end;
	uint32_t deferred_bytes;
};

static uint16_t load_acquire(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static uint16_t load_relaxed(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static struct vring_desc copy_descriptor(const void *from)
{
	struct vring_desc descriptor;
	memcpy(&descriptor, from, sizeof(descriptor));
	copied_once();
	return descriptor;
}

struct virtqueue_chain *virtqueue_chain_copy(const struct virtqueue_chain *chain)
{
	size_t bytes = offsetof(struct virtqueue_chain, segments) +
		(chain->n_out + chain->n_in) * sizeof(chain->segments[0]);
	struct virtqueue_chain *copy = malloc(bytes);
	if (copy)
		memcpy(copy, chain, bytes);
	return copy;
}

struct virtqueue *virtqueue_create(struct guest_memory *memory)
{
	struct virtqueue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		return NULL;
	queue->memory = memory;
	queue->call_fd = -1;
	queue->writes_end = &queue->writes;
	return queue;
}

static void drop_deferred(struct virtqueue *queue)
{
	while (queue->writes) {
		struct deferred_write *write = queue->writes;
		queue->writes = write->next;
		free(write);
	}
	queue->writes_end = &queue->writes;
	queue->deferred_bytes = 0;
	queue->n_deferred = 0;
}

void virtqueue_destroy(struct virtqueue *queue)
{
	if (!queue)
		return;
	virtqueue_reset(queue);
	free(queue);
}

void virtqueue_reset(struct virtqueue *queue)
{
	struct guest_memory *memory = queue->memory;
	drop_deferred(queue);
	fd_close(&queue->call_fd);
	memset(queue, 0, sizeof(*queue));
	queue->memory = memory;
	queue->call_fd = -1;
	queue->writes_end = &queue->writes;
}

int virtqueue_set_size(struct virtqueue *queue, uint32_t size)
{
	if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)) != 0)
		return -EINVAL;
	queue->size = size;
	queue->resolved = false;
	return 0;
}

uint32_t virtqueue_size(const struct virtqueue *queue)
{
	return queue->size;
}

int virtqueue_set_addresses(
	struct virtqueue *queue, uint64_t descriptors, uint64_t available, uint64_t used)
{
	if (descriptors % VRING_DESC_ALIGN_SIZE != 0 || available % VRING_AVAIL_ALIGN_SIZE != 0 ||
		used % VRING_USED_ALIGN_SIZE != 0)
		return -EINVAL;
	queue->descriptors = descriptors;
	queue->available = available;
	queue->used = used;
	queue->has_addresses = true;
	queue->resolved = false;
	return 0;
}

static void forget_used(struct virtqueue *queue)
{
	queue->used_known = false;
	queue->signalled_known = false;
	queue->pushed = 0;
}

void virtqueue_set_base(struct virtqueue *queue, uint16_t available_index)
{
	queue->next_available = available_index;
	forget_used(queue);
}

uint16_t virtqueue_base(const struct virtqueue *queue)
{
	return queue->next_available;
}

void virtqueue_set_features(struct virtqueue *queue, bool event_index, bool indirect)
{
	queue->event_index = event_index;
	queue->indirect = indirect;
}

void virtqueue_set_call(struct virtqueue *queue, int fd)
{
	fd_close(&queue->call_fd);
	queue->call_fd = fd;
}

static void *resolve_ring(
	struct virtqueue *queue, uint64_t user_address, uint64_t bytes, uintptr_t align)
{
	void *ring = guest_memory_at_user(queue->memory, user_address, bytes);
	return (uintptr_t)ring % align == 0 ? ring : NULL;
}

/* Finds the rings in the current memory table; false when they are not there. */
static bool resolve(struct virtqueue *queue)
{
	uint64_t generation = guest_memory_generation(queue->memory);
	if (queue->resolved && queue->generation == generation)
		return true;
	queue->resolved = false;
	if (queue->size == 0 || !queue->has_addresses)
		return false;

	uint32_t size = queue->size;
	struct vring_desc *descriptors = resolve_ring(
		queue, queue->descriptors, size * sizeof(*descriptors), VRING_DESC_ALIGN_SIZE);
	struct vring_avail *available = resolve_ring(queue, queue->available,
		sizeof(*available) + (size + 1) * sizeof(uint16_t), VRING_AVAIL_ALIGN_SIZE);
	struct vring_used *used = resolve_ring(queue, queue->used,
		sizeof(*used) + size * sizeof(struct vring_used_elem) + sizeof(uint16_t),
		VRING_USED_ALIGN_SIZE);
	if (!descriptors || !available || !used)
		return false;

	queue->rings = (struct rings){
		.descriptors = descriptors,
		.available = {&available->flags, &available->idx, available->ring,
			&available->ring[size]},
		.used = {&used->flags, &used->idx, (uint16_t *)(void *)&used->ring[size],
			used->ring},
	};
	queue->resolved = true;
	queue->generation = generation;
	return true;
}

/* As resolve, and with next_used known. */
static bool ready(struct virtqueue *queue)
{
	if (!resolve(queue))
		return false;
	if (!queue->used_known) {
		queue->next_used = load_relaxed(queue->rings.used.index);
		queue->used_known = true;
		queue->kicks_wanted = true;
	}
	return true;
}

bool virtqueue_usable(struct virtqueue *queue)
{
	return resolve(queue);
}

/*
 * Adds a segment to the chain; -EPROTO when it is not in memory, too many, or readable after
 * writable.
 */
static int add_segment(
	struct virtqueue *queue, struct virtqueue_chain *chain, const struct vring_desc *descriptor)
{
	bool in = descriptor->flags & VRING_DESC_F_WRITE;
	uint32_t n = chain->n_out + chain->n_in;

	if (!in && chain->n_in > 0)
		return -EPROTO;
	if (descriptor->len == 0)
		return 0;
	if (n == VIRTQUEUE_MAX_SEGMENTS ||
		!guest_memory_covers(queue->memory, descriptor->addr, descriptor->len))
		return -EPROTO;
	chain->segments[n] = (struct virtqueue_segment){
		.guest_address = descriptor->addr,
		.length = descriptor->len,
	};
	if (in) {
		chain->n_in++;
		chain->in_bytes += descriptor->len;
	} else {
		chain->n_out++;
		chain->out_bytes += descriptor->len;
	}
	return 0;
}

/* One entry of a table at @at; NULL: it lies across adjoining regions, from @address on. */
static struct vring_desc table_entry(
	const struct virtqueue *queue, const uint8_t *at, uint64_t address, uint32_t i)
{
	struct vring_desc descriptor;
	if (at)
		return copy_descriptor(at + i * sizeof(descriptor));
	guest_memory_read(
		queue->memory, address + i * sizeof(descriptor), &descriptor, sizeof(descriptor));
	return descriptor;
}

/* Walks the table behind @table, which ends the chain. */
static int walk_indirect(
	struct virtqueue *queue, struct virtqueue_chain *chain, const struct vring_desc *table)
{
	const uint32_t n = table->len / sizeof(*table);

	if (!queue->indirect || (table->flags & VRING_DESC_F_NEXT) || table->len == 0 ||
		table->len % sizeof(*table) != 0 || n > VIRTQUEUE_MAX_SEGMENTS)
		return -EPROTO;
	const uint8_t *at = guest_memory_at(queue->memory, table->addr, table->len);
	if (!at && !guest_memory_covers(queue->memory, table->addr, table->len))
		return -EPROTO;
	/* Each step uses up one of the table's entries: a loop ends. */
	for (uint32_t steps = 0, next = 0; steps < n && next < n; steps++) {
		const struct vring_desc descriptor = table_entry(queue, at, table->addr, next);
		if (descriptor.flags & VRING_DESC_F_INDIRECT)
			return -EPROTO;
		int error = add_segment(queue, chain, &descriptor);
		if (error < 0)
			return error;
		if (!(descriptor.flags & VRING_DESC_F_NEXT))
			return 0;
		next = descriptor.next;
	}
	return -EPROTO;
}

static int walk(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	uint32_t next = chain->head;

	for (uint32_t steps = 0; steps < queue->size && next < queue->size; steps++) {
		struct vring_desc descriptor = copy_descriptor(&queue->rings.descriptors[next]);
		if (descriptor.flags & VRING_DESC_F_INDIRECT)
			return walk_indirect(queue, chain, &descriptor);
		int error = add_segment(queue, chain, &descriptor);
		if (error < 0)
			return error;
		if (!(descriptor.flags & VRING_DESC_F_NEXT))
			return 0;
		next = descriptor.next;
	}
	return -EPROTO;
}

/*
 * No kicks are needed while chains are popped anyway. With event index it is enough not to move
 * avail_event.
 */
static void disable_kicks(struct virtqueue *queue)
{
	if (!queue->kicks_wanted)
		return;
	queue->kicks_wanted = false;
	if (!queue->event_index)
		__atomic_store_n(queue->rings.used.flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	if (queue->paused)
		return 0;
	if (!ready(queue))
		return -EPROTO;
	uint16_t waiting = load_acquire(queue->rings.available.index) - queue->next_available;
	if (waiting == 0)
		return 0;
	if (waiting > queue->size)
		return -EPROTO;
	disable_kicks(queue);

	chain->head = load_relaxed(
		&queue->rings.available.ring[queue->next_available & (queue->size - 1)]);
	chain->n_out = chain->n_in = 0;
	chain->out_bytes = chain->in_bytes = 0;
	int error = walk(queue, chain);
	if (error < 0)
		return error;
	queue->next_available++;
	return 1;
}

bool virtqueue_enable_kicks(struct virtqueue *queue)
{
	if (queue->paused || !ready(queue))
		return false;
	queue->kicks_wanted = true;
	if (queue->event_index)
		__atomic_store_n(
			queue->rings.used.avail_event, queue->next_available, __ATOMIC_RELAXED);
	else
		__atomic_store_n(queue->rings.used.flags, 0, __ATOMIC_RELAXED);
	/*
	 * Either the driver sees the wish before it decides not to kick, or we see what it has
	 * added.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_acquire(queue->rings.available.index) != queue->next_available;
}

void virtqueue_want_polls(struct virtqueue *queue, bool wanted)
{
	if (queue->event_index && ready(queue))
		__atomic_store_n(queue->rings.used.flags,
			wanted ? CROSS_DOMAIN_USED_F_WANT_POLL : 0, __ATOMIC_RELAXED);
}

/* Skips @offset bytes: true if @segment has more than that, its rest in @address and @length. */
static bool skip(const struct virtqueue_segment *segment, uint64_t *offset, uint64_t *address,
	size_t *length)
{
	if (*offset >= segment->length) {
		*offset -= segment->length;
		return false;
	}
	*address = segment->guest_address + *offset;
	*length = segment->length - *offset;
	*offset = 0;
	return true;
}

size_t virtqueue_read(struct virtqueue *queue, const struct virtqueue_chain *chain, uint64_t offset,
	void *data, size_t size)
{
	size_t done = 0;
	for (uint32_t i = 0; i < chain->n_out && done < size; i++) {
		uint64_t address;
		size_t length;
		if (!skip(&chain->segments[i], &offset, &address, &length))
			continue;
		length = min_u64(length, size - done);
		size_t n = guest_memory_read(queue->memory, address, (char *)data + done, length);
		done += n;
		if (n < length)
			break;
	}
	return done;
}

/*
 * The driver of a paused queue may be gone, and its memory used for something else: the bytes wait
 * for virtqueue_resume.
 */
static size_t defer_write(
	struct virtqueue *queue, uint64_t address, const void *data, size_t length)
{
	if (length > MAX_DEFERRED_BYTES - queue->deferred_bytes)
		return 0;
	struct deferred_write *write = malloc(sizeof(*write) + length);
	if (!write)
		return 0;
	write->next = NULL;
	write->guest_address = address;
	write->length = (uint32_t)length;
	memcpy(write->data, data, length);
	*queue->writes_end = write;
	queue->writes_end = &write->next;
	queue->deferred_bytes += (uint32_t)length;
	return length;
}

size_t virtqueue_write(struct virtqueue *queue, const struct virtqueue_segment *segments,
	uint32_t n_segments, uint64_t offset, const void *data, size_t size)
{
	size_t done = 0;
	for (uint32_t i = 0; i < n_segments && done < size; i++) {
		uint64_t address;
		size_t length;
		if (!skip(&segments[i], &offset, &address, &length))
			continue;
		const char *from = (const char *)data + done;
		length = min_u64(length, size - done);
		size_t n = queue->paused ? defer_write(queue, address, from, length)
					 : guest_memory_write(queue->memory, address, from, length);
		done += n;
		if (n < length)
			break;
	}
	return done;
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	struct vring_used_elem element = {.id = head, .len = written};

	if (queue->paused) {
		if (queue->n_deferred < ARRAY_LENGTH(queue->deferred))
			queue->deferred[queue->n_deferred++] = element;
		return;
	}
	if (!ready(queue))
		return;
	queue->rings.used.ring[queue->next_used & (queue->size - 1)] = element;
	__atomic_store_n(queue->rings.used.index, ++queue->next_used, __ATOMIC_RELEASE);
	queue->pushed++;
}

/* Whether the driver asked to be told of what was pushed since the last time. */
static bool wants_interrupt(struct virtqueue *queue)
{
	uint16_t old_used = queue->signalled_used;
	bool known = queue->signalled_known && queue->pushed <= UINT16_MAX;

	/* The used index must be visible before used_event or the flags are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	queue->signalled_used = queue->next_used;
	queue->signalled_known = true;
	queue->pushed = 0;
	if (!queue->event_index)
		return !(load_relaxed(queue->rings.available.flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return !known ||
		vring_need_event(load_relaxed(queue->rings.available.used_event), queue->next_used,
			old_used);
}

void virtqueue_notify(struct virtqueue *queue)
{
	if (queue->paused || queue->pushed == 0 || !ready(queue))
		return;
	if (!wants_interrupt(queue) || queue->call_fd < 0)
		return;
	uint64_t one = 1;
	ssize_t n;
	do {
		n = write(queue->call_fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* A full eventfd is signalled already; after other errors nobody listens. */
	if (n < 0 && errno != EAGAIN)
		log_debug("interrupt: %s", strerror(errno));
}

void virtqueue_pause(struct virtqueue *queue)
{
	queue->paused = true;
}

void virtqueue_resume(struct virtqueue *queue, bool same_driver)
{
	queue->paused = false;
	forget_used(queue);
	if (same_driver) {
		for (const struct deferred_write *write = queue->writes; write; write = write->next)
			guest_memory_write(
				queue->memory, write->guest_address, write->data, write->length);
		for (uint32_t i = 0; i < queue->n_deferred; i++)
			virtqueue_push(
				queue, (uint16_t)queue->deferred[i].id, queue->deferred[i].len);
		virtqueue_notify(queue);
	}
	drop_deferred(queue);
}
