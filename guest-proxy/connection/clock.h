/*
 * The difference between a clock of the host's and the guest's CLOCK_MONOTONIC. Times that the
 * compositor tells are of the host's clocks, which were started at other times than the guest's, so
 * they are converted.
 *
 * The difference lies between two bounds. What the host has said arrives after it was said: the
 * guest's time of arrival less the host's time is too large, by the time on the way. Where the host
 * tells its time when it is asked (channel_ask_clock), the guest's time of the question less the
 * host's is too small; the middle is taken then, and is wrong by no more than half of the way there
 * and back. Otherwise it is taken from the quickest event. As clocks drift, only the last seconds
 * count. Bounds that contradict those before mean that a clock has stood still, as in a machine
 * that slept: the newest count then. If it is by less than a few refreshes of a display, the time
 * is one that was told before it was over, and changes nothing. Times of input are never later than
 * they arrive.
 */
#ifndef GUEST_PROXY_CONNECTION_CLOCK_H
#define GUEST_PROXY_CONNECTION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/relay/relay.h"

#define HOST_CLOCK_PERIOD_NS (INT64_C(5) * 1000000000)
/* The host is asked again after so much; but only while times are converted. */
#define HOST_CLOCK_ASK_NS (INT64_C(1) * 1000000000)
/* Frames are reported before the time they are shown at, where that is foreseen: by a refresh. */
#define HOST_CLOCK_EARLY_NS (INT64_C(50) * 1000000)

struct host_clock_bounds { /* of guest's time less the host's */
	int64_t lower_ns;  /* INT64_MIN: the host was not asked */
	int64_t upper_ns;
};

struct host_clock {
	uint32_t id;                           /* as of clock_gettime, on the host */
	bool known;                            /* there are bounds */
	struct host_clock_bounds bounds, last; /* of this period and of the one before */
	int64_t period_start_ns, measured_ns;  /* guest's time; of the last answer of the host */
	int64_t asked_ns;                      /* 0: to be asked at once */
};

/* What times of a compositor are measured by. */
struct host_clocks {
	bool same; /* host and guest have one clock: nothing is converted */
	struct host_clock presentation, input;
};

/* @same: as in struct host_clocks. */
void host_clocks_init(struct host_clocks *clocks, bool same);

/*
 * Something that happened at @host_ns has arrived at @now_ns, of the guest's CLOCK_MONOTONIC. When
 * that was by the guest's clock: never later than @now_ns.
 */
int64_t host_clock_to_guest(struct host_clock *clock, int64_t host_ns, int64_t now_ns);

/* The host's time of @guest_ns; 0, which is past, while nothing is known of its clock. */
int64_t host_clock_to_host(const struct host_clock *clock, int64_t guest_ns);

/* The host, asked at @asked_ns, has said @host_ns, which has arrived at @now_ns. */
void host_clock_measured(
	struct host_clock *clock, int64_t host_ns, int64_t asked_ns, int64_t now_ns);

/* How wrong converted times may be at @now_ns; -1: nobody knows. */
int64_t host_clock_error_ns(const struct host_clock *clock, int64_t now_ns);

/* For channel_listener: clock. */
void host_clocks_answered(
	struct host_clocks *clocks, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns);

/* Counters. */
void host_clocks_print(const struct host_clocks *clocks, FILE *file);

extern const struct relay_hook clock_hooks[];

#endif
