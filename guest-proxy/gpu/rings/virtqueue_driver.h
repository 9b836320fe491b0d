/*
 * The driver's side of a split virtqueue (virtio 1.3, 2.7) with indirect descriptors and event
 * index: asynchronous requests, and as few interrupts and kicks as the work allows.
 */
#ifndef GUEST_PROXY_GPU_RINGS_VIRTQUEUE_DRIVER_H
#define GUEST_PROXY_GPU_RINGS_VIRTQUEUE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_DRIVER_SIZE 1024u /* descriptors, and requests in flight at most */

/* Offsets of the rings in the queue's memory; its first page boundary behind them. */
#define VIRTQUEUE_DRIVER_DESCRIPTORS 0u
#define VIRTQUEUE_DRIVER_AVAILABLE ((size_t)16 * VIRTQUEUE_DRIVER_SIZE)
#define VIRTQUEUE_DRIVER_USED (VIRTQUEUE_DRIVER_AVAILABLE + 4096)
#define VIRTQUEUE_DRIVER_RING_BYTES (VIRTQUEUE_DRIVER_USED + 12288)

/* Each request has a page: its indirect table, room for the answer, room for a command. */
#define VIRTQUEUE_DRIVER_SLOT_BYTES ((size_t)4096)
#define VIRTQUEUE_DRIVER_RESPONSE_BYTES 448u
#define VIRTQUEUE_DRIVER_COMMAND_BYTES 3584u
#define VIRTQUEUE_DRIVER_BYTES                                                                     \
	(VIRTQUEUE_DRIVER_RING_BYTES + VIRTQUEUE_DRIVER_SIZE * VIRTQUEUE_DRIVER_SLOT_BYTES)

struct virtqueue_driver;

/*
 * @memory: VIRTQUEUE_DRIVER_BYTES of zeroes in guest memory, page-aligned, which the device sees at
 * @guest_address. Borrowed. NULL when memory is short.
 */
struct virtqueue_driver *virtqueue_driver_create(void *memory, uint64_t guest_address);
void virtqueue_driver_destroy(struct virtqueue_driver *driver);

/* A free slot for a request, the caller's until virtqueue_driver_release; -EAGAIN when all are in
 * use. */
int virtqueue_driver_acquire(struct virtqueue_driver *driver);
void virtqueue_driver_release(struct virtqueue_driver *driver, unsigned slot);
unsigned virtqueue_driver_n_free(const struct virtqueue_driver *driver);

/* A slot's memory: VIRTQUEUE_DRIVER_COMMAND_BYTES to fill in, VIRTQUEUE_DRIVER_RESPONSE_BYTES for
 * the answer. */
void *virtqueue_driver_command(struct virtqueue_driver *driver, unsigned slot);
const void *virtqueue_driver_response(const struct virtqueue_driver *driver, unsigned slot);

enum virtqueue_answer {
	VIRTQUEUE_PROMPT,  /* completed as soon as the device sees it; nobody needs to be told */
	VIRTQUEUE_AWAITED, /* the driver wants an interrupt when it is completed */
};

/*
 * Queues the first @command_bytes of the slot's command, then @extra_bytes (0: none) at guest
 * address @extra; the answer may have @response_bytes. The device sees it after
 * virtqueue_driver_publish.
 */
void virtqueue_driver_add(struct virtqueue_driver *driver, unsigned slot, size_t command_bytes,
	uint64_t extra, size_t extra_bytes, size_t response_bytes, enum virtqueue_answer answer);

enum virtqueue_kick {
	VIRTQUEUE_KICK_NORMAL, /* if the device asks for kicks */
	VIRTQUEUE_KICK_LAZY,   /* only if the device says that it waits for lazy requests
				  (VIRTQUEUE_USED_F_WANT_LAZY) */
};

/* In used->flags, which has no meaning of its own under EVENT_IDX; see
 * CROSS_DOMAIN_USED_F_WANT_POLL. */
#define VIRTQUEUE_USED_F_WANT_LAZY 2u

/* Shows the device what was added. True: it wants to be kicked. */
bool virtqueue_driver_publish(struct virtqueue_driver *driver, enum virtqueue_kick kick);

/*
 * The next request that the device has completed: its slot (to be released) and how much it wrote
 * into the answer. 1, 0: none, or -EPROTO: the device put nonsense on the ring.
 */
int virtqueue_driver_take(struct virtqueue_driver *driver, unsigned *slot, uint32_t *written);

/*
 * After virtqueue_driver_take returned 0: asks for an interrupt at the first completion that may be
 * an awaited one. True: such a one may have come in between; take again.
 */
bool virtqueue_driver_arm(struct virtqueue_driver *driver);

/*
 * Prompt requests that are not completed by now are late: from now on every one
 * of their completions interrupts. To be called some time after requests were added; without it a
 * late request would hide the completion of an awaited one. Then virtqueue_driver_arm.
 */
void virtqueue_driver_settle(struct virtqueue_driver *driver);

#endif
