/*
 * How much was submitted to the host and is not carried out yet. A submission costs its bytes and
 * something for itself; a fence about every 64 KiB tells how far the host has come.
 */
#ifndef GUEST_PROXY_CHANNEL_FLOW_CHANNEL_FLOW_H
#define GUEST_PROXY_CHANNEL_FLOW_CHANNEL_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than can be under way while the user submits nothing as long as it is congested. */
#define CHANNEL_FLOW_MAX_BYTES (UINT64_C(4) << 20)
#define CHANNEL_FLOW_FENCES 80

struct channel_flow { /* all zeroes: nothing was sent yet */
	/* Costs, ever growing: given to the device, covered by a fence, known to be carried out. */
	uint64_t sent, fenced, acknowledged;
	uint64_t fences[CHANNEL_FLOW_FENCES]; /* a ring: the value of sent at each under way */
	unsigned first_fence, n_fences;
	bool congested; /* as much is under way as may be */
};

static inline uint64_t channel_flow_under_way(const struct channel_flow *flow)
{
	return flow->sent - flow->acknowledged;
}

/* Whether the submission of @size bytes that is due should have a fence. @wanted: the user asks. */
bool channel_flow_wants_fence(const struct channel_flow *flow, size_t size, bool wanted);
/* @size bytes were submitted, @with_fence or not. */
void channel_flow_submitted(struct channel_flow *flow, size_t size, bool with_fence);
/* @n more fences were signalled. */
void channel_flow_signalled(struct channel_flow *flow, unsigned n);

#endif
