/* The memory of our own driver of the device. */
#include "guest-proxy/gpu/rings/guest_ram.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "protocol/base/fd.h"

static_assert(
	GUEST_RAM_DATA_OFFSET < GUEST_RAM_BLOBS_OFFSET && GUEST_RAM_DATA_OFFSET % PAGE_BYTES == 0,
	"");

int guest_ram_create(struct guest_ram *ram)
{
	*ram = (struct guest_ram){.fd = fd_memfd("wayferry-guest-ram", GUEST_RAM_BYTES)};
	if (ram->fd < 0)
		return ram->fd;
	void *map = mmap(NULL, GUEST_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		ram->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ram->map = map;
	int error = extents_init(&ram->data_pages, GUEST_RAM_DATA_OFFSET / PAGE_BYTES,
		GUEST_RAM_DATA_BYTES / PAGE_BYTES);
	if (error == 0)
		error = extents_init(&ram->blob_pages, GUEST_RAM_BLOBS_OFFSET / PAGE_BYTES,
			(GUEST_RAM_BYTES - GUEST_RAM_BLOBS_OFFSET) / PAGE_BYTES);
	return error;
}

void guest_ram_finish(struct guest_ram *ram)
{
	extents_finish(&ram->data_pages);
	extents_finish(&ram->blob_pages);
	if (ram->map)
		munmap(ram->map, GUEST_RAM_BYTES);
	ram->map = NULL;
	fd_close(&ram->fd);
}

int guest_ram_take(struct extents *from, uint64_t n_pages, struct extent *pages)
{
	int error = extents_take(from, n_pages, EXTENTS_LOWEST, &pages->start);
	pages->length = error < 0 ? 0 : n_pages;
	return error;
}

void guest_ram_give(struct guest_ram *ram, struct extent pages)
{
	if (pages.length == 0)
		return;
	void *at = guest_ram_at(ram, pages);
	if (madvise(at, pages.length * PAGE_BYTES, MADV_REMOVE) < 0)
		memset(at, 0, pages.length * PAGE_BYTES);
	extents_give(&ram->blob_pages, pages.start, pages.length);
}
