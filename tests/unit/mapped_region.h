/*
 * A host-visible region and a frontend that maps all of it at once; stands in for the maps of
 * host-bridge/vhost/vhost_user.c. One program includes it once.
 */
#ifndef TESTS_UNIT_MAPPED_REGION_H
#define TESTS_UNIT_MAPPED_REGION_H

#include <errno.h>

#include "host-bridge/vhost/visible_region.h"

static void (*mapped_region_done)(void *data, int result);

bool vhost_user_keeps_maps(const struct vhost_user *vu)
{
	return false;
}

int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, void (*done)(void *data, int result), void *data)
{
	mapped_region_done = done;
	return 0;
}

int vhost_user_shmem_unmap(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset,
	uint64_t length, void (*done)(void *data, int result), void *data)
{
	return -ENOTSUP;
}

static inline struct visible_region *mapped_region_create(uint64_t size)
{
	struct visible_region *region = visible_region_create(size);
	if (!region)
		return NULL;
	visible_region_map(region, NULL, false);
	mapped_region_done(region, 0);
	return region;
}

#endif
