/* What the files channel*.c share. */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_IMPL_H
#define GUEST_PROXY_CHANNEL_CHANNEL_IMPL_H

#include "guest-proxy/channel/channel.h"
#include "guest-proxy/channel/command_batch.h"
#include "guest-proxy/channel/flow/channel_flow.h"
#include "guest-proxy/channel/flow/poll_credits.h"
#include "guest-proxy/channel/flow/poll_patience.h"
#include "guest-proxy/channel/flow/read_credit.h"
#include "guest-proxy/channel/read_pages.h"
#include "guest-proxy/channel/write_pages.h"
#include "protocol/formats/cross_domain.h"

#define CHANNEL_BATCH_BLOBS 64

struct held_receive;

struct channel {
	struct gpu *gpu;
	const struct channel_listener *listener;
	void *data;
	struct gpu_context *context;
	struct gpu_blob *query_ring, *channel_ring;
	uint32_t features; /* CROSS_DOMAIN_EXT_* */
	bool dmabufs;      /* the host's memory is a GPU's */
	struct channel_counters counters;
	struct channel_blobs blobs;

	struct command_batch batch;
	/* Those that the batch names: references. */
	struct channel_blob *batch_blobs[CHANNEL_BATCH_BLOBS];
	size_t n_batch_blobs;
	bool fence_due; /* the batch ends a write pipe: the next submission gets a fence */
	bool stalled;   /* the device's queue was full: the batch is sent when there is room */
	struct channel_flow flow;
	struct write_pages pages;

	struct poll_credits polls;
	struct read_pages more_pages; /* for polls */
	struct poll_patience patience;
	bool paused;
	struct held_receive *held; /* NULL: none */
	uint32_t next_read_pipe, last_read_pipe_sent;
	struct read_credit credit;
	bool clock_asked; /* and not answered yet, */
	uint64_t clock_asked_ns;

	bool over, closed_told;
	const char *why; /* NULL with over: the compositor closed the connection */
	struct turn_task turn_task, poll_task;
	bool blobs_changed; /* listener->blobs is due */
	bool *destroyed;    /* set by channel_destroy while an event is handled */
};

static inline bool channel_has_feature(const struct channel *channel, uint32_t feature)
{
	return channel->features & feature;
}

/* In channel.c */

/* The channel is over: listener->closed comes from the event loop. @why: a constant text; NULL: the
 * host hung up. */
void channel_end(struct channel *channel, const char *why);
/* As channel_end, with a reason. -EPIPE. */
int channel_fail(struct channel *channel, const char *why);
/* The same: the host gives no memory for buffers. */
int channel_fail_buffers(struct channel *channel);

/* In channel_output.c */

/* Asks for the next event, unless one was asked for or is not wanted. */
void channel_submit_poll(struct channel *channel);
/* The host is told of more_pages, and POLLs name them from then on. */
void channel_use_more_pages(struct channel *channel);
/* Empties the batch. */
void channel_forget_batch(struct channel *channel);

/* In channel_events.c */

/* gpu_listener::event */
void channel_handle_event(void *data);
/* Gives the user what was held, if its blobs are complete. May destroy the channel: false. */
bool channel_release_held(struct channel *channel);
/* For channel_destroy. */
void channel_forget_held(struct channel *channel);

#endif
