/* How fast something may happen. */
#include "host-bridge/resources/rate.h"

#define SECOND_NS UINT64_C(1000000000)

uint64_t rate_wait_ns(const struct rate *rate, uint64_t now_ns)
{
	const uint64_t ahead_ns = SECOND_NS / rate->per_second * (rate->at_once - 1);
	return rate->next_ns > now_ns + ahead_ns ? rate->next_ns - ahead_ns - now_ns : 0;
}

void rate_count(struct rate *rate, uint64_t now_ns)
{
	const uint64_t from_ns = rate->next_ns > now_ns ? rate->next_ns : now_ns;
	rate->next_ns = from_ns + SECOND_NS / rate->per_second;
}
