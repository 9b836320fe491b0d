/* How much is under way to the host. */
#include "guest-proxy/channel/flow/channel_flow.h"

#include <assert.h>

#include "protocol/base/bytes.h"

/* What a small submission counts as: it takes a place in the queue, whatever its size. */
#define SUBMISSION_COST UINT64_C(2048)
#define FENCE_BYTES (UINT64_C(64) << 10)
/* What is written by large pieces is on its way in two of them, and a third is made meanwhile. */
#define CONGESTED_BYTES (UINT64_C(512) << 10)
#define RELIEVED_BYTES (UINT64_C(256) << 10)
static_assert(CHANNEL_FLOW_FENCES > CHANNEL_FLOW_MAX_BYTES / FENCE_BYTES, "");

static uint64_t cost(size_t size)
{
	return max_u64(size, SUBMISSION_COST);
}

bool channel_flow_wants_fence(const struct channel_flow *flow, size_t size, bool wanted)
{
	return (wanted || flow->sent + cost(size) - flow->fenced >= FENCE_BYTES) &&
		flow->n_fences < CHANNEL_FLOW_FENCES;
}

void channel_flow_submitted(struct channel_flow *flow, size_t size, bool with_fence)
{
	flow->sent += cost(size);
	if (with_fence) {
		unsigned at = (flow->first_fence + flow->n_fences++) % CHANNEL_FLOW_FENCES;
		flow->fences[at] = flow->sent;
		flow->fenced = flow->sent;
	}
	if (channel_flow_under_way(flow) > CONGESTED_BYTES)
		flow->congested = true;
}

void channel_flow_signalled(struct channel_flow *flow, unsigned n)
{
	for (; n > 0 && flow->n_fences > 0; n--) {
		flow->acknowledged = flow->fences[flow->first_fence];
		flow->first_fence = (flow->first_fence + 1) % CHANNEL_FLOW_FENCES;
		flow->n_fences--;
	}
	if (channel_flow_under_way(flow) <= RELIEVED_BYTES)
		flow->congested = false;
}
