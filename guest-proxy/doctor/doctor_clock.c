/* The guest's doctor: how far the host's clock is from this machine's, and how well that is known.
 */
#include "guest-proxy/doctor/doctor_checks.h"

#include <inttypes.h>
#include <time.h>

#include "protocol/base/monotonic.h"

#define QUESTIONS 16

void doctor_hear_clock(void *data, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns)
{
	struct doctor *doctor = data;
	struct doctor_clock *clock = &doctor->clock;
	uint64_t way_ns = monotonic_ns() - asked_ns;

	if (clock->n_answers++ > 0 && way_ns >= clock->way_ns)
		return;
	clock->way_ns = way_ns;
	clock->difference_ns = (int64_t)(host_ns - asked_ns - way_ns / 2);
}

enum check_result check_clock(void *world, struct finding *finding, int argument)
{
	struct doctor *doctor = world;
	struct doctor_clock *clock = &doctor->clock;

	if (!doctor->probe.done || doctor->closed)
		return finding_skip(finding, "there is no channel to the compositor");
	for (unsigned i = 0; i < QUESTIONS; i++) {
		if (!channel_ask_clock(doctor->channel, CLOCK_MONOTONIC))
			break;
		while (clock->n_answers == i && !doctor->closed)
			wl_event_loop_dispatch(doctor->loop, -1);
	}
	if (clock->n_answers == 0)
		return finding_ok(finding,
			"the host does not tell its time: that of frames is taken from the "
			"quickest event");
	return finding_ok(finding,
		"the host's is %" PRId64 " ns ahead of this machine's, known within %" PRIu64 " ns",
		clock->difference_ns, (clock->way_ns + 1) / 2);
}
