/* The host-visible region on the frontend's side. */
#include "guest-proxy/gpu/vhost_user/frontend_region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/virtio_gpu.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

/* A region larger than this is refused. */
#define REGION_MAX_BYTES (UINT64_C(1) << 40)

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

struct mapping { /* made by the device */
	uint64_t offset, length;
	bool writable;
};

void frontend_region_init(struct frontend_region *region)
{
	*region = (struct frontend_region){0};
	wl_array_init(&region->mappings);
}

void frontend_region_finish(struct frontend_region *region)
{
	if (region->map)
		munmap(region->map, region->size);
	wl_array_release(&region->mappings);
}

int frontend_region_reserve(struct frontend_region *region, uint64_t size)
{
	if (size % PAGE_BYTES != 0 || size > REGION_MAX_BYTES)
		return -EPROTO;
	void *map = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	region->map = map;
	region->size = size;
	return 0;
}

/* Dma-bufs, as buffers of a GPU come, have one size for their life. */
static bool is_dmabuf(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == DMA_BUF_MAGIC;
}

static bool memory_cannot_shrink(int fd, uint64_t end)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if (!is_dmabuf(fd) && (seals < 0 || !(seals & F_SEAL_SHRINK)))
		return false;
	off_t size = lseek(fd, 0, SEEK_END); /* of a dma-buf fstat does not tell it */
	return size >= 0 && end <= (uint64_t)size;
}

static bool is_page_aligned(const struct vhost_user_shmem_map *map)
{
	return (map->fd_offset | map->shm_offset | map->length) % PAGE_BYTES == 0;
}

static bool map_fits(const struct frontend_region *region, const struct vhost_user_shmem_map *map)
{
	return map->shmid == VIRTIO_GPU_SHM_ID_HOST_VISIBLE && map->length > 0 &&
		is_page_aligned(map) && range_fits(map->shm_offset, map->length, region->size);
}

static bool overlaps(const struct mapping *m, uint64_t offset, uint64_t length)
{
	return m->offset < offset + length && offset < m->offset + m->length;
}

/* Puts the reservation back where something was mapped. */
static bool unmap(struct frontend_region *region, uint64_t offset, uint64_t length)
{
	return mmap(region->map + offset, length, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

bool frontend_region_map(struct frontend_region *region, const struct vhost_user_message *message)
{
	const struct vhost_user_shmem_map *map = &message->payload.shmem_map;
	if (message->header.size < sizeof(*map) || message->n_fds != 1 || !map_fits(region, map) ||
		map->fd_offset > UINT64_MAX - map->length ||
		!memory_cannot_shrink(message->fds[0], map->fd_offset + map->length))
		return false;
	struct mapping *m;
	array_for_each(m, &region->mappings)
	{
		if (overlaps(m, map->shm_offset, map->length))
			return false;
	}
	bool writable = map->flags & VHOST_USER_SHMEM_WRITABLE;
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	if (mmap(region->map + map->shm_offset, map->length, protection, MAP_SHARED | MAP_FIXED,
		    message->fds[0], (off_t)map->fd_offset) == MAP_FAILED)
		return false;
	m = wl_array_add(&region->mappings, sizeof(*m));
	if (!m) {
		unmap(region, map->shm_offset, map->length);
		return false;
	}
	*m = (struct mapping){map->shm_offset, map->length, writable};
	return true;
}

bool frontend_region_unmap(struct frontend_region *region, const struct vhost_user_message *message)
{
	const struct vhost_user_shmem_map *map = &message->payload.shmem_map;
	if (message->header.size < sizeof(*map) || !map_fits(region, map))
		return false;
	struct mapping *m;
	array_for_each(m, &region->mappings)
	{
		if (m->offset != map->shm_offset || m->length != map->length)
			continue;
		if (!unmap(region, m->offset, m->length))
			return false;
		region->mappings.size -= sizeof(*m);
		*m = *(struct mapping *)(void *)((char *)region->mappings.data +
			region->mappings.size);
		return true;
	}
	return false;
}

void *frontend_region_at(const struct frontend_region *region, uint64_t offset, uint64_t size)
{
	const struct mapping *m;
	array_for_each(m, &region->mappings)
	{
		if (m->writable && offset >= m->offset &&
			range_fits(offset - m->offset, size, m->length))
			return region->map + offset;
	}
	return NULL;
}
