/* Memory through which bytes for write pipes go to the host. */
#include "guest-proxy/channel/write_pages.h"

#include <errno.h>

/* Fewer bytes are copied into a command more cheaply than memory is named; and as no slot carries
 * fewer, a fence comes before the slots are used up. */
#define MIN_BYTES 16384

static void ask_for_memory(
	struct write_pages *pages, const struct gpu_ops *ops, struct gpu_context *context)
{
	int error = ops->blob_create(context, GPU_BLOB_GUEST, 0,
		WRITE_PAGES_SLOTS * WRITE_PAGES_SLOT_BYTES, &pages->blob);
	pages->ready = error == 0;
	if (error == 0 || error == -EINPROGRESS)
		return;
	pages->blob = NULL;
	pages->refused = true;
}

uint8_t *write_pages_space(
	struct write_pages *pages, const struct gpu_ops *ops, struct gpu_context *context)
{
	pages->leaving = false;
	if (!pages->blob && !pages->refused)
		ask_for_memory(pages, ops, context);
	for (size_t i = 0; i < WRITE_PAGES_SLOTS && pages->ready; i++)
		if (!pages->slots[i].used)
			return (uint8_t *)pages->blob->map + i * WRITE_PAGES_SLOT_BYTES;
	return NULL;
}

bool write_pages_full(const struct write_pages *pages)
{
	for (size_t i = 0; i < WRITE_PAGES_SLOTS; i++)
		if (!pages->slots[i].used)
			return false;
	return true;
}

bool write_pages_take(struct write_pages *pages, const void *bytes, size_t size,
	struct cross_domain_write_from *out)
{
	if (!pages->ready || size < MIN_BYTES)
		return false;
	for (size_t i = 0; i < WRITE_PAGES_SLOTS; i++) {
		const size_t offset = i * WRITE_PAGES_SLOT_BYTES;
		if (bytes != (const uint8_t *)pages->blob->map + offset || pages->slots[i].used)
			continue;
		pages->slots[i].used = true;
		pages->slots[i].submitted = false;
		pages->queued += size;
		out->resource_id = pages->blob->resource_id;
		out->offset = (uint32_t)offset;
		out->size = (uint32_t)size;
		return true;
	}
	return false;
}

void write_pages_submitted(struct write_pages *pages, uint64_t sent)
{
	pages->queued = 0;
	for (size_t i = 0; i < WRITE_PAGES_SLOTS; i++) {
		if (pages->slots[i].submitted)
			continue;
		pages->slots[i].submitted = true;
		pages->slots[i].sent = sent;
	}
}

static void leave_if_unused(struct write_pages *pages, const struct gpu_ops *ops)
{
	for (size_t i = 0; i < WRITE_PAGES_SLOTS; i++)
		if (pages->slots[i].used)
			return;
	if (pages->leaving)
		write_pages_finish(pages, ops);
}

void write_pages_acknowledged(
	struct write_pages *pages, const struct gpu_ops *ops, uint64_t acknowledged)
{
	for (size_t i = 0; i < WRITE_PAGES_SLOTS; i++)
		if (pages->slots[i].submitted && pages->slots[i].sent <= acknowledged)
			pages->slots[i].used = false;
	leave_if_unused(pages, ops);
}

void write_pages_answered(struct write_pages *pages, const struct gpu_ops *ops, int error)
{
	pages->ready = error == 0;
	if (error == 0)
		return;
	write_pages_finish(pages, ops);
	pages->refused = true;
}

void write_pages_leave(struct write_pages *pages, const struct gpu_ops *ops)
{
	pages->leaving = true;
	leave_if_unused(pages, ops);
}

void write_pages_finish(struct write_pages *pages, const struct gpu_ops *ops)
{
	ops->blob_destroy(pages->blob);
	*pages = (struct write_pages){.refused = pages->refused};
}
