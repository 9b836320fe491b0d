/* The memory of a resource: guest pages, a slot of the host-visible region, or an fd. */
#include "host-bridge/resources/resource.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host-bridge/resources/quota.h"
#include "host-bridge/virtio/guest_memory.h"
#include "host-bridge/virtio/udmabuf.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "device"
#include "protocol/base/log.h"

void resource_set_pending(struct resource *resource, bool pending)
{
	resource->table->n_pending += (uint32_t)pending - (uint32_t)resource->pending;
	resource->table->n_settled += resource->pending && !pending;
	resource->pending = pending;
}

int resource_charge_fds(struct resource *resource)
{
	struct vm_quota *quota = resource->table->quota;
	char text[QUOTA_TEXT_MAX];

	if (resource->charged_fds)
		return 0;
	if (!quota_charge(quota, QUOTA_FDS, RESOURCE_FDS)) {
		log_limited(LOG_LEVEL_WARN, "resource %u is refused: %s", resource->id,
			quota_explain(quota, QUOTA_FDS, text));
		return -ENOSPC;
	}
	resource->charged_fds = true;
	return 0;
}

void resource_release_fds(struct resource *resource)
{
	if (resource->charged_fds)
		quota_release(resource->table->quota, QUOTA_FDS, RESOURCE_FDS);
	resource->charged_fds = false;
}

void resource_settle(
	struct resource *resource, int fd, uint64_t fd_offset, uint32_t fd_type, uint32_t map_info)
{
	assert(resource->pending && resource->fd < 0);
	resource_set_pending(resource, false);
	resource->fd = fd;
	resource->fd_owned = true;
	resource->fd_offset = fd_offset;
	resource->fd_type = fd_type;
	resource->map_info = map_info;
}

void resource_release_slot(struct resource *resource)
{
	if (!resource->mapped)
		return;
	visible_region_release(resource->table->region, resource->map_offset, resource->size);
	resource->mapped = resource->visible = false;
	wl_list_remove(&resource->orphan_link);
	wl_list_init(&resource->orphan_link);
}

void resource_drop_pages(struct resource *resource)
{
	resource->table->pages -= resource->n_pages;
	free(resource->pages);
	resource->pages = NULL;
	resource->n_pages = 0;
}

int resource_set_pages(struct resource *resource, struct resource_pages *pages, uint32_t n_pages)
{
	struct resource_table *table = resource->table;
	uint64_t covered = 0;
	for (uint32_t i = 0; i < n_pages; i++)
		covered += pages[i].length; /* 2^32 runs of 2^32 bytes fit */

	int err = 0;
	/* Of a 3D resource only the worker knows, and checks with each transfer, what is used. */
	if (resource->kind != RESOURCE_3D && covered < resource->size)
		err = -EINVAL;
	else if (!range_fits(table->pages, n_pages, RESOURCES_MAX_PAGES))
		err = -ENOSPC;
	if (err < 0) {
		free(pages);
		return err;
	}
	resource_drop_pages(resource);
	table->pages += n_pages;
	resource->pages = pages;
	resource->n_pages = n_pages;
	return 0;
}

/* Releases the slots in [offset, offset + size) of blobs that the guest has given up. */
static void evict_orphans(struct resource_table *table, uint64_t offset, uint64_t size)
{
	struct resource *resource, *next;
	wl_list_for_each_safe(resource, next, &table->orphans, orphan_link)
	{
		if (resource->map_offset - offset < size ||
			offset - resource->map_offset < resource->size)
			resource_release_slot(resource);
	}
}

/* Reserves a slot for @resource at @offset. */
static int reserve(struct resource *resource, uint64_t offset)
{
	struct resource_table *table = resource->table;
	int err = visible_region_reserve(table->region, offset, resource->size);
	if (err != -EBUSY)
		return err;
	/*
	 * The guest considers the range free, but a blob that it has given up there is still in use
	 * (as a buffer of the compositor, say). The new blob takes the old one's place.
	 */
	evict_orphans(table, offset, resource->size);
	return visible_region_reserve(table->region, offset, resource->size);
}

/* The end of MAP_BLOB: returns its result. After an error the slot is given back. */
static int finish_map(struct resource *resource, int err)
{
	if (err == 0 && resource->contents) {
		err = resource_copy_in(resource, 0, resource->contents, resource->contents_size);
		free(resource->contents);
		resource->contents = NULL;
	}
	if (err < 0)
		resource_release_slot(resource);
	else
		resource->visible = true;
	return err;
}

static void handle_shown(struct region_show *show, int result)
{
	struct resource *resource = container_of(show, struct resource, show);

	resource_set_pending(resource, false);
	result = finish_map(resource, result);
	resource->map_done(resource, resource->map_data, result);
}

int resource_map(struct resource *resource, uint64_t offset, resource_mapped_fn done, void *data)
{
	struct resource_table *table = resource->table;
	bool own = !resource->fd_owned;

	if (!visible_region_usable(table->region))
		return -ENOTSUP;
	if (resource->kind != RESOURCE_BLOB_HOST || resource->visible ||
		(!own && resource->map_info == 0))
		return -EINVAL;
	if (resource->mapped) {
		if (resource->map_offset != offset)
			return -EINVAL;
		resource->visible = true;
		return 0;
	}
	int err = reserve(resource, offset);
	if (err < 0)
		return err;
	resource->mapped = true;
	resource->map_offset = offset;
	if (own) {
		resource->fd_offset = offset;
		resource->fd = visible_region_fd(table->region);
	}
	resource->show.done = handle_shown;
	err = visible_region_show(table->region, &resource->show, offset, resource->size,
		own ? -1 : resource->fd, own ? 0 : resource->fd_offset);
	if (err != -EINPROGRESS)
		return finish_map(resource, err);
	resource->map_done = done;
	resource->map_data = data;
	resource_set_pending(resource, true);
	return -EINPROGRESS;
}

