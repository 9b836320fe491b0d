/* The host-visible region: one sealed memfd, who has which segment of it, and what is mapped. */
#include "host-bridge/vhost/visible_region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "region"
#include "protocol/base/log.h"

#define WINDOW_SHMID 1 /* VIRTIO_GPU_SHM_ID_HOST_VISIBLE */
#define MIN_BYTES (UINT64_C(1) << 20)
#define MAX_SLOTS 4096
#define MAX_MAPS 256 /* of segments; QEMU takes the longer for each the more there are */

struct slot {
	uint64_t offset, size; /* page-aligned */
};

struct map { /* of a segment in the guest; they do not overlap */
	uint64_t offset, size;
	bool own;      /* the region's memory: can be used again as it is */
	bool used;     /* by a slot */
	uint64_t last; /* when it was last shown */
};

struct visible_region {
	uint64_t size;
	int fd;
	uint8_t *host;         /* all of it, once wanted; else NULL */
	bool mapped;           /* in the guest */
	bool segments;         /* maps, in place of one map of it all */
	uint64_t made;         /* maps so far, of it all or of segments */
	struct vhost_user *vu; /* of segments, once the driver runs */
	size_t n_maps;
	struct map maps[MAX_MAPS];
	uint64_t shows; /* so far */
	size_t n_slots;
	struct slot slots[MAX_SLOTS]; /* by offset, apart from each other */
};

struct visible_region *visible_region_create(uint64_t size)
{
	if (size < MIN_BYTES || (size & (size - 1)) != 0)
		return NULL;
	struct visible_region *region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	region->size = size;
	region->fd = fd_memfd("wayferry-region", size);
	if (region->fd < 0) {
		log_err("%llu bytes: %s", (unsigned long long)size, strerror(-region->fd));
		free(region);
		return NULL;
	}
	return region;
}

void visible_region_destroy(struct visible_region *region)
{
	if (!region)
		return;
	if (region->host)
		munmap(region->host, region->size);
	fd_close(&region->fd);
	free(region);
}

uint64_t visible_region_size(const struct visible_region *region)
{
	return region->size;
}

int visible_region_fd(const struct visible_region *region)
{
	return region->fd;
}

bool visible_region_mapped(const struct visible_region *region)
{
	return region->mapped;
}

void visible_region_set_segments(struct visible_region *region)
{
	region->segments = true;
}

uint64_t visible_region_maps_made(const struct visible_region *region)
{
	return region->made;
}

static int map_all(struct visible_region *region, struct vhost_user *vu)
{
	return vhost_user_shmem_map(vu, WINDOW_SHMID, region->fd, 0, 0, region->size, true);
}

/* --- segments --- */

static int hide(struct visible_region *region, size_t i)
{
	int error = vhost_user_shmem_unmap(
		region->vu, WINDOW_SHMID, region->maps[i].offset, region->maps[i].size);
	/* Refused: it is not there, since the driver was reset meanwhile. */
	if (error == 0 || error == -EIO)
		region->maps[i] = region->maps[--region->n_maps];
	return error == -EIO ? 0 : error;
}

/* Takes away what nobody uses any more in [offset, offset + size). */
static int clear_range(struct visible_region *region, uint64_t offset, uint64_t size)
{
	for (size_t i = region->n_maps; i-- > 0;) {
		const struct map *map = &region->maps[i];
		bool apart = map->offset < offset ? offset - map->offset >= map->size
						  : map->offset - offset >= size;
		if (apart)
			continue;
		int error = map->used ? -EBUSY : hide(region, i);
		if (error < 0)
			return error;
	}
	return 0;
}

/* Room for one more map: that which was not used for the longest time goes. */
static int make_room(struct visible_region *region)
{
	size_t oldest = MAX_MAPS;
	if (region->n_maps < MAX_MAPS)
		return 0;
	for (size_t i = 0; i < region->n_maps; i++)
		if (!region->maps[i].used &&
			(oldest == MAX_MAPS || region->maps[i].last < region->maps[oldest].last))
			oldest = i;
	return oldest == MAX_MAPS ? -ENOSPC : hide(region, oldest);
}

static int map_segment(
	struct visible_region *region, uint64_t offset, uint64_t size, int fd, uint64_t fd_offset)
{
	int error = clear_range(region, offset, size);
	if (error == 0)
		error = make_room(region);
	if (error == 0)
		error = vhost_user_shmem_map(
			region->vu, WINDOW_SHMID, fd, fd_offset, offset, size, true);
	if (error == -EIO) {
		/* As in window_map. */
		error = vhost_user_shmem_unmap(region->vu, WINDOW_SHMID, offset, size);
		if (error == 0 || error == -EIO)
			error = vhost_user_shmem_map(
				region->vu, WINDOW_SHMID, fd, fd_offset, offset, size, true);
	}
	return error;
}

