/* Times that cross between the guest's clock and the host's. */
#include "guest-proxy/connection/clock.h"

#include <time.h>

#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

#define NS_PER_S INT64_C(1000000000)
/* Times are bounded to 100 years, so that sums of them cannot overflow. */
#define MAX_NS (INT64_C(100) * 366 * 86400 * NS_PER_S)

void host_clock_init(struct host_clock *clock, bool same)
{
	*clock = (struct host_clock){.same = same};
}

static int64_t bounded(int64_t ns)
{
	return ns < -MAX_NS ? -MAX_NS : ns > MAX_NS ? MAX_NS : ns;
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t difference(const struct host_clock *clock)
{
	return lesser(clock->least_ns, clock->last_least_ns);
}

int64_t host_clock_to_guest(struct host_clock *clock, int64_t host_ns, int64_t now_ns)
{
	if (clock->same)
		return host_ns;
	host_ns = bounded(host_ns);
	int64_t sample_ns = now_ns - host_ns;
	bool period_over = now_ns - clock->period_start_ns >= HOST_CLOCK_PERIOD_NS;

	if (!clock->known || period_over) {
		/* After a long silence the last period is too old to be used. */
		bool stale = !clock->known ||
			now_ns - clock->period_start_ns >= 2 * HOST_CLOCK_PERIOD_NS;
		clock->last_least_ns = stale ? sample_ns : clock->least_ns;
		clock->least_ns = sample_ns;
		clock->period_start_ns = now_ns;
		clock->known = true;
	}
	clock->least_ns = lesser(clock->least_ns, sample_ns);
	return host_ns + difference(clock);
}

int64_t host_clock_to_host(const struct host_clock *clock, int64_t guest_ns)
{
	if (clock->same)
		return guest_ns;
	return clock->known ? bounded(guest_ns) - difference(clock) : 0;
}

/* A time on the wire: seconds in two halves, and nanoseconds. */

static int64_t get_time(const union wire_arg *args)
{
	uint64_t seconds = (uint64_t)args[0].u << 32 | args[1].u;
	return (int64_t)min_u64(seconds, (uint64_t)(MAX_NS / NS_PER_S)) * NS_PER_S + args[2].u;
}

static void put_time(union wire_arg *args, int64_t ns)
{
	uint64_t positive_ns = ns < 0 ? 0 : (uint64_t)ns;
	uint64_t seconds = positive_ns / NS_PER_S;
	args[0].u = (uint32_t)(seconds >> 32);
	args[1].u = (uint32_t)seconds;
	args[2].u = (uint32_t)(positive_ns % NS_PER_S);
}

static int64_t now(void)
{
	return (int64_t)monotonic_ns();
}

static struct host_clock *clock_of(const struct relay_message *message)
{
	return connection_of(message->relay)->clock;
}

/* wp_presentation.clock_id(clk_id) */
static enum relay_verdict handle_clock_id(struct relay_message *message)
{
	if (!clock_of(message)->same)
		message->args[0].u = CLOCK_MONOTONIC;
	return RELAY_FORWARD;
}

/* wp_presentation_feedback.presented(tv_sec_hi, tv_sec_lo, tv_nsec, refresh, seq_hi, seq_lo, flags)
 */
static enum relay_verdict handle_presented(struct relay_message *message)
{
	struct host_clock *clock = clock_of(message);
	if (!clock->same)
		put_time(message->args, host_clock_to_guest(clock, get_time(message->args), now()));
	return RELAY_FORWARD;
}

/* wp_commit_timer_v1.set_timestamp(tv_sec_hi, tv_sec_lo, tv_nsec) */
static enum relay_verdict handle_set_timestamp(struct relay_message *message)
{
	const struct host_clock *clock = clock_of(message);
	/* The compositor refuses what is no valid time. */
	if (!clock->same && message->args[2].u < NS_PER_S)
		put_time(message->args, host_clock_to_host(clock, get_time(message->args)));
	return RELAY_FORWARD;
}

const struct relay_hook clock_hooks[] = {
	{"wp_presentation", "clock_id", handle_clock_id, RELAY_UP},
	{"wp_presentation_feedback", "presented", handle_presented, RELAY_UP},
	{"wp_commit_timer_v1", "set_timestamp", handle_set_timestamp, RELAY_DOWN},
	{0},
};
