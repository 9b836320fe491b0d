/* What the commands of a guest work on: its contexts, resources and requests. */
#ifndef HOST_BRIDGE_GPU_DEVICE_STATE_H
#define HOST_BRIDGE_GPU_DEVICE_STATE_H

#include "host-bridge/console/console.h"
#include "host-bridge/contexts/context.h"
#include "host-bridge/contexts/requests.h"
#include "host-bridge/resources/resources.h"
#include "host-bridge/contexts/waiting.h"
#include "protocol/base/log.h"

#define DEVICE_MAX_CONTEXTS 2048
#define DEVICE_MAX_SUBMISSION_BYTES (1u << 20)
#define DEVICE_UUID_NODE_BYTES 6

enum device_queue {
	DEVICE_CONTROL_QUEUE,
	DEVICE_CURSOR_QUEUE,
};

struct device_state {
	struct context_host host;
	struct context_kind *const *kinds; /* in the order in which guests are told of them */
	size_t n_kinds;
	bool renders;    /* one of them does */
	bool maps_files; /* likewise */
	struct device_counters counters;
	struct resource_table resources;
	struct console *console;
	struct id_map contexts;
	struct requests requests;
	struct waiting_room waiting;
	struct wl_list backings;     /* those that are still read; commands_resource.c's */
	struct virtqueue *queues[2]; /* by enum device_queue; borrowed */
	uint8_t uuid[16];    /* of resources; its last DEVICE_UUID_NODE_BYTES become the resource's
				serial    number */
	uint8_t *submission; /* DEVICE_MAX_SUBMISSION_BYTES to copy commands of contexts to */
};

/* The kind of context that has this capset; NULL: guests are told of none. */
struct context_kind *device_find_kind(const struct device_state *state, uint32_t capset_id);

/* The same, by what CTX_CREATE says; as it was before there were several kinds, 0 means OpenGL. */
struct context_kind *device_kind_of_init(const struct device_state *state, uint32_t context_init);

/* Takes @context, which has just been created, into the table. 0; -ENOMEM,
 * -ENOSPC (quota): it is destroyed. */
int device_add_context(struct device_state *state, struct context *context);
/* Ends a context: detaches its resources, completes its requests. */
void device_end_context(struct device_state *state, struct context *context);

/* 0 (also when it is attached already) or what the context refuses it with. */
int device_attach(struct context *context, struct resource *resource);
/* False: it was not attached. */
bool device_detach(struct context *context, uint32_t resource_id);
/* The guest gives @resource up: takes it from every context. */
void device_forget_resource(struct device_state *state, struct resource *resource);

#endif
