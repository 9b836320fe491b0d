/*
 * Host buffers of one surface, all of one size and format: the memory that the compositor reads,
 * brought up to date from the client's buffers by copying what was damaged since each was last
 * used.
 */
#ifndef GUEST_PROXY_WINDOWS_SWAPCHAIN_H
#define GUEST_PROXY_WINDOWS_SWAPCHAIN_H

#include "guest-proxy/buffers/buffer.h"
#include "guest-proxy/connection/connection.h"

struct swapchain;

struct host_buffer {
	struct wl_list link; /* swapchain::buffers, the one used last at the front, or
				connection::retired */
	struct connection *connection;
	struct swapchain *swapchain; /* NULL once retired */
	struct relay_ref object;     /* a wl_buffer only UP knows */
	struct channel_blob *blob;   /* a reference */
	uint64_t shown; /* which of the surface's buffers it is a copy of; 0: none yet */
	bool busy;      /* attached, and not released by the compositor */
};

struct swapchain {
	struct wl_list link; /* connection::swapchains */
	struct connection *connection;
	int32_t width, height; /* buffer coordinates */
	uint32_t format, stride_bytes, pixel_bytes;
	uint64_t bytes;         /* of a buffer */
	bool whole_rows;        /* pixels share bytes with their neighbours (pixel_format.h) */
	bool planes;            /* several, which lie as in the client's buffer */
	struct wl_list buffers; /* host_buffer::link */
	uint32_t n_buffers;
	/* What swapchain_ready asked for, for the next buffer: a reference, or -errno and NULL. */
	struct channel_blob *next;
	int next_error;
	uint64_t uses;      /* how often a buffer was acquired; */
	uint64_t uses_seen; /* and when swapchain_trim_idle last looked */
};

/*
 * For buffers like @model. NULL when memory is short or the size is beyond what a wl_shm pool can
 * have.
 */
struct swapchain *swapchain_create(struct connection *connection, const struct buffer *model);
/*
 * Its buffers are freed, those the compositor still reads when it has released them. NULL is fine.
 */
void swapchain_destroy(struct swapchain *swapchain);

bool swapchain_fits(const struct swapchain *swapchain, const struct buffer *buffer);

/*
 * Whether a host buffer can be acquired now, or an error. If not, the host has been asked for
 * memory and connection->held is set; connection->wake is called with connection->resume set when
 * it has answered.
 */
bool swapchain_ready(struct swapchain *swapchain);

/*
 * After swapchain_ready: a host buffer to draw in, it is the swapchain's. @shm makes it when there
 * is none free. NULL: the host has no memory for it (*@error -ENOMEM) or is gone.
 */
struct host_buffer *swapchain_acquire(
	struct swapchain *swapchain, struct relay_object *shm, int *error);

/*
 * Frees buffers that surfaces without new frames do not need; to be called every few seconds. True:
 * there may be more to free later.
 */
bool swapchain_trim_idle(struct connection *connection);

/* At the end of the connection: what the compositor never released. Sends nothing. */
void swapchain_finish_retired(struct connection *connection);

extern const struct relay_hook swapchain_hooks[];

#endif
