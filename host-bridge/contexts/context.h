/* The interface between the device and its contexts, whatever their kind. */
#ifndef HOST_BRIDGE_CONTEXTS_CONTEXT_H
#define HOST_BRIDGE_CONTEXTS_CONTEXT_H

#include "host-bridge/resources/rate.h"
#include "host-bridge/resources/resources.h"

#include <linux/virtio_gpu.h>
#include <wayland-server-core.h>

struct context;
struct given_files;
struct guest_memory;
struct vm_quota;

#define CONTEXT_MAX_HELD 256 /* requests a context may keep */
#define CONTEXT_MAX_CAPSET_BYTES 4096

/*
 * A SUBMIT_3D of the control queue that has been executed, or whose execution a context keeps for
 * later. The device owns it; whoever was given it completes it exactly once. When a context is
 * destroyed, the device completes what it has left.
 */
struct request {
	struct wl_list link; /* free for the context that keeps it */
	struct context *context;
	int ring;     /* the context's ring that its fence is on; -1: on none, or there is none */
	bool fenced;  /* it has a fence, on a ring or not */
	uint32_t tag; /* free for the context that keeps it */
};
/* Answers with @response (VIRTIO_GPU_RESP_*), with the command's fence echoed, and puts it on the
 * used ring. */
void request_complete(struct request *request, uint32_t response);

struct context_blob { /* what a HOST3D blob_id stands for */
	uint64_t size;
	int fd; /* an fd of its own (owned by the receiver of this struct), or -1: a slot of the
		   region */
	uint64_t fd_offset;
	/* Contents to be written once the blob has memory (received keymaps), or NULL; owned by the
	 * receiver: free(). */
	void *contents;
	size_t contents_size;
	bool given; /* a file of the guest's: it has been charged to QUOTA_SHARED_FILES */
};

struct context_ops {
	/* Frees the context. The device has detached its resources, and completes afterwards the
	 * requests that it kept. */
	void (*destroy)(struct context *context);
	/* CTX_ATTACH_RESOURCE and CTX_DETACH_RESOURCE; may be NULL. attach may refuse with -errno.
	 * @resource is borrowed; ref it to keep it. */
	int (*attach)(struct context *context, struct resource *resource);
	void (*detach)(struct context *context, struct resource *resource);
	/*
	 * SUBMIT_3D: @size bytes, copied from the guest already. 0: done (the device goes on to
	 * fence); -errno: refused. -EINPROGRESS: the context keeps @request and completes it
	 * itself.
	 */
	int (*submit)(struct context *context, const uint8_t *commands, size_t size,
		struct request *request);
	/*
	 * After a submit with VIRTIO_GPU_FLAG_FENCE on a ring: true if the context keeps @request
	 * until the fence is due; false: signal it at once.
	 */
	bool (*fence)(struct context *context, uint32_t ring_idx, struct request *request);
	/* RESOURCE_CREATE_BLOB with BLOB_MEM_HOST3D. 0 or -errno. */
	int (*create_blob)(struct context *context, uint64_t blob_id, uint64_t size, uint32_t flags,
		struct context_blob *out);
	/*
	 * Whether make_blob is for @blob_id; may be NULL: for all if there is one.
	 */
	bool (*makes_blob)(const struct context *context, uint64_t blob_id);
	/*
	 * Instead of create_blob, where another process allocates the memory: the same for
	 * @resource, which is in the table and pending. 0: the context calls resource_settle and
	 * completes @request later. -errno: refused. It charges the machine for the fd that
	 * @resource gets.
	 */
	int (*make_blob)(struct context *context, struct resource *resource, uint64_t blob_id,
		uint64_t size, uint32_t flags, struct request *request);
	/* The guest gives @resource up, attached or not; may be NULL. */
	void (*forget)(struct context *context, struct resource *resource);
	/* ATTACH_BACKING and DETACH_BACKING of a classic resource; may be NULL. */
	void (*backing)(struct context *context, struct resource *resource);
	/* TRANSFER_TO_HOST_3D and FROM_HOST; NULL: has no such thing. As submit. */
	int (*transfer)(struct context *context, struct resource *resource,
		const struct virtio_gpu_transfer_host_3d *transfer, struct request *request);
	/* Whether its next commands have to wait until it calls context_wake; may be NULL. */
	bool (*busy)(const struct context *context);
	/*
	 * What context_wake asked for: the guest's ring may be written, fences completed. From the
	 * event loop, with the control queue looked at just before, so that a POLL that came
	 * without a kick is there.
	 */
	void (*service)(struct context *context);
};

