/*
 * Linear memory that a program's CPU writes and the compositor reads, without a copy in between:
 * blobs of the machine's virtio-gpu device. docs/zero-copy.md explains the steps.
 */
#ifndef EXAMPLES_LINEAR_H
#define EXAMPLES_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct linear_device;

struct linear {
	uint8_t *map; /* to read and write */
	size_t bytes;
	uint32_t stride; /* bytes */
	int dmabuf;      /* for linux-dmabuf, at offset 0, modifier LINEAR */
	uint32_t handle; /* the kernel's */
};

/* The device whose number linux-dmabuf's feedback names. NULL: it is no virtio-gpu device that can
 * do this. */
struct linear_device *linear_open(dev_t number);
void linear_close(struct linear_device *device); /* NULL is fine */

/* Whose memory linear_allocate takes: "the host's", or "the guest's". */
const char *linear_owner(const struct linear_device *device);

/* Memory for an image with 4 bytes a pixel, of the format @fourcc. False: there is none. */
bool linear_allocate(struct linear_device *device, uint32_t width, uint32_t height, uint32_t fourcc,
	struct linear *out);
void linear_free(struct linear_device *device, struct linear *memory);

#endif
