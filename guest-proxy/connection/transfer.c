/*
 * Pipes between a client and the host.
 *
 * The fd that a client wants to be written to may be anything: a pipe, a socket, a file, /dev/null.
 * Writing never blocks, and does not change the flags of the client's open file description
 * (shared_write); a terminal is opened again.
 */
#include "guest-proxy/connection/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/streams/byte_queue.h"
#include "protocol/streams/shared_write.h"
#include "protocol/streams/wide_pipe.h"

#define PIPES_MAX 256
#define CHUNK_BYTES 65536
#define QUEUE_MAX_BYTES (16 << 20) /* the host is told to pause long before */

/* The host's bytes on their way to an fd of the client's. */
struct read_pipe {
	struct wl_list link; /* transfers::read_pipes */
	struct transfers *transfers;
	uint32_t id;
	int fd;                         /* -1: nobody reads it any more; bytes are dropped */
	bool hang_up;                   /* nothing follows what is queued */
	struct wl_event_source *source; /* NULL for files, which need not be waited for */
	bool waits;                     /* until the fd takes what is queued */
	struct wide_pipe wide;
	struct byte_queue queue;
};

/* What the client writes, on its way to the host. */
struct write_pipe {
	struct wl_list link; /* transfers::write_pipes */
	struct transfers *transfers;
	uint32_t id;
	int fd; /* the reading end */
	struct wl_event_source *source;
	struct wide_pipe wide;
};

struct transfers {
	struct connection *connection;
	struct wl_list read_pipes, write_pipes;
	uint32_t count;
	size_t queued_bytes;
	uint64_t moved_bytes;
	bool reading;
};

struct transfers *transfers_create(struct connection *connection)
{
	struct transfers *transfers = calloc(1, sizeof(*transfers));
	if (!transfers)
		return NULL;
	transfers->connection = connection;
	transfers->reading = true;
	wl_list_init(&transfers->read_pipes);
	wl_list_init(&transfers->write_pipes);
	return transfers;
}

static void read_pipe_destroy(struct read_pipe *pipe)
{
	event_source_remove(&pipe->source);
	pipe->transfers->queued_bytes -= byte_queue_size(&pipe->queue);
	pipe->transfers->count--;
	wl_list_remove(&pipe->link);
	fd_close(&pipe->fd);
	wide_pipe_finish(&pipe->wide);
	byte_queue_clear(&pipe->queue);
	free(pipe);
}

static void write_pipe_destroy(struct write_pipe *pipe)
{
	event_source_remove(&pipe->source);
	pipe->transfers->count--;
	wl_list_remove(&pipe->link);
	fd_close(&pipe->fd);
	wide_pipe_finish(&pipe->wide);
	free(pipe);
}

void transfers_destroy(struct transfers *transfers)
{
	if (!transfers)
		return;
	struct read_pipe *read_pipe, *next_read;
	wl_list_for_each_safe(read_pipe, next_read, &transfers->read_pipes, link)
		read_pipe_destroy(read_pipe);
	struct write_pipe *write_pipe, *next_write;
	wl_list_for_each_safe(write_pipe, next_write, &transfers->write_pipes, link)
		write_pipe_destroy(write_pipe);
	free(transfers);
}

size_t transfers_queued_bytes(const struct transfers *transfers)
{
	return transfers->queued_bytes;
}

uint32_t transfers_count(const struct transfers *transfers)
{
	return transfers->count;
}

bool transfers_busy(const struct transfers *transfers)
{
	const struct write_pipe *pipe;
	wl_list_for_each(pipe, &transfers->write_pipes, link)
	{
		struct pollfd events = {.fd = pipe->fd, .events = POLLIN};
		if (poll(&events, 1, 0) > 0)
			return true;
	}
	return transfers->queued_bytes > 0;
}

uint64_t transfers_moved_bytes(const struct transfers *transfers)
{
	return transfers->moved_bytes;
}

/* @size bytes of the host's have been written or dropped. */
static void account(struct read_pipe *pipe, size_t size)
{
	struct transfers *transfers = pipe->transfers;
	transfers->moved_bytes += size;
	if (size > 0 && !transfers->connection->lost)
		channel_read_done(transfers->connection->channel, pipe->id, size);
}

/* Tells the host's writer that the reader is gone, where that can be: nothing comes any more then.
 */
static void read_pipe_tell_gone(struct read_pipe *pipe)
{
	struct connection *connection = pipe->transfers->connection;
	if (!pipe->hang_up && !connection->lost)
		pipe->hang_up = channel_reader_gone(connection->channel, pipe->id);
}

/* Its reader is gone: what comes from now on is dropped. */
static void read_pipe_break(struct read_pipe *pipe)
{
	size_t queued = byte_queue_size(&pipe->queue);
	event_source_remove(&pipe->source);
	fd_close(&pipe->fd);
	wide_pipe_finish(&pipe->wide);
	byte_queue_clear(&pipe->queue);
	pipe->transfers->queued_bytes -= queued;
	account(pipe, queued);
	read_pipe_tell_gone(pipe);
}

