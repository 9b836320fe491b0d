/*
 * The POLLs of a channel. A slot of the channel ring, a page, holds one event; or several pages
 * hold a run of events. The fence of a POLL says that an event is in the slot that it named; once
 * that has been copied, another POLL may name it. For some time there may be larger slots, in
 * another blob (CROSS_DOMAIN_CMD_PAGES), in place of these.
 */
#ifndef GUEST_PROXY_CHANNEL_FLOW_POLL_CREDITS_H
#define GUEST_PROXY_CHANNEL_FLOW_POLL_CREDITS_H

#include "protocol/formats/cross_domain.h"

#define POLL_CREDITS_MAX_SLOTS 2

struct poll_credits {
	unsigned n_slots;    /* of the channel ring, used in turn */
	unsigned slot_pages; /* 1: no runs */
	unsigned max;        /* POLLs that may be outstanding: n_slots, or 1 for some time */
	unsigned rest;       /* so many events later it is n_slots again */
	/* Of the last POLLs sent, so many are outstanding, and so many have brought events that
	 * have not been taken. */
	unsigned n_outstanding, n_waiting;
	uint64_t sent;
	bool more;                            /* POLLs from now on name larger slots */
	bool took_more;                       /* what was taken last came in one */
	bool in_more[POLL_CREDITS_MAX_SLOTS]; /* where the last POLL for each slot has it */
};

void poll_credits_init(struct poll_credits *polls, unsigned n_slots, unsigned slot_pages);
/* Whether a slot is free for one more POLL. */
bool poll_credits_left(const struct poll_credits *polls);
/* The next POLL. */
struct cross_domain_poll poll_credits_next(const struct poll_credits *polls);
/* It was sent. */
void poll_credits_sent(struct poll_credits *polls);
/* The oldest one's fence was signalled. False: none was outstanding. */
bool poll_credits_signalled(struct poll_credits *polls);
/*
 * What the oldest slot brought, a page or a run: *@at is where it lies in @ring, the channel ring's
 * memory, or in @more, that of the larger slots. Returns the bytes of it; 0: none waits. The host
 * may write there at any time, but should not before poll_credits_taken.
 */
size_t poll_credits_look(
	const struct poll_credits *polls, uint8_t *ring, uint8_t *more, uint8_t **at);
/* That was taken, from @at: the slot is free again. */
void poll_credits_taken(struct poll_credits *polls, uint8_t *at);
/* Whether a POLL whose event has not been taken names a larger slot. */
bool poll_credits_use_more(const struct poll_credits *polls);
/*
 * The oldest one was answered without an event: the host has no room for more than one, and for
 * some time there will be no more. False: there were none.
 */
bool poll_credits_refused(struct poll_credits *polls);

#endif
