/* What contexts ask of the device. */
#include "host-bridge/contexts/context.h"

#include "protocol/base/monotonic.h"

bool turn_is_over(const struct context_host *host)
{
	return monotonic_ns() >= host->turn_ends_ns;
}

void context_wake(struct context *context)
{
	const struct context_host *host = context->host;

	if (context->dying || !wl_list_empty(&context->wake_link))
		return;
	wl_list_insert(host->awake->prev, &context->wake_link);
	host->want_turn(host->data);
}

void context_set_starved(struct context *context, bool starved)
{
	if (starved == context->starved)
		return;
	context->starved = starved;
	*context->host->n_starved += starved ? 1 : UINT32_MAX;
}
