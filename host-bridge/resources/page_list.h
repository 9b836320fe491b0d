/*
 * The list of guest pages behind a command (ATTACH_BACKING, CREATE_BLOB). It may have a million
 * entries, so it is read in pieces, in as many turns of the event loop as that takes.
 */
#ifndef HOST_BRIDGE_RESOURCES_PAGE_LIST_H
#define HOST_BRIDGE_RESOURCES_PAGE_LIST_H

#include "host-bridge/resources/resource.h"
#include "host-bridge/virtio/virtqueue.h"

struct guest_memory;

#define PAGE_LIST_SHORT 1024 /* entries of a list that is read in one piece */

struct page_list {
	struct virtqueue *queue;             /* borrowed */
	const struct virtqueue_chain *chain; /* borrowed */
	uint64_t offset;                     /* in the chain, of what is to be read next */
	uint32_t n_left;                     /* entries */
	uint64_t covered_bytes;
	struct resource_pages *pages; /* the list's, until page_list_take */
	uint32_t n_pages;
};

/*
 * The @n_entries entries from @offset of @chain on. 0, -EINVAL (none, or there are not so many),
 * -ENOSPC (more than any guest means), -ENOMEM.
 */
int page_list_init(struct page_list *list, struct virtqueue *queue,
	const struct virtqueue_chain *chain, uint64_t offset, uint32_t n_entries);
void page_list_finish(struct page_list *list);

/*
 * Reads a piece. 0: that was the last one; 1: there is more; -EINVAL: it names what is not in
 * @memory, or more than there is of it, and so something twice.
 */
int page_list_read(struct page_list *list, const struct guest_memory *memory);

/* What has been read becomes the memory of @resource. As resource_set_pages. */
int page_list_give(struct page_list *list, struct resource *resource);

#endif
