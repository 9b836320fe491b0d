/*
 * Memory for long runs of events (CROSS_DOMAIN_EXT_PAGES): a guest blob, beside the channel ring.
 * There is none unless the host's pipes bring much.
 */
#ifndef GUEST_PROXY_CHANNEL_READ_PAGES_H
#define GUEST_PROXY_CHANNEL_READ_PAGES_H

#include "guest-proxy/channel/flow/poll_credits.h"
#include "guest-proxy/gpu/gpu.h"

struct read_pages { /* all zeroes: there is none */
	struct gpu_blob *blob;
	bool ready;   /* it is complete */
	bool refused; /* it cannot be had */
};

/* Asks for the memory, unless that was done. True: it is there now, and the host has to be told. */
bool read_pages_ask(
	struct read_pages *pages, const struct gpu_ops *ops, struct gpu_context *context);
/* What gpu_listener.blob says about the blob. True: as above. */
bool read_pages_answered(struct read_pages *pages, const struct gpu_ops *ops, int error);
/* Gives it up. */
void read_pages_finish(struct read_pages *pages, const struct gpu_ops *ops);

#endif
