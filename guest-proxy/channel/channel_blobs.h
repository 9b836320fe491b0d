/*
 * Memory of one cross-domain context that the host's compositor sees, too. Knows the device and the
 * cross-domain commands about memory, but nothing of channels: what an error means is decided
 * there. Nothing waits for the host: a blob is complete some time after it was asked for.
 */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_BLOBS_H
#define GUEST_PROXY_CHANNEL_CHANNEL_BLOBS_H

#include "guest-proxy/channel/channel_counters.h"
#include "guest-proxy/gpu/gpu.h"
#include "protocol/wire/wire.h"

/*
 * The sizes that the host is asked about are steps of a quarter of the power of two below them, so
 * there are no more than this many of them up to INT32_MAX.
 */
#define CHANNEL_BLOBS_CLASSES 80

struct channel_blobs;

/* Memory that both the guest and the host's compositor see. */
struct channel_blob {
	uint32_t refs;
	int status;                  /* 0: complete; -EINPROGRESS: not yet; else it never will be */
	struct channel_blobs *owner; /* NULL: its channel is gone, and so is the memory */
	struct gpu_blob *gpu;
	uint8_t *map; /* NULL: imported, not complete, or the channel is gone */
	size_t size;

	/* channel_blobs.c's */
	struct wl_list link; /* channel_blobs::live */
	enum gpu_blob_memory memory;
	bool received;    /* its contents are what the host calls host_id */
	bool wants_class; /* the host is to be asked about its size */
	bool wants_fetch; /* the host is to be asked to copy its contents, */
	bool made;        /* which can be done now */
	uint32_t host_id;
	uint64_t rounded_size; /* of its class */
};

struct channel_blobs_class { /* what the host said about memory of this size */
	uint64_t size;
	uint32_t blob_id;
};

struct channel_blobs {
	struct gpu *gpu;
	struct gpu_context *context;
	struct gpu_blob *query_ring;
	uint32_t features;                 /* CROSS_DOMAIN_EXT_* of the host */
	struct channel_counters *counters; /* the channel's */
	/* @blob, which was in progress, is complete or failed. To be noted only: calls of this file
	 * may be under way. */
	void (*done)(void *data, struct channel_blob *blob);
	void *data;

	struct channel_blobs_class classes[CHANNEL_BLOBS_CLASSES];
	unsigned n_classes;
	struct wl_list live;           /* channel_blob::link */
	struct wl_list questions;      /* what fences are to answer, in order */
	uint64_t asked_size;           /* the class that the query ring is in use for; 0: none */
	struct channel_blob *starting; /* by channel_blobs_create or channel_blobs_receive */
};

/* Before anything else; the caller fills in what stands before the classes. */
void channel_blobs_init(struct channel_blobs *blobs);
/* Takes the memory away from blobs that are still referenced. */
void channel_blobs_finish(struct channel_blobs *blobs);

/*
 * Memory of @size bytes for the compositor: one reference, the caller's. 0 (see its status),
 * -ENOMEM where the host refuses (its quota), or -errno: the host has no such memory at all. Its
 * status can become one of these errors later, too.
 */
int channel_blobs_create(struct channel_blobs *blobs, size_t size, struct channel_blob **out);
/* The blob behind @fd (borrowed), a dma-buf of the device, without a map: complete. As
 * gpu_ops.blob_import. */
int channel_blobs_import(struct channel_blobs *blobs, int fd, struct channel_blob **out);
/*
 * The first @size bytes of the memory behind @fd (borrowed; fd_is_lasting_memory), without a map:
 * one reference, the caller's. 0 (see its status), or -errno: the host takes no such thing.
 */
int channel_blobs_give(struct channel_blobs *blobs, int fd, size_t size, struct channel_blob **out);
/* What the host named as @blob_id in a RECEIVE, mapped. As channel_blobs_create. */
int channel_blobs_receive(
	struct channel_blobs *blobs, uint32_t blob_id, size_t size, struct channel_blob **out);

/* What gpu_listener's functions of these names heard. */
void channel_blobs_gpu_blob(struct channel_blobs *blobs, struct gpu_blob *gpu_blob, int error);
void channel_blobs_answered(struct channel_blobs *blobs);
/*
 * Another question, whose answer comes in the query ring: @answered is called once it is there,
 * from channel_blobs_answered. 0 or -errno; -EAGAIN: not now.
 */
int channel_blobs_ask(struct channel_blobs *blobs, const void *command, size_t size,
	void (*answered)(void *data), void *data);
/* There is room for submissions again, or the query ring is complete. */
void channel_blobs_retry(struct channel_blobs *blobs);

struct channel_blob *channel_blob_ref(struct channel_blob *blob);
void channel_blob_unref(struct channel_blob *blob);
/* A WIRE_BLOB handle with a new reference. */
struct wire_handle channel_blob_handle(struct channel_blob *blob);

#endif
