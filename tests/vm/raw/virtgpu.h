/*
 * A virtio-gpu render node and cross-domain contexts by bare ioctls: what a guest program that is
 * not ours does. None of wayferry-guest's code; layouts are from the kernel's header and from how
 * other guests use the protocol.
 */
#ifndef TESTS_VM_RAW_VIRTGPU_H
#define TESTS_VM_RAW_VIRTGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_PAGE 4096u

enum raw_command {
	RAW_INIT = 1,
	RAW_GET_IMAGE_REQUIREMENTS = 2,
	RAW_POLL = 3,
	RAW_SEND = 4,
	RAW_RECEIVE = 5,
	RAW_READ = 6,
	RAW_WRITE = 7,
};

enum raw_identifier { RAW_BLOB = 1, RAW_READ_PIPE = 3, RAW_WRITE_PIPE = 4 };

/* fourcc codes of DRM */
#define RAW_FORMAT(a, b, c, d)                                                                     \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define RAW_R8 RAW_FORMAT('R', '8', ' ', ' ')
#define RAW_XR24 RAW_FORMAT('X', 'R', '2', '4')

enum raw_image { /* words of the answer to GET_IMAGE_REQUIREMENTS */
	RAW_IMAGE_STRIDE = 0,
	RAW_IMAGE_OFFSET = 4,
	RAW_IMAGE_MODIFIER = 8,
	RAW_IMAGE_SIZE = 10,
	RAW_IMAGE_SIZE_HIGH = 11,
	RAW_IMAGE_BLOB_ID = 12,
	RAW_IMAGE_MEMORY_IDX = 14,
	RAW_IMAGE_DEVICE_IDX = 15,
	RAW_IMAGE_WORDS = 16,
};

struct raw_blob {
	uint32_t handle, resource;
	uint8_t *map;
	size_t size;
};

struct raw_send { /* SEND and RECEIVE; data follow */
	uint8_t cmd, ring_idx;
	uint16_t cmd_size;
	uint32_t pad;
	uint32_t n_identifiers, size;
	uint32_t identifiers[28], types[28], sizes[28];
};

struct raw_write { /* READ and WRITE; data follow */
	uint8_t cmd, ring_idx;
	uint16_t cmd_size;
	uint32_t pad;
	uint32_t identifier, hang_up, size, pad2;
};

struct raw_context {
	int fd;
	struct raw_blob query, channel; /* the rings; may be the same */
	bool polling;                   /* a POLL is outstanding */
};

/* What cannot be gone on from: a message, and status 1. */
_Noreturn void __attribute__((format(printf, 1, 2))) raw_die(const char *format, ...);

/* The render node in $RAW_NODE, else the first. Dies. */
int raw_open(void);
int raw_param(int fd, uint64_t param);
/* An ioctl of the render node: 0 or -errno. */
int raw_call(int fd, unsigned long request, void *argument);
/* A render node whose context is of this capset. Dies. */
int raw_open_context(uint32_t capset);
/* Waits until the host has done all that names @handle. 0 or -errno. */
int raw_wait(int fd, uint32_t handle);
/* Commands that name @handle; waits until the host has executed them. 0 or -errno. */
int raw_execute_wait(int fd, const void *bytes, size_t size, uint32_t handle);
/* A context of capset 5 with a query and a channel ring of @ring_bytes. No INIT yet. Dies. */
void raw_context_open(struct raw_context *context, size_t ring_bytes);
void raw_context_close(struct raw_context *context);

/* @memory: 1 of the guest, 2 of the host (@blob_id). 0 or -errno. Mapped. */
int raw_blob_create(int fd, uint32_t memory, uint64_t blob_id, size_t size, struct raw_blob *out);
/* Maps one that was not made here: its handle and size are known. 0 or -errno. */
int raw_blob_map(int fd, struct raw_blob *blob);
void raw_blob_close(int fd, struct raw_blob *blob);

/* Submits without a fence; on ring 0 and waits until it was run; with an event of ring 1. 0 or
 * -errno. */
int raw_submit(struct raw_context *context, const void *bytes, size_t size);
int raw_submit_wait(struct raw_context *context, const void *bytes, size_t size);
int raw_submit_event(struct raw_context *context, const void *bytes, size_t size);

/* Asks for the next event, unless that was done. */
void raw_poll(struct raw_context *context);
/* Waits for the event that raw_poll asked for; its page, or NULL after @ms. */
const uint8_t *raw_event(struct raw_context *context, int ms);

/* INIT of @size bytes: 16, 20, 24, 36 (others: as 20, longer or shorter). */
void raw_init(struct raw_context *context, uint16_t size, uint32_t channel_type);
/* Flags of images, as GBM's. */
enum {
	RAW_SCANOUT = 1,
	RAW_LINEAR = 16,
};

/* GET_IMAGE_REQUIREMENTS: whether the query ring has an answer. @answer: RAW_IMAGE_WORDS. */
bool raw_ask_image_for(struct raw_context *context, uint32_t flags, uint32_t width, uint32_t height,
	uint32_t format, uint32_t *answer);
/* The same as Sommelier asks: linear, and for scanout. */
bool raw_ask_image(struct raw_context *context, uint32_t width, uint32_t height, uint32_t format,
	uint32_t *answer);
/* One SEND. */
void raw_send(struct raw_context *context, const void *data, uint32_t size,
	const uint32_t *identifiers, const uint32_t *types, uint32_t n_identifiers);
void raw_write(
	struct raw_context *context, uint32_t pipe, const void *data, uint32_t size, bool hang_up);

#endif
