/*
 * Commands that cannot be executed yet: their resource is pending, their context is busy, or their
 * kind keeps to a rate. The order of the commands of a context, and of those about a resource, is
 * kept; all other commands overtake them.
 */
#ifndef HOST_BRIDGE_CONTEXTS_WAITING_H
#define HOST_BRIDGE_CONTEXTS_WAITING_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

#include "host-bridge/virtio/virtqueue.h"
#include "protocol/base/id_map.h"

struct rate;
struct resource_table;

/* Each occupies a place in the driver's queue, which all of its guest needs. */
#define WAITING_MAX_RATED 32

struct waiting_room {
	struct wl_list commands; /* oldest first */
	uint32_t count;          /* at most VIRTQUEUE_MAX_SIZE */
	uint32_t n_rated;        /* of them, those that keep to a rate; at most WAITING_MAX_RATED */
	uint64_t rate_due_ns; /* when the first that keeps to a rate may go on; UINT64_MAX: none */
	uint64_t n_settled;   /* resource_table::n_settled at the last retry */
	bool unfinished;      /* the last retry was */
	const struct resource_table *resources;
	const struct id_map *contexts;
};

struct waiting_subject {                  /* what a command is about */
	uint32_t context_id, resource_id; /* 0: none */
	const struct rate *rate;          /* that it has to keep to, or NULL */
};

/* @resources and @contexts are borrowed. */
void waiting_room_init(struct waiting_room *room, const struct resource_table *resources,
	const struct id_map *contexts);
/* Forgets them all; nobody is answered. */
void waiting_room_finish(struct waiting_room *room);

/* Whether a new command about @subject has to wait. */
bool waiting_needed(struct waiting_room *room, const struct waiting_subject *subject);
/* Keeps the command in @chain (copied). 0, -ENOMEM, or -ENOSPC: too many wait already. */
int waiting_add(struct waiting_room *room, const struct waiting_subject *subject,
	const struct virtqueue_chain *chain);
/*
 * Executes those that need not wait any longer, by @execute, until that returns false. Looks at
 * them only if something has changed: a resource is pending no more, a rate allows the next one, or
 * (@contexts_woke) a context may not be busy any more. False: @execute did return false, and there
 * may be more.
 */
bool waiting_retry(struct waiting_room *room, bool contexts_woke,
	bool (*execute)(void *data, const struct virtqueue_chain *chain), void *data);

#endif
