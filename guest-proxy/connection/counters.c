/* Counters, summed over connections. */
#include "guest-proxy/connection/counters.h"

#include "protocol/base/amounts.h"
#include "protocol/base/bytes.h"

void counters_add(struct counters *counters, const struct connection *connection)
{
	counters->frames += connection->frames;
	counters->shared_frames += connection->shared_frames;
	counters->copied_bytes += connection->copied_bytes;
	counters->copy_pauses += connection->copy_pauses;
	counters->dmabufs += connection->dmabufs;
	counters->dmabufs_refused += connection->dmabufs_refused;
	counters->dmabuf_waits += connection->dmabuf_waits;
	counters->explicit_frames += connection->explicit_frames;
	counters->explicit_waits += connection->explicit_waits;
	if (connection->relay) {
		const struct relay_counters *relay = relay_counters(connection->relay);
		for (int end = 0; end < 2; end++) {
			counters->messages[end] += relay->messages[end];
			counters->bytes[end] += relay->bytes[end];
		}
		counters->objects += relay->objects;
		counters->timelines += connection->n_timelines;
	}
	if (connection->channel) {
		const struct channel_counters *channel = channel_counters(connection->channel);
		counters->channel.submissions += channel->submissions;
		counters->channel.sends += channel->sends;
		counters->channel.receives += channel->receives;
		counters->channel.runs += channel->runs;
		counters->channel.fences += channel->fences;
		counters->channel.bytes_out += channel->bytes_out;
		counters->channel.bytes_in += channel->bytes_in;
		counters->channel.blobs += channel->blobs;
		counters->channel.blob_bytes += channel->blob_bytes;
	}
}

void counters_bury(struct counters *counters)
{
	counters->objects = counters->timelines = counters->channel.blobs =
		counters->channel.blob_bytes = 0;
}

void counters_print(const struct counters *counters, FILE *file)
{
	const struct amount lines[] = {
		{"requests", counters->messages[RELAY_DOWN]},
		{"request_bytes", counters->bytes[RELAY_DOWN]},
		{"events", counters->messages[RELAY_UP]},
		{"event_bytes", counters->bytes[RELAY_UP]},
		{"frames", counters->frames},
		{"shared_frames", counters->shared_frames},
		{"copied_bytes", counters->copied_bytes},
		{"copy_pauses", counters->copy_pauses},
		{"dmabufs", counters->dmabufs},
		{"dmabufs_refused", counters->dmabufs_refused},
		{"dmabuf_waits", counters->dmabuf_waits},
		{"explicit_frames", counters->explicit_frames},
		{"explicit_waits", counters->explicit_waits},
		{"submissions", counters->channel.submissions},
		{"sends", counters->channel.sends},
		{"receives", counters->channel.receives},
		{"runs", counters->channel.runs},
		{"fences", counters->channel.fences},
		{"channel_bytes_out", counters->channel.bytes_out},
		{"channel_bytes_in", counters->channel.bytes_in},
		{"blobs", counters->channel.blobs},
		{"blob_bytes", counters->channel.blob_bytes},
		{"live_timelines", counters->timelines},
		{"live_objects", counters->objects},
	};
	amounts_print(lines, ARRAY_LENGTH(lines), file);
}
