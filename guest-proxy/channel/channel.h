/*
 * A Wayland connection to the host through a cross-domain context: bytes, what stands for file
 * descriptors, and pipes, over SEND, RECEIVE, READ and WRITE. One per client, over any device that
 * gpu.h drives.
 */
#ifndef GUEST_PROXY_CHANNEL_CHANNEL_H
#define GUEST_PROXY_CHANNEL_CHANNEL_H

#include "guest-proxy/channel/channel_blobs.h"
#include "guest-proxy/channel/channel_counters.h"
#include "guest-proxy/gpu/gpu.h"
#include "protocol/wire/wire.h"

struct channel;

struct channel_listener {
	/*
	 * Wayland bytes from the host, cut anywhere. Handles come as WIRE_BLOB (a struct
	 * channel_blob with the host's contents) and as WIRE_WRITE_PIPE with only .id set (fd -1):
	 * what is written into that pipe goes to the host with channel_write. Takes the handles.
	 */
	void (*receive)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	/*
	 * Bytes of a read pipe; @hang_up: the last ones. Or @hang_up alone, of a write pipe: the
	 * host's reader is gone.
	 */
	void (*pipe_data)(
		void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up);
	/* Blobs that were in progress are complete or failed: see their status. */
	void (*blobs)(void *data);
	/* channel_ready() was false and is true again, or channel_owed_bytes() has become 0. */
	void (*ready)(void *data);
	/*
	 * It was @host_ns by the host's clock @clock_id at some time since @asked_ns, of this
	 * side's CLOCK_MONOTONIC: channel_ask_clock. May be NULL for those who do not ask.
	 */
	void (*clock)(void *data, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns);
	/*
	 * The channel is over. @why NULL: the compositor closed the connection; else a constant
	 * text that says what failed. The last callback: destroy the channel soon.
	 */
	void (*closed)(void *data, const char *why);
};

/*
 * A context, its two rings, INIT and the first POLL. NULL with a log line. The listener is called
 * from the event loop only.
 */
struct channel *channel_create(
	struct gpu *gpu, const struct channel_listener *listener, void *data);
/* Blobs that are still referenced have no memory afterwards. NULL is fine. */
void channel_destroy(struct channel *channel);

/*
 * Queues Wayland bytes for the host. Handles: WIRE_BLOB, WIRE_READ_PIPE (id from
 * channel_new_read_pipe). Takes the handles, also on error. Batched: goes out with channel_flush,
 * or when the batch is full. 0 or -EPIPE: the channel is over.
 */
int channel_send(struct channel *channel, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/*
 * Submits what is queued, as one submission, and asks for the next event. Call it at the end of
 * each round of the event loop. 0 or -EPIPE: the channel is over.
 */
int channel_flush(struct channel *channel);
/* Whether something is queued. */
bool channel_has_output(const struct channel *channel);
/* Whether the host may say something now, without a submission. */
bool channel_listens(const struct channel *channel);

/*
 * False while as many bytes are under way to the host as may be: read neither from the client nor
 * from pipes until listener->ready.
 */
bool channel_ready(const struct channel *channel);

/*
 * 0 when the host has carried out everything that was queued for write pipes that have ended: their
 * readers have it, or it lies in pipes of the host. Else a number of bytes. listener->ready tells
 * when it becomes 0.
 */
uint64_t channel_owed_bytes(const struct channel *channel);

/* The id that the next READ_PIPE will have; send it in the very next channel_send that carries a
 * read pipe. */
uint32_t channel_new_read_pipe(struct channel *channel);

/* Bytes for a write pipe of the host; @hang_up ends it. As channel_send. */
int channel_write(
	struct channel *channel, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up);

/*
 * Where bytes for channel_write may be put, so that it need not copy them: *@size bytes, good until
 * then. NULL: nowhere, at the moment or with this host.
 */
uint8_t *channel_write_space(struct channel *channel, size_t *size);

/* There is nothing more to be written for now: memory for it is given up. */
void channel_write_idle(struct channel *channel);

/*
 * The reader of read pipe @pipe_id is gone, which the host's writer is told. False: the host does
 * not know of such a thing, and sends the rest.
 */
bool channel_reader_gone(struct channel *channel, uint32_t pipe_id);

/* The reader of a read pipe took @size bytes: the host, where it does flow control, may send as
 * many more. */
void channel_read_done(struct channel *channel, uint32_t pipe_id, size_t size);

/*
 * While paused no event is asked for, so what the host has to say waits there. For a client that
 * does not read its events.
 */
void channel_pause(struct channel *channel, bool paused);

/*
 * Memory of @size bytes that can be given to the compositor as a wl_shm pool: one reference, the
 * caller's. 0: see its status; while that is -EINPROGRESS the blob can be neither used nor sent,
 * and listener->blobs tells when it changes. -ENOMEM, also as its status: the host refuses (its
 * quota). -EPIPE: the channel is over.
 */
int channel_blob_create(struct channel *channel, size_t size, struct channel_blob **out);
/*
 * The blob behind @fd (borrowed), a dma-buf of the guest's virtio-gpu device, without a map: one
 * reference, the caller's. It may be dropped once what names it was sent. 0 or -errno as
 * gpu_ops.blob_import.
 */
int channel_blob_import(struct channel *channel, int fd, struct channel_blob **out);

/*
 * The first @size bytes of the memory behind @fd (borrowed; fd_is_lasting_memory), for the
 * compositor as a wl_shm pool, without a map: one reference, the caller's. 0: see its status, as of
 * channel_blob_create, -ENOMEM also where the host does not take it; or -errno: the host takes no
 * such thing.
 */
int channel_blob_give(struct channel *channel, int fd, size_t size, struct channel_blob **out);

/*
 * Asks the host what time it is by its clock @clock_id; listener->clock tells, unless the host has
 * no such clock. False: it tells no times, or cannot be asked now (one question at a time).
 */
bool channel_ask_clock(struct channel *channel, uint32_t clock_id);

/*
 * What the rows of pictures in channel_blob_create's memory should be multiples of, in bytes: four,
 * as Pixman and with it many compositors want, or what a GPU needs.
 */
uint32_t channel_stride_alignment(const struct channel *channel);

const struct channel_counters *channel_counters(const struct channel *channel);

#endif
