/* What one channel has moved so far, for the statistics. */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_COUNTERS_H
#define GUEST_PROXY_CHANNEL_CHANNEL_COUNTERS_H

#include <stdint.h>

struct channel_counters {
	uint64_t submissions, sends, receives, runs, fences, bytes_out, bytes_in;
	uint64_t blobs; /* live now */
	uint64_t blob_bytes;
};

#endif
