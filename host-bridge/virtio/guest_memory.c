/* The guest's memory as the frontend shares it: a table of regions, looked up without overflow. */
#include "host-bridge/virtio/guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "protocol/base/copied_once.h"
#include "protocol/base/fd.h"
#include "protocol/base/sigbus_guard.h"

#define LOG_MODULE "memory"
#include "protocol/base/log.h"

#define MAX_BLOCK_BYTES (UINT64_C(1) << 30)

struct region {
	uint64_t guest_address;
	uint64_t user_address;
	uint64_t size;
	uint8_t *host; /* where guest_address is */
	void *map;     /* the mapping that contains it */
	size_t map_size;
	struct sigbus_guard *guard;
	bool sealed; /* a memfd that cannot shrink */
	/* Where fds are kept; else -1 and zeroes: */
	int fd;
	uint32_t number;
	uint64_t fd_offset;
	dev_t device;
	ino_t inode;
};

struct guest_memory {
	struct region regions[VHOST_USER_MAX_REGIONS]; /* by guest_address, apart from each other */
	size_t n_regions;
	size_t last_hit; /* where to look first */
	uint64_t generation;
	bool truncated; /* a region of an earlier table was */
	int wake_fd;
	bool keeps_fds;
	uint32_t last_number;
	struct region
		before[VHOST_USER_MAX_REGIONS]; /* of the table before, to know regions again */
	size_t n_before;
};

struct guest_memory *guest_memory_create(void)
{
	struct guest_memory *memory = calloc(1, sizeof(*memory));
	if (memory)
		memory->wake_fd = -1;
	return memory;
}

void guest_memory_destroy(struct guest_memory *memory)
{
	if (!memory)
		return;
	guest_memory_clear(memory);
	free(memory);
}

static void region_unmap(struct region *region)
{
	sigbus_guard_destroy(region->guard);
	munmap(region->map, region->map_size);
	fd_close(&region->fd);
}

void guest_memory_keep_fds(struct guest_memory *memory)
{
	memory->keeps_fds = true;
}

/* Keeps the fd and finds the region's number. */
static void region_number(struct guest_memory *memory, struct region *region,
	const struct vhost_user_memory_region *from, int fd)
{
	struct stat st;

	if (!memory->keeps_fds || fstat(fd, &st) < 0)
		return;
	region->fd = fd_dup(fd);
	if (region->fd < 0) {
		region->fd = -1;
		return;
	}
	region->fd_offset = from->mmap_offset;
	region->device = st.st_dev;
	region->inode = st.st_ino;
	for (size_t i = 0; i < memory->n_before; i++) {
		const struct region *before = &memory->before[i];
		if (before->number != 0 && before->device == region->device &&
			before->inode == region->inode && before->fd_offset == region->fd_offset &&
			before->size == region->size)
			region->number = before->number;
	}
	if (region->number == 0)
		region->number = ++memory->last_number;
}

static void drop_regions(struct guest_memory *memory)
{
	memory->truncated = guest_memory_truncated(memory);
	/* Regions that a bad table has lost keep their numbers, should a later table have them. */
	if (memory->n_regions > 0) {
		memcpy(memory->before, memory->regions, sizeof(memory->before));
		memory->n_before = memory->n_regions;
	}
	for (size_t i = 0; i < memory->n_regions; i++)
		region_unmap(&memory->regions[i]);
	memory->n_regions = 0;
	memory->last_hit = 0;
	memory->generation++;
}

void guest_memory_clear(struct guest_memory *memory)
{
	drop_regions(memory);
	memory->truncated = false;
}

bool guest_memory_truncated(const struct guest_memory *memory)
{
	bool truncated = memory->truncated;
	for (size_t i = 0; i < memory->n_regions; i++)
		truncated |= sigbus_guard_hit(memory->regions[i].guard);
	return truncated;
}

void guest_memory_watch(struct guest_memory *memory, int wake_fd)
{
	memory->wake_fd = wake_fd;
}

uint64_t guest_memory_generation(const struct guest_memory *memory)
{
	return memory->generation;
}

/* Anything that is not a memfd can. */
static bool can_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	return seals < 0 || !(seals & F_SEAL_SHRINK);
}

/*
 * Maps one region. The mapping starts at the fd's block boundary below mmap_offset: huge pages are
 * mapped from their own boundaries only. A region beyond the end of its file is refused, and
 * guarded against becoming that later; a dma-buf (a mapping of ours that comes back) knows its own
 * end.
 */
