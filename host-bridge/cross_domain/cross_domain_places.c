/*
 * Which channels' POLLs occupy places of the driver's queue.
 *
 * A POLL stays in the queue until there is an event, and a queue has 256 places, or fewer. Guests
 * that are patient (CROSS_DOMAIN_CMD_PATIENT) take an empty event for an answer, and ask again
 * later: so they may have more channels than there are places. Those that said or heard something
 * last have the places; one that only asks, and for which there is nothing, takes none from them.
 *
 * A channel may have several POLLs, so that one can go along with whatever it says. Where there are
 * many channels, a few have a second one: again those that said something last.
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

/* Of those that have a place, it is now the last to give way. */
static void stay(struct cross_domain_context *context)
{
	if (!context->placed)
		return;
	wl_list_remove(&context->placed_link);
	wl_list_insert(context->kind->placed.prev, &context->placed_link);
}

/* Who has had a second place for the longest time keeps one. False: no place is free all the same.
 */
static bool double_gives_way(struct cross_domain_context *context)
{
	struct wl_list *doubled = &context->kind->doubled;

	if (!wl_list_empty(doubled)) {
		struct cross_domain_context *oldest =
			wl_container_of(doubled->next, oldest, doubled_link);
		cross_domain_refuse_oldest_poll(oldest);
	}
	return queue_places_left(context->base.host->places, true);
}

bool cross_domain_place_for_more(struct cross_domain_context *context)
{
	struct cross_domain_kind *kind = context->kind;
	const struct queue_places *places = context->base.host->places;

	if (places->total == 0 || places->channels + places->others < places->total / 5)
		return true;
	if (!context->active || context->n_more_polls > 0)
		return false;
	stay(context);
	if (kind->n_doubled < places->total / 20 ? !cross_domain_make_place(context)
						 : !double_gives_way(context))
		return false;
	context->active = false;
	return true;
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
