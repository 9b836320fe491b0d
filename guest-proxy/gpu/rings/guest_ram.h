/*
 * "Guest RAM": one sparse memfd, of which only what is used is ever touched. The control queue with
 * its slots, the rings of the cursor queue (which nobody uses), then pages for long commands, and
 * pages for blobs. The latter are given back to the system when a blob goes, so a new one is all
 * zeroes.
 */
#ifndef GUEST_PROXY_GPU_RINGS_GUEST_RAM_H
#define GUEST_PROXY_GPU_RINGS_GUEST_RAM_H

#include "guest-proxy/gpu/rings/extents.h"
#include "guest-proxy/gpu/rings/virtqueue_driver.h"
#include "protocol/base/bytes.h"

#define GUEST_RAM_ADDRESS (UINT64_C(1) << 32) /* the device's */
#define GUEST_RAM_BYTES (UINT64_C(1) << 30)
#define GUEST_RAM_CURSOR_OFFSET ((uint64_t)VIRTQUEUE_DRIVER_BYTES)
#define GUEST_RAM_DATA_OFFSET (GUEST_RAM_CURSOR_OFFSET + VIRTQUEUE_DRIVER_RING_BYTES)
#define GUEST_RAM_BLOBS_OFFSET (UINT64_C(64) << 20)
#define GUEST_RAM_DATA_BYTES (GUEST_RAM_BLOBS_OFFSET - GUEST_RAM_DATA_OFFSET)

struct guest_ram {
	int fd;
	uint8_t *map;
	struct extents data_pages, blob_pages; /* page numbers of it */
};

/* 0 or -errno; guest_ram_finish is to be called in both cases. */
int guest_ram_create(struct guest_ram *ram);
/* Fine for { .fd = -1 }. */
void guest_ram_finish(struct guest_ram *ram);

/* @n_pages of @ram's data_pages or blob_pages; the latter are all zeroes. 0, -ENOSPC or -ENOMEM;
 * then @pages->length is 0. */
int guest_ram_take(struct extents *from, uint64_t n_pages, struct extent *pages);
/* Gives back some of blob_pages, which the device does not use (any more). Fine for length 0. */
void guest_ram_give(struct guest_ram *ram, struct extent pages);

static inline void *guest_ram_at(const struct guest_ram *ram, struct extent pages)
{
	return ram->map + pages.start * PAGE_BYTES;
}

/* The same for the device. */
static inline uint64_t guest_ram_address(struct extent pages)
{
	return GUEST_RAM_ADDRESS + pages.start * PAGE_BYTES;
}

#endif