static int region_map(
	struct region *region, const struct vhost_user_memory_region *from, int fd, int wake_fd)
{
	struct stat st;
	if (from->size == 0 || from->size > UINT64_MAX - from->guest_address ||
		from->size > UINT64_MAX - from->user_address)
		return -EINVAL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -EBADF;
	if (!range_fits(from->mmap_offset, from->size, INT64_MAX - PAGE_BYTES) ||
		(S_ISREG(st.st_mode) &&
			!range_fits(from->mmap_offset, from->size, (uint64_t)st.st_size)))
		return -EFBIG;

	uint64_t block = (uint64_t)st.st_blksize;
	if (block < PAGE_BYTES || block > MAX_BLOCK_BYTES || (block & (block - 1)) != 0)
		block = PAGE_BYTES;
	uint64_t lead = from->mmap_offset % block;
	uint64_t map_size = align_up(lead + from->size, block);
	void *map = mmap(NULL, map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		(off_t)(from->mmap_offset - lead));
	if (map == MAP_FAILED)
		return -errno;
	struct sigbus_guard *guard;
	int error = sigbus_guard_create(map, map_size, PROT_READ | PROT_WRITE, wake_fd, &guard);
	if (error < 0) {
		munmap(map, map_size);
		return error;
	}
	/* Keep the guest's memory out of core dumps. */
	madvise(map, map_size, MADV_DONTDUMP);
	*region = (struct region){
		.guest_address = from->guest_address,
		.user_address = from->user_address,
		.size = from->size,
		.host = (uint8_t *)map + lead,
		.map = map,
		.map_size = map_size,
		.guard = guard,
		.fd = -1,
		.sealed = !can_shrink(fd),
	};
	return 0;
}

/* Inserts in order; -EEXIST when it overlaps one that is there. */
static int region_insert(struct guest_memory *memory, const struct region *region)
{
	size_t at = 0;
	while (at < memory->n_regions && memory->regions[at].guest_address < region->guest_address)
		at++;
	const struct region *below = at > 0 ? &memory->regions[at - 1] : NULL;
	const struct region *above = at < memory->n_regions ? &memory->regions[at] : NULL;
	if (below && region->guest_address - below->guest_address < below->size)
		return -EEXIST;
	if (above && above->guest_address - region->guest_address < region->size)
		return -EEXIST;
	memmove(&memory->regions[at + 1], &memory->regions[at],
		(memory->n_regions - at) * sizeof(*region));
	memory->regions[at] = *region;
	memory->n_regions++;
	return 0;
}

static int region_add(
	struct guest_memory *memory, const struct vhost_user_memory_region *from, int fd)
{
	struct region region;
	int error = region_map(&region, from, fd, memory->wake_fd);
	if (error == 0) {
		region_number(memory, &region, from, fd);
		error = region_insert(memory, &region);
		if (error < 0)
			region_unmap(&region);
	}
	if (error < 0)
		log_err("region of %#llx bytes at guest address %#llx, offset %#llx: %s",
			(unsigned long long)from->size, (unsigned long long)from->guest_address,
			(unsigned long long)from->mmap_offset, strerror(-error));
	return error;
}

int guest_memory_set(
	struct guest_memory *memory, const struct vhost_user_memory *table, int *fds, size_t n_fds)
{
	int error = 0;

	drop_regions(memory);
	if (table->n_regions > VHOST_USER_MAX_REGIONS || table->n_regions != n_fds)
		error = -EINVAL;
	for (size_t i = 0; i < n_fds; i++) {
		if (error == 0)
			error = region_add(memory, &table->regions[i], fds[i]);
		fd_close(&fds[i]);
	}
	if (error < 0)
		drop_regions(memory);
	return error;
}

/* The region that holds @guest_address, or NULL. */
static const struct region *find(const struct guest_memory *memory, uint64_t guest_address)
{
	const struct region *region = &memory->regions[memory->last_hit];
	if (memory->n_regions > 0 && guest_address - region->guest_address < region->size)
		return region;
	for (size_t i = 0; i < memory->n_regions; i++) {
		region = &memory->regions[i];
		if (guest_address - region->guest_address < region->size) {
			/* Only a hint where to look first. */
			((struct guest_memory *)memory)->last_hit = i;
			return region;
		}
	}
	return NULL;
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t guest_address, uint64_t length)
{
	const struct region *region = find(memory, guest_address);
	if (!region)
		return NULL;
	uint64_t offset = guest_address - region->guest_address;
	return length <= region->size - offset ? region->host + offset : NULL;
}

