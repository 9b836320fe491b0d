/*
 * A monitor and a driver in one, written down to the ring's words: connects to wayferry-host's
 * socket, brings the device up, and then says to it whatever a test wants, right or wrong.
 */
#ifndef TESTS_FAULTS_RAW_DEVICE_H
#define TESTS_FAULTS_RAW_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>

#include "protocol/formats/vhost_user.h"

#define RAW_MEMORY_GUEST UINT64_C(0x100000000) /* where the one region lies for the guest */
#define RAW_MEMORY_USER UINT64_C(0x7000000000) /* and for the monitor */
#define RAW_MEMORY_BYTES (8u << 20)            /* unless a test wants more */
#define RAW_PAGE 4096u
#define RAW_QUEUE_SIZE 256
#define RAW_TIMEOUT_MS 30000 /* for what hangs */

/* Offsets in the memory. The rest, from RAW_HEAP on, is the test's. */
#define RAW_RING(queue) ((queue)*0x4000u)
#define RAW_AVAILABLE 0x1000u
#define RAW_USED 0x2000u
#define RAW_INDIRECT 0x8000u
/* A slot is a place for one command under way: the descriptors 2 * slot and 2 * slot + 1. */
#define RAW_SLOTS 64
#define RAW_REQUEST(slot) (0x10000u + (slot)*0x8000u) /* 28 KiB */
#define RAW_REQUEST_BYTES 0x7000u
#define RAW_RESPONSE(slot) (RAW_REQUEST(slot) + RAW_REQUEST_BYTES) /* 4 KiB */
#define RAW_HEAP 0x400000u

struct raw_device {
	int socket;
	int backend; /* our end of the backend's requests */
	int memory_fd;
	bool sealed; /* before raw_device_start: memory that cannot shrink, so that dma-bufs can be
			made of it */
	uint64_t memory_bytes;          /* before raw_device_start: if more than RAW_MEMORY_BYTES */
	int kick[2], call[2], error[2]; /* by queue; non-blocking */
	uint8_t *memory;
	uint8_t *region; /* what SHMEM_MAP gave; NULL: nothing */
	uint64_t region_bytes;
	uint64_t region_size; /* of GET_SHMEM_CONFIG */
	uint64_t features;
	uint16_t used_seen;               /* of queue 0 */
	bool done[RAW_QUEUE_SIZE];        /* by head: it was on the used ring since it was posted */
	uint16_t used_at[RAW_QUEUE_SIZE]; /* by head that is done: where on the used ring */
	bool nonsense;                    /* the used ring named a chain that is not there */
};

/* How a posted chain ended. */
enum raw_end {
	RAW_ANSWERED, /* it is on the used ring */
	RAW_STOPPED,  /* the ring's error event was signalled */
	RAW_CLOSED,   /* the device closed the connection */
	RAW_SILENT,   /* nothing within the time */
};

/* Connects and sends what every monitor sends first; no memory or queues yet. 0 or -errno. */
int raw_device_connect(struct raw_device *device, const char *path);
/* Memory and queues: the driver runs. 0 or -errno. */
int raw_device_start(struct raw_device *device);
void raw_device_close(struct raw_device *device);

/* One message with up to one fd (-1: none). 0 or -errno. */
int raw_device_message(struct raw_device *device, uint32_t request, uint32_t flags,
	const void *payload, uint32_t size, int fd);
/* The answer to @request: its size, or -ECONNRESET when the device closed the connection,
 * -ETIMEDOUT, -EPROTO. */
int raw_device_reply(struct raw_device *device, uint32_t request, void *payload, uint32_t size);
/* A message with NEED_REPLY: what the acknowledgement says (0 or not), or -errno as
 * raw_device_reply. */
int64_t raw_device_acknowledged(
	struct raw_device *device, uint32_t request, const void *payload, uint32_t size, int fd);

uint64_t raw_guest(uint32_t offset);
struct vring_desc *raw_descriptors(struct raw_device *device, unsigned queue);
/* Makes the chain at descriptor @head available to the device, which is not told yet. */
void raw_device_offer(struct raw_device *device, uint16_t head);
void raw_device_kick(struct raw_device *device);
/* Both. */
void raw_device_post(struct raw_device *device, uint16_t head);
/* Serves the backend's requests while it waits for @head (-1: any chain) to be used. */
enum raw_end raw_device_wait(struct raw_device *device, int head, int timeout_ms);

/*
 * Puts one command of @size bytes and room for @response bytes of answer into a slot; its head is 2
 * * @slot. It is not posted yet.
 */
void raw_device_prepare(struct raw_device *device, unsigned slot, const void *command, size_t size,
	size_t response);
const void *raw_device_response(const struct raw_device *device, unsigned slot);
/* Waits for the answer to what is posted in a slot. Its type, or 0 when there is none. */
uint32_t raw_device_answer(struct raw_device *device, unsigned slot);

/* One command and its answer in slot 0, as a driver does it. The answer's type, or 0 when there is
 * none. */
uint32_t raw_device_command(
	struct raw_device *device, const void *command, size_t size, size_t response);

#endif
