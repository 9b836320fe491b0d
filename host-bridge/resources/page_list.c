/* The list of guest pages behind a command, read in pieces. */
#include "host-bridge/resources/page_list.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#include "host-bridge/virtio/guest_memory.h"
#include "protocol/base/bytes.h"

#define MAX_ENTRIES (1u << 20) /* of one resource: 4 GiB in single pages */

int page_list_init(struct page_list *list, struct virtqueue *queue,
	const struct virtqueue_chain *chain, uint64_t offset, uint32_t n_entries)
{
	*list = (struct page_list){
		.queue = queue, .chain = chain, .offset = offset, .n_left = n_entries};
	if (n_entries == 0 ||
		!range_fits(offset, (uint64_t)n_entries * sizeof(struct virtio_gpu_mem_entry),
			chain->out_bytes))
		return -EINVAL;
	if (n_entries > MAX_ENTRIES)
		return -ENOSPC;
	list->pages = calloc(n_entries, sizeof(*list->pages));
	return list->pages ? 0 : -ENOMEM;
}

void page_list_finish(struct page_list *list)
{
	free(list->pages);
	list->pages = NULL;
}

/* Appends a run, or to the last run if it goes on there. */
static void add_run(struct page_list *list, const struct virtio_gpu_mem_entry *entry)
{
	struct resource_pages *last = list->n_pages > 0 ? &list->pages[list->n_pages - 1] : NULL;
	if (last && last->guest_address + last->length == entry->addr &&
		entry->length <= UINT32_MAX - last->length)
		last->length += entry->length;
	else
		list->pages[list->n_pages++] = (struct resource_pages){
			.guest_address = entry->addr, .length = entry->length};
}

int page_list_read(struct page_list *list, const struct guest_memory *memory)
{
	struct virtio_gpu_mem_entry entries[PAGE_LIST_SHORT];
	uint32_t n = (uint32_t)min_u64(list->n_left, PAGE_LIST_SHORT);
	size_t bytes = n * sizeof(entries[0]);

	if (virtqueue_read(list->queue, list->chain, list->offset, entries, bytes) != bytes)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		if (entries[i].length == 0 ||
			!guest_memory_covers(memory, entries[i].addr, entries[i].length))
			return -EINVAL;
		list->covered_bytes += entries[i].length; /* 2^20 entries of 2^32 bytes fit */
		add_run(list, &entries[i]);
	}
	if (list->covered_bytes > guest_memory_bytes(memory))
		return -EINVAL;
	list->offset += bytes;
	list->n_left -= n;
	return list->n_left > 0;
}

int page_list_give(struct page_list *list, struct resource *resource)
{
	/* Most guests' pages join up; what was too much goes back. */
	struct resource_pages *pages = realloc(list->pages, list->n_pages * sizeof(*list->pages));
	if (!pages)
		pages = list->pages;
	list->pages = NULL;
	return resource_set_pages(resource, pages, list->n_pages);
}
