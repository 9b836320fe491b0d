/*
 * What the code that adapts Wayland (buffers, surfaces, pipes) knows of its client. It is the
 * relay's data; client.c owns it.
 */
#ifndef GUEST_PROXY_CONNECTION_CONNECTION_H
#define GUEST_PROXY_CONNECTION_CONNECTION_H

#include "guest-proxy/channel/channel.h"
#include "protocol/relay/relay.h"

/* Formats of wl_shm that are remembered for a connection; about 120 exist. */
#define CONNECTION_FORMATS_MAX 256

struct dmabuf_state;
struct host_clocks;
struct transfers;

struct connection {
	const char *name; /* for log lines: "client 3, pid 77" */
	struct wl_event_loop *loop;
	struct turn *turn;
	const struct gpu *gpu;
	struct channel *channel;
	struct relay *relay;
	struct transfers *transfers;
	struct host_clocks *clocks; /* of all clients */

	uint32_t formats[CONNECTION_FORMATS_MAX]; /* of wl_shm, as the compositor advertised them */
	uint32_t n_formats;
	uint32_t n_pools;          /* mapped now */
	uint32_t n_shared_pools;   /* whose fds are kept (shared_pool.h) */
	uint32_t n_timelines;      /* imported, while anything refers to them (sync/timeline.h) */
	uint32_t n_profiles;       /* colour profiles whose files are kept (colour_profile.h) */
	struct wl_list swapchains; /* swapchain::link */
	struct wl_list retired; /* host_buffer::link: of no swapchain any more, the compositor still
				   reads them */
	uint32_t n_retired;
	struct dmabuf_state *dmabuf; /* dmabuf/; NULL: no client may bind linux-dmabuf */

	/* Ever: commits with a wl_shm buffer, those that copied nothing, and what the others
	 * copied; dma-bufs, those that were not of the guest's device, and commits that waited for
	 * the GPU. */
	uint64_t frames, shared_frames, copied_bytes, copy_pauses;
	uint64_t dmabufs, dmabufs_refused, dmabuf_waits;
	/* Commits with an acquire point or fence, and those of them that waited for it. */
	uint64_t explicit_frames, explicit_waits;

	bool held;           /* the relay holds a commit: nothing more is taken from the client */
	unsigned held_turns; /* for so many turns on end, by connection_hold_for_turn */
	bool committed;      /* another commit was forwarded, and is not with the host yet */
	bool memory_due;     /* it waits for listener->blobs of the channel */
	bool resume; /* the commit need not wait any more: to be pushed through the relay again */
	struct turn_task go_on; /* sets resume in the turn after connection_hold_for_turn */
	bool ending;            /* objects are being torn down; nothing is sent any more */
	bool lost;              /* a channel call failed: the host is gone */
	/*
	 * Has the client's state looked at in the end of this turn: what is queued is sent, reading
	 * is stopped or resumed, and the client is ended where that is due.
	 */
	void (*wake)(struct connection *connection);
};

/* @turn is borrowed; all else is the caller's to set. */
void connection_init(struct connection *connection, struct turn *turn);
/* Cancels what connection_hold_for_turn has begun. */
void connection_finish(struct connection *connection);

/*
 * For a hook that returns RELAY_HOLD as its work is too much for one turn: the relay gets the
 * message again in the next turn, after other clients have been served.
 */
void connection_hold_for_turn(struct connection *connection);

static inline struct connection *connection_of(const struct relay *relay)
{
	return relay_data(relay);
}

#endif
