/*
 * Which channels' POLLs occupy places of the driver's queue.
 *
 * A POLL stays in the queue until there is an event, and a queue has 256 places, or fewer. Guests
 * that are patient (CROSS_DOMAIN_CMD_PATIENT) take an empty event for an answer, and ask again
 * later: so they may have more channels than there are places. Those that said or heard something
 * last have the places; one that only asks, and for which there is nothing, takes none from them.
 */
#include "host-bridge/cross_domain/cross_domain_impl.h"

/* The place that was taken first gives way. False: nobody patient has one. */
static bool oldest_gives_way(struct cross_domain_kind *kind)
{
	if (wl_list_empty(&kind->placed))
		return false;
	struct cross_domain_context *oldest =
		wl_container_of(kind->placed.next, oldest, placed_link);
	while (!wl_list_empty(&oldest->polls))
		cross_domain_refuse_oldest_poll(oldest);
	return true;
}

bool cross_domain_make_place(struct cross_domain_context *context)
{
	return queue_places_left(context->base.host->places, false) ||
		oldest_gives_way(context->kind);
}

void cross_domain_leave_place(struct cross_domain_context *context)
{
	if (!context->placed)
		return;
	context->placed = false;
	wl_list_remove(&context->placed_link);
	context->base.host->places->channels--;
}

bool cross_domain_take_place(struct cross_domain_context *context)
{
	struct queue_places *places = context->base.host->places;
	const bool active = context->active;

	context->active = false;
	if (!context->patient || context->placed)
		return true;
	if (active ? !cross_domain_make_place(context) : !queue_places_left(places, false))
		return false;
	context->placed = true;
	wl_list_insert(context->kind->placed.prev, &context->placed_link);
	places->channels++;
	return true;
}
