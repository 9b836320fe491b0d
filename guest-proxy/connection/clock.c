/* How far the host's clocks are from the guest's. */
#include "guest-proxy/connection/clock.h"

#include <inttypes.h>
#include <time.h>

#include "protocol/base/monotonic.h"

#define UNMEASURED INT64_MIN
/* Times are bounded to 100 years, so that sums of them cannot overflow. */
#define MAX_NS (INT64_C(100) * 366 * 86400 * 1000000000)
#define DRIFT 10000 /* clocks of machines run apart by less than one ten-thousandth */

void host_clocks_init(struct host_clocks *clocks, bool same)
{
	*clocks = (struct host_clocks){
		.same = same, .presentation.id = CLOCK_MONOTONIC, .input.id = CLOCK_MONOTONIC};
}

static int64_t bounded(int64_t ns)
{
	return ns < -MAX_NS ? -MAX_NS : ns > MAX_NS ? MAX_NS : ns;
}

static struct host_clock_bounds common(
	const struct host_clock_bounds *a, const struct host_clock_bounds *b)
{
	return (struct host_clock_bounds){
		.lower_ns = a->lower_ns > b->lower_ns ? a->lower_ns : b->lower_ns,
		.upper_ns = a->upper_ns < b->upper_ns ? a->upper_ns : b->upper_ns,
	};
}

static bool contradictory(const struct host_clock_bounds *bounds)
{
	return bounds->lower_ns > bounds->upper_ns;
}

/* The newest ones alone where clocks have drifted apart. */
static struct host_clock_bounds bounds_of(const struct host_clock *clock)
{
	struct host_clock_bounds both = common(&clock->bounds, &clock->last);
	return contradictory(&both) ? clock->bounds : both;
}

static void narrow(struct host_clock *clock, struct host_clock_bounds bounds, int64_t now_ns)
{
	bool period_over = now_ns - clock->period_start_ns >= HOST_CLOCK_PERIOD_NS;

	if (!clock->known || period_over) {
		/* After a long silence the last period is too old to be used. */
		bool stale = !clock->known ||
			now_ns - clock->period_start_ns >= 2 * HOST_CLOCK_PERIOD_NS;
		clock->last = stale ? bounds : clock->bounds;
		clock->bounds = bounds;
		clock->period_start_ns = now_ns;
		clock->known = true;
		return;
	}
	clock->bounds = common(&clock->bounds, &bounds);
	if (contradictory(&clock->bounds)) {
		clock->bounds = clock->last = bounds;
		clock->asked_ns = 0;
	}
}

static int64_t difference(const struct host_clock *clock)
{
	const struct host_clock_bounds bounds = bounds_of(clock);

	return bounds.lower_ns == UNMEASURED
		? bounds.upper_ns
		: bounds.lower_ns + (bounds.upper_ns - bounds.lower_ns) / 2;
}

/* Whether a time of the host's that is @upper_ns away contradicts what was measured by so little
 * that it was told early, rather than that a clock stood still. */
static bool is_early(const struct host_clock *clock, int64_t upper_ns)
{
	const int64_t lower_ns = bounds_of(clock).lower_ns;

	return clock->known && lower_ns != UNMEASURED && upper_ns < lower_ns &&
		lower_ns - upper_ns < HOST_CLOCK_EARLY_NS;
}

int64_t host_clock_to_guest(struct host_clock *clock, int64_t host_ns, int64_t now_ns)
{
	host_ns = bounded(host_ns);
	if (!is_early(clock, now_ns - host_ns))
		narrow(clock, (struct host_clock_bounds){UNMEASURED, now_ns - host_ns}, now_ns);
	int64_t guest_ns = host_ns + difference(clock);
	return guest_ns < now_ns ? guest_ns : now_ns;
}

int64_t host_clock_to_host(const struct host_clock *clock, int64_t guest_ns)
{
	return clock->known ? bounded(guest_ns) - difference(clock) : 0;
}

void host_clock_measured(
	struct host_clock *clock, int64_t host_ns, int64_t asked_ns, int64_t now_ns)
{
	const struct host_clock_bounds bounds = {asked_ns - host_ns, now_ns - host_ns};

	narrow(clock, bounds, now_ns);
	clock->measured_ns = now_ns;
}

int64_t host_clock_error_ns(const struct host_clock *clock, int64_t now_ns)
{
	const struct host_clock_bounds bounds = bounds_of(clock);

	if (!clock->known || bounds.lower_ns == UNMEASURED)
		return -1;
	/* What was measured is of up to two periods ago. */
	int64_t age_ns = now_ns - clock->measured_ns + 2 * HOST_CLOCK_PERIOD_NS;
	return (bounds.upper_ns - bounds.lower_ns + 1) / 2 + age_ns / DRIFT;
}

void host_clocks_answered(
	struct host_clocks *clocks, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns)
{
	struct host_clock *const both[] = {&clocks->presentation, &clocks->input};

	if (host_ns > (uint64_t)MAX_NS)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (both[i]->id == clock_id)
			host_clock_measured(both[i], (int64_t)host_ns, (int64_t)asked_ns,
				(int64_t)monotonic_ns());
	}
}

void host_clocks_print(const struct host_clocks *clocks, FILE *file)
{
	const struct host_clock *const both[] = {&clocks->presentation, &clocks->input};
	static const char *const names[] = {"presentation", "input"};
	int64_t now_ns = (int64_t)monotonic_ns();

	for (size_t i = 0; i < 2 && !clocks->same; i++) {
		fprintf(file, "%s_clock_difference_ns %" PRId64 "\n", names[i],
			both[i]->known ? difference(both[i]) : 0);
		fprintf(file, "%s_clock_error_ns %" PRId64 "\n", names[i],
			host_clock_error_ns(both[i], now_ns));
	}
}
