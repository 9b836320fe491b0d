/* Segments of guest memory as iovecs into mapped regions. */
#include "host-bridge/render/worker/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/id_map.h"

static struct {
	struct region {
		uint8_t *bytes; /* NULL: not mapped */
		uint64_t size;
	} regions[RENDERER_MAX_REGIONS];
	struct iovec *segments;
	uint32_t n_segments, max_segments;
	struct id_map backings; /* iovecs by resource */
} memory;

int memory_add_region(uint32_t region, int fd, uint64_t fd_offset, uint64_t size)
{
	struct stat st;
	int error = 0;

	if (region >= RENDERER_MAX_REGIONS || memory.regions[region].bytes || size == 0 ||
		fd_offset % PAGE_BYTES != 0) {
		error = -EINVAL;
	} else if (fstat(fd, &st) < 0 ||
		(S_ISREG(st.st_mode) && !range_fits(fd_offset, size, (uint64_t)st.st_size))) {
		error = -EFBIG;
	} else {
		void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			fd, (off_t)fd_offset);
		if (bytes == MAP_FAILED) {
			error = -errno;
		} else {
			madvise(bytes, size, MADV_DONTDUMP);
			memory.regions[region] = (struct region){.bytes = bytes, .size = size};
		}
	}
	fd_close(&fd);
	return error;
}

static int make_room(uint32_t n)
{
	uint32_t wanted = memory.n_segments + n;
	if (n > RENDERER_MAX_BACKING || wanted > RENDERER_MAX_BACKING)
		return -E2BIG;
	if (wanted <= memory.max_segments)
		return 0;
	struct iovec *grown = realloc(memory.segments, wanted * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memory.segments = grown;
	memory.max_segments = wanted;
	return 0;
}

int memory_add_segments(const struct renderer_segment *segments, uint32_t n)
{
	int error = make_room(n);
	for (uint32_t i = 0; i < n && error == 0; i++) {
		const struct region *region = segments[i].region < RENDERER_MAX_REGIONS
			? &memory.regions[segments[i].region]
			: NULL;
		if (!region || !region->bytes ||
			!range_fits(segments[i].offset, segments[i].length, region->size))
			error = -EFAULT;
		else
			memory.segments[memory.n_segments++] =
				(struct iovec){.iov_base = region->bytes + segments[i].offset,
					.iov_len = segments[i].length};
	}
	if (error < 0)
		memory.n_segments = 0;
	return error;
}

struct iovec *memory_take(uint32_t *n)
{
	struct iovec *segments = memory.n_segments > 0 ? memory.segments : NULL;
	*n = memory.n_segments;
	if (!segments)
		return NULL;
	memory.segments = NULL;
	memory.n_segments = memory.max_segments = 0;
	return segments;
}

int memory_set_backing(uint32_t resource_id, struct iovec *iov)
{
	memory_drop_backing(resource_id);
	int error = id_map_insert(&memory.backings, resource_id, iov);
	if (error < 0)
		free(iov);
	return error;
}

void memory_drop_backing(uint32_t resource_id)
{
	free(id_map_remove(&memory.backings, resource_id));
}