int visible_region_show(
	struct visible_region *region, uint64_t offset, uint64_t size, int fd, uint64_t fd_offset)
{
	bool own = fd < 0;
	if (!region->segments)
		return own ? 0 : -ENOTSUP;
	for (size_t i = 0; i < region->n_maps; i++) {
		struct map *map = &region->maps[i];
		if (own && map->own && map->offset == offset && map->size == size) {
			map->used = true;
			map->last = ++region->shows;
			return 0;
		}
	}
	int error =
		map_segment(region, offset, size, own ? region->fd : fd, own ? offset : fd_offset);
	if (error < 0)
		return error;
	region->made++;
	region->maps[region->n_maps++] = (struct map){
		.offset = offset, .size = size, .own = own, .used = true, .last = ++region->shows};
	return 0;
}

/* A slot was given back. Memory of others goes at once, if it can. */
static void unuse(struct visible_region *region, uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < region->n_maps; i++) {
		if (region->maps[i].offset != offset || region->maps[i].size != size)
			continue;
		region->maps[i].used = false;
		if (!region->maps[i].own)
			hide(region, i);
		return;
	}
}

/* Whether the frontend maps anything at all: one page, which stays to be used or taken away. */
static int probe(struct visible_region *region)
{
	region->n_maps = 0;
	int error = visible_region_show(region, 0, PAGE_BYTES, -1, 0);
	if (error == 0)
		unuse(region, 0, PAGE_BYTES);
	return error;
}

int visible_region_map(struct visible_region *region, struct vhost_user *vu, bool resumed)
{
	if (resumed && region->mapped)
		return 0;
	region->mapped = false;
	region->vu = vu;
	int error = region->segments ? probe(region) : map_all(region, vu);
	if (error == -EIO && !region->segments) {
		/* A map that was on its way when the driver was reset may have survived it. */
		error = vhost_user_shmem_unmap(vu, WINDOW_SHMID, 0, region->size);
		if (error == 0 || error == -EIO)
			error = map_all(region, vu);
	}
	region->mapped = error == 0;
	region->made += region->mapped && !region->segments;
	if (error == -ENOTSUP)
		log_info("the frontend maps no host memory: blobs are guest memory");
	else if (error < 0)
		log_warn("not mapped: %s; blobs are guest memory", strerror(-error));
	return error;
}

static void punch(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		    (off_t)size) < 0)
		log_warn("giving %llu bytes back: %s", (unsigned long long)size, strerror(errno));
}

void visible_region_reset(struct visible_region *region)
{
	region->n_slots = 0;
	region->n_maps = 0;
	region->mapped = false;
	punch(region, 0, region->size);
}

/* Index of the first slot at or after @offset. */
static size_t slot_search(const struct visible_region *region, uint64_t offset)
{
	size_t low = 0, high = region->n_slots;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (region->slots[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int visible_region_reserve(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (size == 0 || offset % PAGE_BYTES != 0 || size % PAGE_BYTES != 0 ||
		!range_fits(offset, size, region->size))
		return -EINVAL;
	size_t at = slot_search(region, offset);
	if (at > 0 && offset - region->slots[at - 1].offset < region->slots[at - 1].size)
		return -EBUSY;
	if (at < region->n_slots && region->slots[at].offset - offset < size)
		return -EBUSY;
	if (region->n_slots == MAX_SLOTS)
		return -ENOSPC;
	memmove(&region->slots[at + 1], &region->slots[at],
		(region->n_slots - at) * sizeof(region->slots[0]));
	region->slots[at] = (struct slot){.offset = offset, .size = size};
	region->n_slots++;
	return 0;
}

void visible_region_release(struct visible_region *region, uint64_t offset, uint64_t size)
{
	size_t at = slot_search(region, offset);
	if (at == region->n_slots || region->slots[at].offset != offset ||
		region->slots[at].size != size)
		return; /* of an earlier boot: window_reset has freed it */
	region->n_slots--;
	memmove(&region->slots[at], &region->slots[at + 1],
		(region->n_slots - at) * sizeof(region->slots[0]));
	unuse(region, offset, size);
	punch(region, offset, size);
}

void *visible_region_at(struct visible_region *region, uint64_t offset, uint64_t size)
{
	if (!range_fits(offset, size, region->size))
		return NULL;
	if (!region->host) {
		void *host = mmap(NULL, region->size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, region->fd, 0);
		if (host == MAP_FAILED) {
			log_err("no room for it: %s", strerror(errno));
			return NULL;
		}
		region->host = host;
	}
	return region->host + offset;
}
