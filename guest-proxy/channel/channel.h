/*
 * A Wayland connection to the host through a cross-domain context: bytes, fds' stand-ins and pipes
 * over SEND, RECEIVE, READ and WRITE. One per client, over any gpu.h device.
 */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_H
#define GUEST_PROXY_CHANNEL_CHANNEL_H

#include "guest-proxy/gpu/gpu.h"
#include "protocol/relay/wire.h"

struct channel;

/* Memory that both the guest and the host compositor see. */
struct channel_blob {
	uint32_t refs;
	struct channel *channel;
	struct gpu_blob *gpu;
	uint8_t *map; /* NULL: imported */
	size_t size;
};

struct channel_listener {
	/*
	 * Wayland bytes from the host. Handles come as WIRE_BLOB (struct channel_blob, the host's
	 * contents in it) and WIRE_WRITE_PIPE with only .id set (fd -1): the guest shall send what
	 * goes into that pipe with channel_write. Takes the handles. Called at most once for each
	 * RECEIVE, boundaries are arbitrary.
	 */
	void (*receive)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	/* Bytes of a read pipe; @hang_up: the last ones. */
	void (*pipe_data)(
		void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up);
	/* channel_ready() was false and is true again, or channel_owed_bytes() has become 0. */
	void (*ready)(void *data);
	/* The host hung up (@why NULL: the compositor's end of file) or the device is lost. Destroy
	 * the channel soon. Last callback. */
	void (*closed)(void *data, const char *why);
};

struct channel_counters {
	uint64_t submissions, sends, receives, fences, bytes_out, bytes_in;
	uint64_t blobs; /* live now */
	uint64_t blob_bytes;
};

/*
 * A context, its two rings, INIT and the first POLL. NULL with a log line. The listener is called
 * from the event loop.
 */
struct channel *channel_create(struct gpu *gpu, struct wl_event_loop *loop,
	const struct channel_listener *listener, void *data);
/* Blobs that are still referenced lose their map: unref them before. NULL is fine. */
void channel_destroy(struct channel *channel);

/*
 * Queues Wayland bytes for the host. Handles: WIRE_BLOB, WIRE_READ_PIPE (id from
 * channel_new_read_pipe). Takes the handles, also on error. Batched: goes out with channel_flush,
 * or when a command is full. 0 or -errno (the channel is then lost).
 */
int channel_send(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/* Submits what is queued, as one submission. 0 or -errno (lost). Call it at the end of each event's
 * work. */
int channel_flush(struct channel *channel);

/*
 * False while more than a bounded number of bytes are under way to the host: stop reading from the
 * client and from pipes until listener->ready.
 */
bool channel_ready(const struct channel *channel);

/*
 * Bytes that the host has not worked off, of those that it is asked about: 0 when all that was
 * queued for write pipes that have ended is with their readers, or as good as. listener->ready
 * tells of that.
 */
uint64_t channel_owed_bytes(const struct channel *channel);

/* The id that the next READ_PIPE will have; send it in the very next channel_send that carries a
 * read pipe. */
uint32_t channel_new_read_pipe(struct channel *channel);

/* Bytes for a write pipe of the host; @hang_up ends it. As channel_send. */
int channel_write(
	struct channel *channel, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up);

/* The guest's reader took @size bytes of a read pipe (flow control where the host has it, else
 * nothing). */
void channel_read_done(struct channel *channel, uint32_t pipe_id, size_t size);

/*
 * While paused no new event is asked for: what the host has to say waits there. For a client that
 * does not read.
 */
void channel_pause(struct channel *channel, bool paused);

/*
 * Memory of @size bytes that can be given to the compositor as a wl_shm pool: one reference, the
 * caller's. May wait for the host. -errno: -ENOMEM when the host refuses (quota), else the channel
 * is lost.
 */
int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out);
/*
 * The blob behind @fd (borrowed), a dma-buf of the guest's virtio-gpu device, without a map: one
 * reference, the caller's. It need live no longer than until what names it was sent. 0 or -errno as
 * gpu_ops.blob_import.
 */
int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out);
struct channel_blob *channel_blob_ref(struct channel_blob *blob);
void channel_blob_unref(struct channel_blob *blob);
/* A WIRE_BLOB handle with a new reference. */
struct wire_handle channel_blob_handle(struct channel_blob *blob);

const struct channel_counters *channel_counters(const struct channel *channel);

#endif
