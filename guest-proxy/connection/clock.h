/*
 * The difference between the host's clock and the guest's. Presentation times are measured by the
 * host's clock, which was started at another time than the guest's, so they are converted.
 *
 * The difference is estimated. An event reaches the guest after it has happened, so the guest's
 * time of arrival less the host's time of the event is the difference plus the time on the way. The
 * smallest such value is the closest: it is too large by the shortest time on the way, less than a
 * millisecond. As clocks drift, only values of the last seconds count.
 */
#ifndef GUEST_PROXY_CONNECTION_CLOCK_H
#define GUEST_PROXY_CONNECTION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/relay/relay.h"

#define HOST_CLOCK_PERIOD_NS (INT64_C(5) * 1000000000)

struct host_clock {
	bool same;  /* host and guest have one clock: nothing is converted */
	bool known; /* there was a first event */
	/* Guest's time less the host's: the smallest differences of this period and of the last. */
	int64_t least_ns, last_least_ns;
	int64_t period_start_ns; /* guest's time */
};

/* @same: as in struct host_clock. */
void host_clock_init(struct host_clock *clock, bool same);

/*
 * Something that happened at @host_ns has arrived at @now_ns, of the guest's CLOCK_MONOTONIC. When
 * that was by the guest's clock: never later than @now_ns.
 */
int64_t host_clock_to_guest(struct host_clock *clock, int64_t host_ns, int64_t now_ns);

/* The host's time of @guest_ns; 0, which is past, while nothing is known of its clock. */
int64_t host_clock_to_host(const struct host_clock *clock, int64_t guest_ns);

extern const struct relay_hook clock_hooks[];

#endif