int resource_unmap(struct resource *resource)
{
	if (!resource->visible)
		return -EINVAL;
	resource->visible = false;
	if (resource->fd_owned)
		resource_release_slot(resource);
	return 0;
}

/* Whether @next goes on where @last ends. */
static bool adjoins(const struct udmabuf_segment *last, const struct udmabuf_segment *next)
{
	return last->fd == next->fd && last->offset + last->size == next->offset;
}

bool resource_table_exports(const struct resource_table *table)
{
	return table->udmabuf >= 0 && guest_memory_sealed(table->memory);
}

int resource_export(const struct resource *resource)
{
	struct resource_table *table = resource->table;
	struct udmabuf_segment segments[UDMABUF_MAX_SEGMENTS], found[VHOST_USER_MAX_REGIONS];
	uint64_t left = align_up(resource->size, PAGE_BYTES);
	size_t n = 0;

	if (table->udmabuf < 0 || resource->kind != RESOURCE_BLOB_GUEST)
		return -ENOTSUP;
	for (uint32_t i = 0; left > 0 && i < resource->n_pages; i++) {
		const struct resource_pages *run = &resource->pages[i];
		uint64_t size = min_u64(run->length, left);
		int n_found = guest_memory_files(
			table->memory, run->guest_address, size, found, ARRAY_LENGTH(found));
		if (n_found < 0)
			return n_found;
		for (int j = 0; j < n_found; j++) {
			if (n > 0 && adjoins(&segments[n - 1], &found[j]))
				segments[n - 1].size += found[j].size;
			else if (n < ARRAY_LENGTH(segments))
				segments[n++] = found[j];
			else
				return -E2BIG;
		}
		left -= size;
	}
	if (left > 0)
		return -ENODATA;
	int fd = udmabuf_create(table->udmabuf, segments, n);
	table->exported += fd >= 0;
	return fd;
}

/* Copies between @bytes and the guest's pages from @offset on. */
static int copy_pages(
	const struct resource *resource, uint64_t offset, uint8_t *bytes, size_t size, bool in)
{
	for (uint32_t i = 0; size > 0 && i < resource->n_pages; i++) {
		const struct resource_pages *run = &resource->pages[i];
		if (offset >= run->length) {
			offset -= run->length;
			continue;
		}
		size_t n = min_u64(size, run->length - offset);
		uint64_t address = run->guest_address +
			offset; /* a run was in memory when it was made: no overflow */
		size_t done = in ? guest_memory_write(resource->table->memory, address, bytes, n)
				 : guest_memory_read(resource->table->memory, address, bytes, n);
		if (done != n)
			return -EFAULT;
		bytes += n;
		size -= n;
		offset = 0;
	}
	return size == 0 ? 0 : -ENODATA;
}

int resource_pieces(const struct resource *resource, uint64_t offset, size_t *size,
	struct iovec *iov, size_t max)
{
	size_t n = 0, covered = 0;

	if (!range_fits(offset, *size, resource->size))
		return -EINVAL;
	if (resource->kind == RESOURCE_BLOB_HOST || resource->fd_owned)
		return -ENOTSUP;
	for (uint32_t i = 0; covered < *size && i < resource->n_pages; i++) {
		const struct resource_pages *run = &resource->pages[i];
		if (offset >= run->length) {
			offset -= run->length;
			continue;
		}
		size_t length = min_u64(*size - covered, run->length - offset);
		int found = guest_memory_iov(resource->table->memory, run->guest_address + offset,
			length, iov + n, max - n);
		if (found == -E2BIG)
			break;
		if (found < 0)
			return found;
		n += (size_t)found;
		covered += length;
		offset = 0;
	}
	if (covered == 0 && *size > 0)
		return -EFAULT;
	*size = covered;
	return (int)n;
}

static void *slot_at(const struct resource *resource, uint64_t offset, size_t size)
{
	if (!resource->mapped)
		return NULL;
	return visible_region_at(resource->table->region, resource->map_offset + offset, size);
}

int resource_copy_out(const struct resource *resource, uint64_t offset, void *dst, size_t size)
{
	if (!range_fits(offset, size, resource->size))
		return -EINVAL;
	if (resource->kind != RESOURCE_BLOB_HOST && !resource->fd_owned)
		return copy_pages(resource, offset, dst, size, false);
	if (resource->fd_owned) {
		ssize_t n = pread(resource->fd, dst, size, (off_t)(resource->fd_offset + offset));
		return n == (ssize_t)size ? 0 : -ENODATA;
	}
	const void *slot = slot_at(resource, offset, size);
	if (!slot)
		return -ENODATA;
	memcpy(dst, slot, size);
	return 0;
}

int resource_copy_in(const struct resource *resource, uint64_t offset, const void *src, size_t size)
{
	if (!range_fits(offset, size, resource->size) || resource->fd_owned)
		return -EINVAL;
	if (resource->kind != RESOURCE_BLOB_HOST)
		return copy_pages(resource, offset, (uint8_t *)(uintptr_t)src, size, true);
	void *slot = slot_at(resource, offset, size);
	if (!slot)
		return -ENODATA;
	memcpy(slot, src, size);
	return 0;
}