/* Writes as much as the fd takes now; breaks the pipe on errors. How many bytes. */
static size_t read_pipe_drain(struct read_pipe *pipe)
{
	struct byte_queue *queue = &pipe->queue;
	size_t before = byte_queue_size(queue);
	int result = byte_queue_write(queue, pipe->fd);
	size_t done = before - byte_queue_size(queue);
	pipe->transfers->queued_bytes -= done;
	account(pipe, done);
	if (result < 0 && result != -EAGAIN)
		read_pipe_break(pipe);
	return done;
}

static int handle_writable(int fd, uint32_t mask, void *data);

/* Waits until the fd takes what is queued; ends a pipe that has nothing more to write. */
static void read_pipe_settle(struct read_pipe *pipe)
{
	bool queued = byte_queue_size(&pipe->queue) > 0;

	if (pipe->source && queued != pipe->waits)
		wl_event_source_fd_update(pipe->source, queued ? WL_EVENT_WRITABLE : 0);
	else if (!pipe->source && queued)
		read_pipe_break(pipe);
	pipe->waits = queued;
	if (pipe->hang_up && byte_queue_size(&pipe->queue) == 0)
		read_pipe_destroy(pipe);
}

static int handle_writable(int fd, uint32_t mask, void *data)
{
	struct read_pipe *pipe = data;
	struct connection *connection = pipe->transfers->connection;
	size_t done = read_pipe_drain(pipe);

	/* Its reader is gone, or an error that write() does not see would come again and again. */
	if (done == 0 && pipe->fd >= 0 && (mask & (WL_EVENT_ERROR | WL_EVENT_HANGUP)))
		read_pipe_break(pipe);
	read_pipe_settle(pipe);
	connection->wake(connection);
	return 0;
}

/* The fd takes *@done bytes now, and the rest is queued. 0, or -errno: it is of no more use. */
static int read_pipe_write(struct read_pipe *pipe, const uint8_t *bytes, size_t size, size_t *done)
{
	int error = -EAGAIN;
	size_t more = 0;

	*done = 0;
	wide_pipe_to_write(&pipe->wide, pipe->fd, size);
	if (byte_queue_size(&pipe->queue) == 0)
		error = shared_write_all(pipe->fd, bytes, size, done);
	if (error == -EAGAIN && *done > 0 && wide_pipe_try(&pipe->wide, pipe->fd))
		error = shared_write_all(pipe->fd, bytes + *done, size - *done, &more);
	*done += more;
	if (error != -EAGAIN)
		return error;
	error = byte_queue_add(&pipe->queue, bytes + *done, size - *done);
	if (error == 0)
		pipe->transfers->queued_bytes += size - *done;
	return error;
}

static void read_pipe_data(struct read_pipe *pipe, const uint8_t *bytes, size_t size, bool hang_up)
{
	size_t done = 0;

	pipe->hang_up |= hang_up;
	if (pipe->fd >= 0 && read_pipe_write(pipe, bytes, size, &done) < 0)
		read_pipe_break(pipe);
	if (pipe->fd < 0) {
		account(pipe, size); /* the rest is dropped */
		read_pipe_tell_gone(pipe);
	} else {
		account(pipe, done);
	}
	read_pipe_settle(pipe);
}

/* The host has been told that nothing more is written. */
static void write_pipe_end(struct write_pipe *pipe)
{
	struct transfers *transfers = pipe->transfers;
	write_pipe_destroy(pipe);
	if (wl_list_empty(&transfers->write_pipes))
		channel_write_idle(transfers->connection->channel);
}

/* Nothing more is written: tells the host so, and the client's writer gets EPIPE. */
static void write_pipe_break(struct write_pipe *pipe)
{
	struct connection *connection = pipe->transfers->connection;
	if (channel_write(connection->channel, pipe->id, NULL, 0, true) < 0)
		connection->lost = true;
	write_pipe_end(pipe);
}

void transfers_pipe_data(
	struct transfers *transfers, uint32_t id, const void *bytes, size_t size, bool hang_up)
{
	struct read_pipe *read_pipe;
	wl_list_for_each(read_pipe, &transfers->read_pipes, link)
	{
		if (read_pipe->id == id) {
			read_pipe_data(read_pipe, bytes, size, hang_up);
			return;
		}
	}
	struct write_pipe *write_pipe;
	wl_list_for_each(write_pipe, &transfers->write_pipes, link)
	{
		if (write_pipe->id == id && hang_up) { /* the host's reader is gone */
			write_pipe_break(write_pipe);
			return;
		}
	}
}

