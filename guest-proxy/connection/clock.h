/*
 * The host's clock as the guest sees it. Presentation times are read off the host's clock, and the
 * guest's runs from another start: what crosses is moved from one to the other.
 *
 * Nobody tells how far apart they are. But what the host reports as past reaches the guest later
 * than it was, so of all differences between arrival and time of the event the smallest is the
 * best: it is too large by the quickest way there was, less than a millisecond. The smallest one of
 * the last seconds is taken, as clocks drift.
 */
#ifndef GUEST_PROXY_CONNECTION_CLOCK_H
#define GUEST_PROXY_CONNECTION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/relay/relay.h"

#define HOST_CLOCK_PERIOD_NS (INT64_C(5) * 1000000000)

struct host_clock {
	bool same;  /* host and guest have one clock: nothing is moved */
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
