/* How fast something may happen: a few at once, and so many a second in the long run. */
#ifndef HOST_BRIDGE_RESOURCES_RATE_H
#define HOST_BRIDGE_RESOURCES_RATE_H

#include <stdint.h>

struct rate {
	uint32_t at_once, per_second; /* neither is 0 */
	uint64_t next_ns; /* when the next one would come, had they always kept to per_second */
};

/* 0: it may happen now; else in how many ns. */
uint64_t rate_wait_ns(const struct rate *rate, uint64_t now_ns);

/* It happens. */
void rate_count(struct rate *rate, uint64_t now_ns);

#endif