/* What to write to, from the client's @fd (taken). -1 if it cannot be written to. */
static int open_for_writing(int fd)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &status) < 0) {
		fd_close(&fd);
		return -1;
	}
	if (S_ISCHR(status.st_mode)) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0) {
			close(fd);
			return own;
		}
	}
	return fd;
}

/* receive(mime_type, fd) of all kinds of offers */
static enum relay_verdict handle_receive(struct relay_message *message)
{
	struct connection *connection = connection_of(message->relay);
	struct transfers *transfers = connection->transfers;
	struct wire_handle *handle = &message->args[1].handle;

	if (transfers->count >= PIPES_MAX)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"more than %d transfers at once", PIPES_MAX);
	struct read_pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return relay_fail_memory(message->relay, "a transfer");
	pipe->transfers = transfers;
	pipe->id = channel_new_read_pipe(connection->channel);
	pipe->fd = open_for_writing(handle->fd);
	byte_queue_init(&pipe->queue, QUEUE_MAX_BYTES);
	/* Errors are always watched for. Files have none, and take what is written at once. */
	if (pipe->fd >= 0)
		pipe->source =
			wl_event_loop_add_fd(connection->loop, pipe->fd, 0, handle_writable, pipe);
	wl_list_insert(&transfers->read_pipes, &pipe->link);
	transfers->count++;
	*handle = (struct wire_handle){.kind = WIRE_READ_PIPE, .fd = -1, .id = pipe->id};
	return RELAY_FORWARD;
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	static uint8_t chunk[CHUNK_BYTES];
	size_t room = sizeof(chunk);
	struct write_pipe *pipe = data;
	struct transfers *transfers = pipe->transfers;
	struct connection *connection = transfers->connection;

	connection->wake(connection);
	if (connection->lost || !transfers->reading || !channel_ready(connection->channel))
		return 0; /* transfers_set_reading() stops this, at the end of the turn */
	uint8_t *bytes = channel_write_space(connection->channel, &room);
	if (!bytes) {
		bytes = chunk;
		room = sizeof(chunk);
	}
	ssize_t n = read(pipe->fd, bytes, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	bool hang_up = n <= 0;
	wide_pipe_was_read(&pipe->wide, pipe->fd, n);
	if (channel_write(connection->channel, pipe->id, bytes, hang_up ? 0 : (size_t)n, hang_up) <
		0)
		connection->lost = true;
	if (hang_up)
		write_pipe_end(pipe);
	else
		transfers->moved_bytes += (uint64_t)n;
	return 0;
}

/* While nothing may be read there is no event source, as it would report the pipe without end. */
static int write_pipe_watch(struct write_pipe *pipe, bool on)
{
	if (pipe->source && !on) {
		event_source_remove(&pipe->source);
	} else if (!pipe->source && on) {
		pipe->source = wl_event_loop_add_fd(pipe->transfers->connection->loop, pipe->fd,
			WL_EVENT_READABLE, handle_readable, pipe);
		if (!pipe->source)
			return -ENOMEM;
	}
	return 0;
}

int transfers_open_write_pipe(struct transfers *transfers, uint32_t id)
{
	int ends[2] = {-1, -1};
	struct write_pipe *pipe = NULL;
	int result = -EMFILE;

	if (transfers->count >= PIPES_MAX)
		goto refuse;
	result = -ENOMEM;
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		goto refuse;
	if (pipe2(ends, O_CLOEXEC) < 0 || fd_set_nonblock(ends[0]) < 0) {
		result = -errno;
		goto refuse;
	}
	pipe->transfers = transfers;
	pipe->id = id;
	pipe->fd = ends[0];
	if (write_pipe_watch(pipe, transfers->reading) < 0)
		goto refuse;
	wl_list_insert(&transfers->write_pipes, &pipe->link);
	transfers->count++;
	return ends[1];

refuse:
	/* The host's reader sees the end of an empty file. */
	if (channel_write(transfers->connection->channel, id, NULL, 0, true) < 0)
		transfers->connection->lost = true;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	free(pipe);
	return result;
}

void transfers_set_reading(struct transfers *transfers, bool reading)
{
	if (transfers->reading == reading)
		return;
	transfers->reading = reading;
	struct write_pipe *pipe, *next;
	wl_list_for_each_safe(pipe, next, &transfers->write_pipes, link)
	{
		if (write_pipe_watch(pipe, reading) < 0)
			write_pipe_break(pipe);
	}
}

const struct relay_hook transfer_hooks[] = {
	{"wl_data_offer", "receive", handle_receive, RELAY_DOWN},
	{"zwp_primary_selection_offer_v1", "receive", handle_receive, RELAY_DOWN},
	{"gtk_primary_selection_offer", "receive", handle_receive, RELAY_DOWN},
	{"ext_data_control_offer_v1", "receive", handle_receive, RELAY_DOWN},
	{"zwlr_data_control_offer_v1", "receive", handle_receive, RELAY_DOWN},
	{0},
};
