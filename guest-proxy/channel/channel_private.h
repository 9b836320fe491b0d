/* What channel.c and channel_blobs.c share. */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_PRIVATE_H
#define GUEST_PROXY_CHANNEL_CHANNEL_PRIVATE_H

#include "guest-proxy/channel/channel.h"

/* Sizes that a wl_shm pool can have, in steps of a quarter of the power of two below: no more
 * classes than that. */
#define CHANNEL_MAX_CLASSES 80

struct channel_class { /* what the host told about memory of this size */
	uint64_t size;
	uint32_t blob_id;
};

struct channel_blobs {
	struct channel_class classes[CHANNEL_MAX_CLASSES];
	unsigned n_classes;
	struct wl_list live; /* struct blob::link in channel_blobs.c */
};

struct channel_blobs *channel_blobs(struct channel *channel);
struct gpu *channel_gpu(struct channel *channel);
struct gpu_context *channel_context(struct channel *channel);
struct gpu_blob *channel_query_ring(struct channel *channel);
struct channel_counters *channel_counters_mutable(struct channel *channel);
bool channel_is_lost(const struct channel *channel);
bool channel_has_feature(const struct channel *channel, uint32_t feature); /* CROSS_DOMAIN_EXT_* */
/* The channel is over: closed() comes from the event loop. @why: a constant text. Returns -EPIPE.
 */
int channel_lose(struct channel *channel, const char *why);

void channel_blobs_init(struct channel_blobs *blobs);
/* Takes the memory away from those that are still referenced. */
void channel_blobs_finish(struct channel_blobs *blobs);
/* A blob over what the host has named in a RECEIVE. 0 or -errno. */
int channel_blob_receive(
	struct channel *channel, uint32_t blob_id, size_t size, struct channel_blob **out);

#endif