/* Counts since the start unless said otherwise; one for the whole device. */
struct device_counters {
	uint64_t commands, errors; /* of the queues; those answered with an error */
	uint64_t submissions, sends, receives, reads, writes, fences;
	uint64_t bytes_from_guest, bytes_to_guest; /* Wayland's and pipes' */
	uint64_t copied_bytes;                     /* contents copied for the guest (keymaps) */
	uint64_t contexts, pipes;                  /* live now */
	uint64_t contexts_lost;
	uint64_t contexts_held_back; /* asked for faster than their rate: they waited, or were
					refused */
};

/*
 * Places in the control queue. A request that a context keeps occupies one, and a driver that finds
 * the queue full makes its whole guest wait. So each channel has one place for its POLL, others are
 * given to other requests while there are any, and a few are never given away.
 */
struct queue_places {
	uint32_t total;    /* the queue's size; 0: not known, no bound */
	uint32_t channels; /* contexts with a channel */
	uint32_t others;   /* kept requests that are not the only POLL of their context */
};

/* Whether there is a place for one more channel, or (@other) for one more kept request. */
static inline bool queue_places_left(const struct queue_places *places, bool other)
{
	uint32_t reserve = places->total / (other ? 20 : 10);
	return places->total == 0 || places->channels + places->others < places->total - reserve;
}

/* What every context gets from the device; outlives it. */
struct context_host {
	struct wl_event_loop *loop;
	uint64_t max_blob_bytes;
	struct guest_memory *memory;
	const struct resource_table *resources;
	struct device_counters *counters;
	struct queue_places *places;
	struct given_files *files;
	struct vm_quota *quota; /* NULL: no limits */
	uint64_t turn_ends_ns;  /* CLOCK_MONOTONIC; see turn_is_over */
	/* For context_wake and context_set_starved: */
	struct wl_list *awake; /* context::wake_link */
	uint32_t *n_starved;   /* contexts that are starved now */
	void (*want_turn)(void *data);
	void *data;
};

/*
 * Whether this turn of the event loop has taken so long that what is left should be done in the
 * next one: a context stops, calls context_wake, and goes on in ops->service or when it is not busy
 * any more.
 */
bool turn_is_over(const struct context_host *host);

/*
 * A kind of context: what the device knows of a capset. Whoever implements the kind embeds it in a
 * struct of its own, which outlives the device.
 */
struct context_kind {
	uint32_t capset_id, capset_version;
	uint32_t capset_bytes; /* at most CONTEXT_MAX_CAPSET_BYTES */
	bool renders;          /* 3D: has classic resources, and memory of its own to be mapped */
	bool maps_files;       /* memory of its own that is to be mapped, without 3D */
	struct rate *rate;     /* of new contexts, perhaps shared with other kinds; NULL: any */
	const struct context_host *host; /* set by the device, before it calls anything here */
	/* When the device is made; may be NULL. */
	void (*start)(struct context_kind *kind);
	/* Writes capset_bytes: what guests are told of the host's abilities. */
	void (*fill_capset)(const struct context_kind *kind, uint8_t *out);
	/* @name is what the guest calls it, for log lines. NULL: no memory, or no process for it.
	 */
	struct context *(*create)(struct context_kind *kind, uint32_t id, const char *name);
	/* The driver was reset, and all contexts destroyed: drops what has outlived them; may be
	 * NULL. */
	void (*reset)(struct context_kind *kind);
};

struct context {
	const struct context_ops *ops;
	const struct context_host *host;
	uint32_t id;
	char name[80];          /* for log lines: "context 3 (weston-terminal)" */
	struct id_map attached; /* struct resource by id; each holds a reference. The device's to
				   change. */
	uint32_t n_held;        /* requests of it that are not completed. The device's to change. */
	bool starved;           /* has an event for its guest and no POLL; context_set_starved */
	bool dying;             /* ops->destroy runs: wakes count no more. The device's. */
	struct wl_list requests;  /* the device's */
	struct wl_list wake_link; /* the device's */
};

/* To be called in each service: whether an event waits because its guest has sent no POLL. */
void context_set_starved(struct context *context, bool starved);

/* Asks for one call of ops->service, at the end of this turn of the event loop. */
void context_wake(struct context *context);

#endif
