/*
 * Memory through which bytes for write pipes go to the host without being copied into commands
 * (CROSS_DOMAIN_EXT_WRITE_FROM): a guest blob, cut into slots. A slot is in use from the command
 * that names it to the fence by which the host has carried that out. There is none while nothing
 * is written.
 */
#ifndef GUEST_PROXY_CHANNEL_WRITE_PAGES_H
#define GUEST_PROXY_CHANNEL_WRITE_PAGES_H

#include "guest-proxy/gpu/gpu.h"
#include "protocol/formats/cross_domain.h"

#define WRITE_PAGES_SLOTS 4
#define WRITE_PAGES_SLOT_BYTES ((size_t)256 << 10)
static_assert(WRITE_PAGES_SLOTS * WRITE_PAGES_SLOT_BYTES <= CROSS_DOMAIN_WRITE_FROM_MAX_BYTES, "");

struct write_pages { /* all zeroes: there is none yet */
	struct gpu_blob *blob;
	bool ready;    /* the blob is complete */
	bool refused;  /* it cannot be had: bytes go in commands */
	bool leaving;  /* it is given up once no slot is in use */
	size_t queued; /* bytes of slots whose commands were not submitted yet */
	struct {
		bool used, submitted;
		uint64_t sent; /* channel_flow::sent behind its submission */
	} slots[WRITE_PAGES_SLOTS];
};

/* A slot that is free, WRITE_PAGES_SLOT_BYTES; NULL: there is none now. Asks for the memory first.
 */
uint8_t *write_pages_space(
	struct write_pages *pages, const struct gpu_ops *ops, struct gpu_context *context);
/* Whether all slots are in use. One of those that were submitted has a fence then. */
bool write_pages_full(const struct write_pages *pages);
/*
 * If @bytes are those of a free slot, and so many that it is worth while: takes the slot, fills in
 * resource_id, offset and size of @out, and is true.
 */
bool write_pages_take(struct write_pages *pages, const void *bytes, size_t size,
	struct cross_domain_write_from *out);
/* The commands that name the slots taken were submitted; channel_flow::sent is @sent now. */
void write_pages_submitted(struct write_pages *pages, uint64_t sent);
/* The host has carried out what channel_flow::acknowledged, @acknowledged, covers. */
void write_pages_acknowledged(
	struct write_pages *pages, const struct gpu_ops *ops, uint64_t acknowledged);
/* What gpu_listener.blob says about the blob. */
void write_pages_answered(struct write_pages *pages, const struct gpu_ops *ops, int error);
/* Nothing will be written for now: gives the memory up as soon as that can be. */
void write_pages_leave(struct write_pages *pages, const struct gpu_ops *ops);
/* Gives it up at once. */
void write_pages_finish(struct write_pages *pages, const struct gpu_ops *ops);

#endif
