/* Which pages of the channel ring are the host's. */
#include "guest-proxy/channel/flow/poll_credits.h"

#include <assert.h>

#include "protocol/base/copied_once.h"

/* What the host refuses costs a fence and a submission: no more than one in so many. */
#define REST_EVENTS 64

void poll_credits_init(struct poll_credits *polls, unsigned n_slots, unsigned slot_pages)
{
	assert(n_slots <= POLL_CREDITS_MAX_SLOTS);
	*polls =
		(struct poll_credits){.n_slots = n_slots, .slot_pages = slot_pages, .max = n_slots};
}

bool poll_credits_left(const struct poll_credits *polls)
{
	return polls->n_outstanding + polls->n_waiting < polls->max;
}

struct cross_domain_poll poll_credits_next(const struct poll_credits *polls)
{
	const unsigned slot = polls->sent % polls->n_slots;
	const unsigned pages = polls->more ? CROSS_DOMAIN_LONG_RUN_MAX_PAGES : polls->slot_pages;

	return (struct cross_domain_poll){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_POLL,
			.ring_idx = CROSS_DOMAIN_CHANNEL_RING,
			.cmd_size = sizeof(struct cross_domain_poll)},
		.page = slot * pages + (polls->more ? polls->n_slots * polls->slot_pages : 0),
		.n_pages = pages > 1 ? pages : 0,
	};
}

void poll_credits_sent(struct poll_credits *polls)
{
	polls->in_more[polls->sent % polls->n_slots] = polls->more;
	polls->sent++;
	polls->n_outstanding++;
}

bool poll_credits_signalled(struct poll_credits *polls)
{
	if (polls->n_outstanding == 0)
		return false;
	polls->n_outstanding--;
	polls->n_waiting++;
	return true;
}

/* What a slot of @room bytes at @at holds: a run's length is the host's word, a page is taken
 * whole.
 */
static size_t slot_bytes(const uint8_t *at, size_t room)
{
	struct cross_domain_run run;
	memcpy(&run, at, sizeof(run));
	copied_once();
	if (room == CROSS_DOMAIN_RING_BYTES || run.hdr.cmd != CROSS_DOMAIN_CMD_RUN)
		return CROSS_DOMAIN_RING_BYTES;
	return sizeof(run) + min_u64(run.bytes, room - sizeof(run));
}

/* The one whose event has waited for the longest time. */
static unsigned oldest_slot(const struct poll_credits *polls)
{
	return (polls->sent - polls->n_outstanding - polls->n_waiting) % polls->n_slots;
}

size_t poll_credits_look(
	const struct poll_credits *polls, uint8_t *ring, uint8_t *more, uint8_t **at)
{
	if (polls->n_waiting == 0)
		return 0;
	const unsigned slot = oldest_slot(polls);
	const size_t room = polls->in_more[slot]
		? (size_t)CROSS_DOMAIN_LONG_RUN_MAX_BYTES
		: (size_t)polls->slot_pages * CROSS_DOMAIN_RING_BYTES;
	*at = (polls->in_more[slot] ? more : ring) + slot * room;
	return slot_bytes(*at, room);
}

void poll_credits_taken(struct poll_credits *polls, uint8_t *at)
{
	const unsigned slot = oldest_slot(polls);

	if (at[0] != 0 && polls->rest > 0 && --polls->rest == 0)
		polls->max = polls->n_slots;
	/* So that a fence that comes without an event does not repeat this one. */
	memset(at, 0, sizeof(struct cross_domain_header));
	polls->took_more = polls->in_more[slot];
	polls->in_more[slot] = false;
	polls->n_waiting--;
}

bool poll_credits_use_more(const struct poll_credits *polls)
{
	bool any = false;
	for (unsigned i = 0; i < polls->n_slots; i++)
		any |= polls->in_more[i];
	return any;
}

bool poll_credits_refused(struct poll_credits *polls)
{
	if (polls->n_slots == 1)
		return false;
	polls->max = 1;
	polls->rest = REST_EVENTS;
	return true;
}