void *guest_memory_at_user(
	const struct guest_memory *memory, uint64_t user_address, uint64_t length)
{
	for (size_t i = 0; i < memory->n_regions; i++) {
		const struct region *region = &memory->regions[i];
		uint64_t offset = user_address - region->user_address;
		if (offset < region->size)
			return length <= region->size - offset ? region->host + offset : NULL;
	}
	return NULL;
}

int guest_memory_iov(const struct guest_memory *memory, uint64_t guest_address, uint64_t length,
	struct iovec *iov, size_t max)
{
	int n = 0;

	while (length > 0) {
		const struct region *region = find(memory, guest_address);
		if (!region)
			return -EFAULT;
		if ((size_t)n == max)
			return -E2BIG;
		uint64_t offset = guest_address - region->guest_address;
		uint64_t segment = min_u64(length, region->size - offset);
		iov[n++] = (struct iovec){.iov_base = region->host + offset, .iov_len = segment};
		guest_address += segment;
		length -= segment;
	}
	return n;
}

bool guest_memory_region_at(const struct guest_memory *memory, uint64_t guest_address,
	struct guest_memory_region *out, uint64_t *offset, uint64_t *length)
{
	const struct region *region = find(memory, guest_address);
	if (!region || region->number == 0)
		return false;
	*out = (struct guest_memory_region){.number = region->number,
		.fd = region->fd,
		.fd_offset = region->fd_offset,
		.size = region->size};
	*offset = guest_address - region->guest_address;
	*length = region->size - *offset;
	return true;
}

uint64_t guest_memory_bytes(const struct guest_memory *memory)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < memory->n_regions; i++)
		bytes += memory->regions[i].size; /* apart from each other: no overflow */
	return bytes;
}

bool guest_memory_covers(const struct guest_memory *memory, uint64_t guest_address, uint64_t length)
{
	struct iovec iov[VHOST_USER_MAX_REGIONS];
	if (guest_memory_at(memory, guest_address, length)) /* nearly always: in one region */
		return true;
	return guest_memory_iov(memory, guest_address, length, iov, ARRAY_LENGTH(iov)) >= 0;
}

int guest_memory_files(const struct guest_memory *memory, uint64_t guest_address, uint64_t length,
	struct udmabuf_segment *segments, size_t max)
{
	int n = 0;

	if (guest_address % PAGE_BYTES != 0 || length % PAGE_BYTES != 0)
		return -EINVAL;
	while (length > 0) {
		const struct region *region = find(memory, guest_address);
		if (!region)
			return -EFAULT;
		if (region->fd < 0 || !region->sealed)
			return -ENOTSUP;
		if ((size_t)n == max)
			return -E2BIG;
		uint64_t offset = guest_address - region->guest_address;
		uint64_t size = min_u64(length, region->size - offset);
		if (region->fd_offset % PAGE_BYTES != 0 || size % PAGE_BYTES != 0)
			return -EINVAL;
		segments[n++] = (struct udmabuf_segment){
			.fd = region->fd, .offset = region->fd_offset + offset, .size = size};
		guest_address += size;
		length -= size;
	}
	return n;
}

bool guest_memory_sealed(const struct guest_memory *memory)
{
	for (size_t i = 0; i < memory->n_regions; i++) {
		if (!memory->regions[i].sealed)
			return false;
	}
	return memory->n_regions > 0;
}

/* Copies between @data and guest memory as far as it is there; returns the bytes copied. */
static size_t copy(const struct guest_memory *memory, uint64_t guest_address, uint8_t *data,
	size_t size, bool to_guest)
{
	size_t done = 0;
	while (done < size) {
		const struct region *region = find(memory, guest_address + done);
		if (!region)
			break;
		uint64_t offset = guest_address + done - region->guest_address;
		size_t segment = min_u64(size - done, region->size - offset);
		if (to_guest)
			memcpy(region->host + offset, data + done, segment);
		else
			memcpy(data + done, region->host + offset, segment);
		done += segment;
	}
	if (!to_guest)
		copied_once();
	return done;
}

size_t guest_memory_read(
	const struct guest_memory *memory, uint64_t guest_address, void *data, size_t size)
{
	return copy(memory, guest_address, data, size, false);
}

size_t guest_memory_write(
	struct guest_memory *memory, uint64_t guest_address, const void *data, size_t size)
{
	return copy(memory, guest_address, (uint8_t *)data, size, true);
}
