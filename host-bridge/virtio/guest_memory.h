/* The guest's memory as the frontend shares it: a table of regions, looked up without overflow. */
#ifndef HOST_BRIDGE_VIRTIO_GUEST_MEMORY_H
#define HOST_BRIDGE_VIRTIO_GUEST_MEMORY_H

#include "host-bridge/virtio/udmabuf.h"
#include "protocol/formats/vhost_user.h"
#include <sys/uio.h>

struct guest_memory;

struct guest_memory *guest_memory_create(void);
void guest_memory_destroy(struct guest_memory *memory);

/*
 * Replaces the table (SET_MEM_TABLE): maps each region of @table from the fd of the same index.
 * Takes the fds, also on error. Pointers from before are void afterwards. 0 or -errno with the old
 * table gone (no memory at all).
 */
int guest_memory_set(
	struct guest_memory *memory, const struct vhost_user_memory *table, int *fds, size_t n_fds);
void guest_memory_clear(struct guest_memory *memory);

/*
 * Whether a file of the table was seen truncated, since the last clear: reads of
 * its region have been zeros since then. The eventfd @wake_fd (borrowed; -1: none) is written to
 * when that happens.
 */
bool guest_memory_truncated(const struct guest_memory *memory);
void guest_memory_watch(struct guest_memory *memory, int wake_fd);

/* Counts up with each set or clear: pointers held by others are good while it stays the same. */
uint64_t guest_memory_generation(const struct guest_memory *memory);

/*
 * [address, address + length) as one host pointer, or NULL when it is not wholly inside one region.
 */
void *guest_memory_at(const struct guest_memory *memory, uint64_t guest_address, uint64_t length);

/* As guest_memory_at, for addresses of the frontend's own address space (SET_VRING_ADDR). */
void *guest_memory_at_user(
	const struct guest_memory *memory, uint64_t user_address, uint64_t length);

/*
 * Appends the segments of [address, address + length) to @iov (several when regions adjoin). Number
 * of segments, or -EFAULT, or -E2BIG when @max is too few.
 */
int guest_memory_iov(const struct guest_memory *memory, uint64_t guest_address, uint64_t length,
	struct iovec *iov, size_t max);

/* How much there is of it, over all regions. */
uint64_t guest_memory_bytes(const struct guest_memory *memory);

/*
 * Whether all of [address, address + length) is there, in however many regions; of length 0 it
 * always is.
 */
bool guest_memory_covers(
	const struct guest_memory *memory, uint64_t guest_address, uint64_t length);

/*
 * From now on keeps the fds of regions, so that they can be passed on. Regions that a new table has
 * again, of the same file and place, keep their number; a number is never used for another.
 */
void guest_memory_keep_fds(struct guest_memory *memory);

struct guest_memory_region {
	uint32_t number; /* from 1 */
	int fd;          /* borrowed, until the table changes */
	uint64_t fd_offset, size;
};

/*
 * The region that holds @guest_address, how far into it that is, and how many bytes are there from
 * it on. False: there is none, or fds are not kept.
 */
bool guest_memory_region_at(const struct guest_memory *memory, uint64_t guest_address,
	struct guest_memory_region *region, uint64_t *offset, uint64_t *length);

/*
 * The files behind [address, address + length), page-aligned, in @segments (fds borrowed, until the
 * table changes). Number of segments; -EFAULT: not all of it is there; -EINVAL: misaligned;
 * -ENOTSUP: a file could shrink, or fds are not kept; -E2BIG: @max is too few.
 */
int guest_memory_files(const struct guest_memory *memory, uint64_t guest_address, uint64_t length,
	struct udmabuf_segment *segments, size_t max);
/* Whether there is memory, all of it in files that cannot shrink. */
bool guest_memory_sealed(const struct guest_memory *memory);

/*
 * Copy out of and into guest memory, across adjoining regions. The bytes copied: fewer where memory
 * ends.
 */
size_t guest_memory_read(
	const struct guest_memory *memory, uint64_t guest_address, void *data, size_t size);
size_t guest_memory_write(
	struct guest_memory *memory, uint64_t guest_address, const void *data, size_t size);

#endif
