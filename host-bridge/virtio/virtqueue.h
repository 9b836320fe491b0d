/* The device's side of a split virtqueue (virtio 1.3, 2.7): indirect descriptors, event index. */
#ifndef HOST_BRIDGE_VIRTIO_VIRTQUEUE_H
#define HOST_BRIDGE_VIRTIO_VIRTQUEUE_H

#include "host-bridge/virtio/guest_memory.h"

#define VIRTQUEUE_MAX_SIZE 1024
#define VIRTQUEUE_MAX_SEGMENTS 1024 /* descriptors in one chain, also behind an indirect table */

struct virtqueue;

/*
 * A chain, popped: what the driver wrote (out) and where the answer goes (in). Guest addresses,
 * since regions move. Segments of length 0 are left out.
 */
struct virtqueue_segment {
	uint64_t guest_address;
	uint32_t length;
};

struct virtqueue_chain {
	uint16_t head;
	uint32_t n_out, n_in;
	uint64_t out_bytes, in_bytes;
	struct virtqueue_segment segments[VIRTQUEUE_MAX_SEGMENTS]; /* out first, then in */
};

/*
 * A copy to be kept, with room for no more segments than the chain has; the caller's: free(). NULL
 * when memory is short.
 */
struct virtqueue_chain *virtqueue_chain_copy(const struct virtqueue_chain *chain);

/* @memory is borrowed. */
struct virtqueue *virtqueue_create(struct guest_memory *memory);
void virtqueue_destroy(struct virtqueue *queue);

/*
 * Configuration, from vhost-user messages; 0 or -EINVAL. Sizes are powers of two up to
 * VIRTQUEUE_MAX_SIZE.
 */
int virtqueue_set_size(struct virtqueue *queue, uint32_t size);
uint32_t virtqueue_size(const struct virtqueue *queue);
int virtqueue_set_addresses(
	struct virtqueue *queue, uint64_t descriptors, uint64_t available, uint64_t used);
void virtqueue_set_base(struct virtqueue *queue, uint16_t available_index);
uint16_t virtqueue_base(const struct virtqueue *queue);
void virtqueue_set_features(struct virtqueue *queue, bool event_index, bool indirect);
/* The eventfd that interrupts the driver; takes it (-1: none, or polled). */
void virtqueue_set_call(struct virtqueue *queue, int fd);
/* Forgets all of the above. */
void virtqueue_reset(struct virtqueue *queue);
/* Whether size and addresses are set, and the rings are in the current memory table. */
bool virtqueue_usable(struct virtqueue *queue);

/*
 * The next chain that the driver made available. 1: @chain is filled in; 0: none; -EPROTO: the ring
 * is broken (an index, a descriptor outside of it, a loop, indirect inside indirect, memory that is
 * not there): stop the device. A chain whose buffers lie outside guest memory is a broken ring,
 * too.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/*
 * Copy out of a chain's readable part, from @offset / into writable segments, from @offset on. The
 * bytes copied: less than @size at the end of the part, or where memory went away.
 */
size_t virtqueue_read(struct virtqueue *queue, const struct virtqueue_chain *chain, uint64_t offset,
	void *data, size_t size);
size_t virtqueue_write(struct virtqueue *queue, const struct virtqueue_segment *segments,
	uint32_t n_segments, uint64_t offset, const void *data, size_t size);

/*
 * Puts a chain on the used ring. The driver is interrupted, if it wants to be, at the next
 * virtqueue_notify.
 */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);
/* One eventfd write at most. */
void virtqueue_notify(struct virtqueue *queue);

/*
 * Asks for kicks again after the queue was found empty; true when something came in between (then
 * pop again). With event index: avail_event = the next index.
 */
bool virtqueue_enable_kicks(struct virtqueue *queue);

/*
 * Between GET_VRING_BASE and the restart the rings and the guest's memory are not ours: nothing is
 * popped, and what virtqueue_write and virtqueue_push are given is kept. resume hands it over to
 * the @same_driver, or drops it. A new queue is not paused.
 */
void virtqueue_pause(struct virtqueue *queue);
void virtqueue_resume(struct virtqueue *queue, bool same_driver);

/*
 * CROSS_DOMAIN_USED_F_WANT_POLL in the used ring's flags: whether a POLL shall be kicked for. Only
 * with event index, where the flags are free. A barrier must stand between setting it and the last
 * look at the queue; virtqueue_enable_kicks has one.
 */
void virtqueue_want_polls(struct virtqueue *queue, bool wanted);

#endif
