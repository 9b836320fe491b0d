/*
 * What the parts that adapt Wayland (buffers, surfaces, pipes) see of the client they work for. It
 * is what relay_data() gives; client.c owns it.
 */
#ifndef GUEST_PROXY_CONNECTION_CONNECTION_H
#define GUEST_PROXY_CONNECTION_CONNECTION_H

#include "guest-proxy/channel/channel.h"
#include "protocol/relay/relay.h"

/* How many wl_shm formats of the compositor are remembered; there are about 120. */
#define CONNECTION_FORMATS_MAX 256

struct dmabuf_state;
struct host_clock;
struct transfers;

struct connection {
	const char *name; /* for log lines: "client 3, pid 77" */
	struct wl_event_loop *loop;
	struct turn *turn;
	const struct gpu *gpu;
	struct channel *channel;
	struct relay *relay;
	struct transfers *transfers;
	struct host_clock *clock; /* one for all clients */

	uint32_t formats[CONNECTION_FORMATS_MAX]; /* of wl_shm, as the compositor advertised them */
	uint32_t n_formats;
	uint32_t n_pools;          /* mapped now */
	struct wl_list swapchains; /* swapchain::link */
	struct wl_list retired; /* host_buffer::link: of no swapchain any more, the compositor still
				   reads them */
	uint32_t n_retired;
	struct dmabuf_state *dmabuf; /* dmabuf/; NULL: no client may bind linux-dmabuf */

	/* Ever: commits with a wl_shm buffer and what they copied; dma-bufs, those that were not of
	 * the guest's device, and commits that waited for the GPU. */
	uint64_t frames, copied_bytes;
	uint64_t dmabufs, dmabufs_refused, dmabuf_waits;

	bool held;       /* the relay holds a commit: nothing more is taken from the client */
	bool memory_due; /* it waits for listener->blobs of the channel */
	bool resume;     /* it need not wait any more: give the relay what is left */
	struct turn_task go_on; /* ends what connection_hold_for_turn began */
	bool ending;            /* objects are being torn down; nothing is sent any more */
	bool lost;              /* a channel call failed: the host is gone */
	/*
	 * Something happened outside a callback of the client's own: flush, pause and end what is
	 * due, soon.
	 */
	void (*wake)(struct connection *connection);
};

/* @turn is borrowed; all else is the caller's to set. */
void connection_init(struct connection *connection, struct turn *turn);
/* Nothing goes on by itself any more. */
void connection_finish(struct connection *connection);

/*
 * What a commit takes is too much for this turn: the relay holds it, and has it again in the next
 * one, when others have had theirs.
 */
void connection_hold_for_turn(struct connection *connection);

static inline struct connection *connection_of(const struct relay *relay)
{
	return relay_data(relay);
}

#endif
