/* Counters, summed over connections. */
#ifndef GUEST_PROXY_CONNECTION_COUNTERS_H
#define GUEST_PROXY_CONNECTION_COUNTERS_H

#include <stdio.h>

#include "guest-proxy/connection/connection.h"

struct counters {
	uint64_t messages[2], bytes[2]; /* by enum relay_end */
	uint64_t objects, timelines;    /* live now */
	uint64_t frames, shared_frames, copied_bytes, copy_pauses;
	uint64_t dmabufs, dmabufs_refused, dmabuf_waits;
	uint64_t explicit_frames, explicit_waits;
	struct channel_counters channel;
};

void counters_add(struct counters *counters, const struct connection *connection);
/* What was counted ends now: sets the counts of live things to 0. */
void counters_bury(struct counters *counters);
/* Lines "name value". */
void counters_print(const struct counters *counters, FILE *file);

#endif
