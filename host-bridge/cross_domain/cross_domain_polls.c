/*
 * The POLLs that a channel keeps until there are events: where these go, how a POLL is answered,
 * and what it occupies of the driver's queue. Who may keep one is decided in cross_domain_places.c.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

#include <linux/virtio_gpu.h>

const struct resource *cross_domain_poll_ring(
	const struct cross_domain_context *context, uint32_t tag, uint64_t *offset)
{
	*offset = cross_domain_poll_offset(tag);
	if (!context->channel_ring ||
		*offset / CROSS_DOMAIN_RING_BYTES < cross_domain_slots(context))
		return context->channel_ring;
	*offset -= cross_domain_slots(context) * CROSS_DOMAIN_RING_BYTES;
	return context->more_pages;
}

void cross_domain_leave_place(struct cross_domain_context *context)
{
	if (!context->placed)
		return;
	context->placed = false;
	wl_list_remove(&context->placed_link);
	context->base.host->places->channels--;
}

void cross_domain_add_more_poll(struct cross_domain_context *context)
{
	struct cross_domain_kind *kind = context->kind;

	context->base.host->places->others++;
	if (context->n_more_polls++ > 0)
		return;
	wl_list_insert(kind->doubled.prev, &context->doubled_link);
	kind->n_doubled++;
}

void cross_domain_drop_more_polls(struct cross_domain_context *context, uint32_t n)
{
	if (n == 0)
		return;
	context->base.host->places->others -= n;
	context->n_more_polls -= n;
	if (context->n_more_polls > 0)
		return;
	wl_list_remove(&context->doubled_link);
	context->kind->n_doubled--;
}

void cross_domain_complete_oldest_poll(struct cross_domain_context *context)
{
	struct request *poll = cross_domain_oldest_poll(context);
	wl_list_remove(&poll->link);
	context->put_off = false;
	if (context->n_more_polls > 0)
		cross_domain_drop_more_polls(context, 1);
	if (wl_list_empty(&context->polls))
		cross_domain_leave_place(context);
	cross_domain_counters(context)->fences++;
	request_complete(poll, VIRTIO_GPU_RESP_OK_NODATA);
}

void cross_domain_put_nothing(const struct cross_domain_context *context, uint32_t tag)
{
	static const uint8_t none[sizeof(struct cross_domain_header)];
	uint64_t offset;
	const struct resource *ring = cross_domain_poll_ring(context, tag, &offset);

	if (ring)
		resource_copy_in(ring, offset, none, sizeof(none));
}

/* Has the guest keep one POLL outstanding: fences of a ring are signalled in order, so the oldest
 * one makes room. */
void cross_domain_refuse_oldest_poll(struct cross_domain_context *context)
{
	cross_domain_put_nothing(context, cross_domain_oldest_poll(context)->tag);
	cross_domain_complete_oldest_poll(context);
	context->put_off = wl_list_empty(&context->polls);
}
