/* Pipes between a guest's cross-domain context and clients of the host. */
#include "host-bridge/cross_domain/streams/pipes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/streams/byte_queue.h"
#include "protocol/streams/io_vectors.h"
#include "protocol/streams/reader_watch.h"
#include "protocol/streams/shared_write.h"
#include "protocol/streams/wide_pipe.h"
#define LOG_MODULE "pipes"
#include "protocol/base/log.h"

struct pipe {
	struct pipes *pipes;
	uint32_t id;
	bool reads;                     /* the guest reads: ours is the reading end */
	int fd;                         /* -1: a write pipe that nobody reads any more */
	struct wl_event_source *source; /* NULL while nothing is waited for */
	struct wide_pipe wide;
	/* reads */
	struct wl_list ready_link; /* pipes::ready, or empty */
	bool muted;                /* while ready, or without credit: source tells of ends only */
	uint32_t unacknowledged;
	/* writes */
	struct byte_queue queue; /* what the reader has not taken */
	struct wl_list waiters;  /* pipe_waiter::link */
	bool hang_up;            /* close once the queue is empty */
	bool handed_over;        /* and in need of: */
	struct reader_watch reader;
};

static int handle_readable(int fd, uint32_t mask, void *data);
static int handle_writable(int fd, uint32_t mask, void *data);
static bool drop_stalest(struct pipes *drain);
static bool make_room_in_machine(struct pipes *pipes);

void pipes_init(struct pipes *pipes, struct wl_event_loop *loop,
	const struct pipes_listener *listener, void *data, uint64_t *live, struct vm_quota *quota)
{
	*pipes = (struct pipes){.loop = loop,
		.listener = listener,
		.data = data,
		.live = live,
		.quota = quota,
		.read_limit = UINT32_MAX};
	wl_list_init(&pipes->ready);
}

/* Of a pipe that the guest reads, the end that is on its way to the compositor counts, too. */
static uint64_t fds_of(bool reads)
{
	return reads ? 2 : 1;
}

static void release(struct pipes *pipes, bool reads)
{
	quota_release(pipes->quota, QUOTA_PIPES, 1);
	quota_release(pipes->quota, QUOTA_FDS, fds_of(reads));
}

/* Whether the machine may have so much more, after pipes that were handed over have made room. */
static bool charge_one(struct pipes *pipes, enum quota_limit limit, uint64_t n)
{
	while (!quota_charge(pipes->quota, limit, n)) {
		if (!make_room_in_machine(pipes)) {
			pipes->exceeded = limit;
			return false;
		}
	}
	return true;
}

/* 0 or -EDQUOT. */
static int charge(struct pipes *pipes, bool reads)
{
	if (!charge_one(pipes, QUOTA_PIPES, 1))
		return -EDQUOT;
	if (charge_one(pipes, QUOTA_FDS, fds_of(reads)))
		return 0;
	quota_release(pipes->quota, QUOTA_PIPES, 1);
	return -EDQUOT;
}

/* 0 with the new pipe in *@out, -EDQUOT or -ENOMEM. */
static int pipe_create(struct pipes *pipes, uint32_t id, bool reads, int fd, struct pipe **out)
{
	if (charge(pipes, reads) < 0)
		return -EDQUOT;
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe) {
		release(pipes, reads);
		return -ENOMEM;
	}
	*pipe = (struct pipe){.pipes = pipes, .id = id, .reads = reads, .fd = fd};
	wl_list_init(&pipe->ready_link);
	byte_queue_init(&pipe->queue, PIPES_MAX_QUEUED);
	wl_list_init(&pipe->waiters);
	if (id_map_insert(&pipes->by_id, id, pipe) < 0) {
		release(pipes, reads);
		free(pipe);
		return -ENOMEM;
	}
	++*pipes->live;
	*out = pipe;
	return 0;
}

/* Bytes came to the queues or left them. False: over the machine's limit. */
static bool count_queued(struct pipes *pipes, size_t added, size_t taken)
{
	pipes->queued_bytes += added - taken;
	while (!quota_adjust(
		pipes->quota, QUOTA_QUEUED_BYTES, &pipes->charged_bytes, pipes->queued_bytes)) {
		if (!make_room_in_machine(pipes))
			return false;
	}
	return true;
}

/* Nothing is left to write: calls all waiters. */
static void finish_waiters(struct pipe *pipe)
{
	while (!wl_list_empty(&pipe->waiters)) {
		struct pipe_waiter *waiter = wl_container_of(pipe->waiters.next, waiter, link);
		wl_list_remove(&waiter->link);
		waiter->done(waiter);
	}
}

/* Whether contents that a client of the host reads end here before the guest has sent all of them,
 * and the listener wants to know. */
static bool is_cut(const struct pipe *pipe)
{
	const struct pipes_listener *listener = pipe->pipes->listener;

	return !pipe->reads && pipe->fd >= 0 &&
		(!pipe->hang_up || byte_queue_size(&pipe->queue) > 0) && listener && listener->cut;
}

/* Closes our end. The id stays in use, so that the guest's commands for it are no errors. */
static void pipe_break(struct pipe *pipe)
{
	event_source_remove(&pipe->source);
	wl_list_remove(&pipe->ready_link);
	wl_list_init(&pipe->ready_link);
	if (is_cut(pipe))
		pipe->pipes->listener->cut(pipe->pipes->data, pipe->fd);
	fd_close(&pipe->fd);
	wide_pipe_finish(&pipe->wide);
	count_queued(pipe->pipes, 0, byte_queue_size(&pipe->queue));
	byte_queue_clear(&pipe->queue);
	finish_waiters(pipe);
}

/* The reader of a write pipe is gone. The guest is told by pipes_read, if it understands that. */
static void pipe_reader_gone(struct pipe *pipe)
{
	struct pipes *pipes = pipe->pipes;

	pipe_break(pipe);
	if (pipes->read_limit == UINT32_MAX || !pipes->listener)
		return;
	wl_list_insert(pipes->ready.prev, &pipe->ready_link);
	pipes->listener->readable(pipes->data);
}

static void pipe_destroy(struct pipe *pipe)
{
	id_map_remove(&pipe->pipes->by_id, pipe->id);
	pipe_break(pipe);
	--*pipe->pipes->live;
	release(pipe->pipes, pipe->reads);
	free(pipe);
}

void pipes_finish(struct pipes *pipes)
{
	uint32_t id;
	for (struct pipe *pipe; (pipe = id_map_take_any(&pipes->by_id, &id));)
		pipe_destroy(pipe);
	id_map_finish(&pipes->by_id);
}

/* Of pipes that were handed over, one whose reader takes nothing any more, for the longest time. */
static struct pipe *stalest(const struct pipes *drain)
{
	struct pipe *found = NULL;
	uint32_t position = 0;

	for (struct pipe *pipe; (pipe = id_map_next(&drain->by_id, &position));) {
		if ((!found || pipe->reader.taken_ns < found->reader.taken_ns) &&
			reader_watch_is_stale(&pipe->reader, pipe->fd))
			found = pipe;
	}
	return found;
}

/* A reader may be as slow as it likes, as long as nobody needs the room. False: each has taken some
 * of late. @drain may be NULL. */
static bool drop_stalest(struct pipes *drain)
{
	struct pipe *pipe = drain ? stalest(drain) : NULL;

	if (!pipe)
		return false;
	log_limited(LOG_LEVEL_WARN,
		"the contents of a pipe are cut short: its reader has taken nothing for a while, "
		"and others need the room");
	pipe_destroy(pipe);
	return true;
}

/* The machine's limits are everybody's: gates of transfers make room, too. */
static bool make_room_in_machine(struct pipes *pipes)
{
	return drop_stalest(pipes->drain) ||
		(pipes->listener && pipes->listener->make_room &&
			pipes->listener->make_room(pipes->data));
}

/* Room for one more pipe with so many bytes. */
static bool make_room(struct pipes *drain, size_t bytes)
{
	while (drain->by_id.count >= PIPES_MAX ||
		!range_fits(drain->queued_bytes, bytes, PIPES_MAX_QUEUED)) {
		if (!drop_stalest(drain))
			return false;
	}
	return true;
}

/* To @drain, after it was taken out of its own pipes' table; false: there is no room. */
static bool pipe_hand_over(struct pipe *pipe, struct pipes *drain)
{
	size_t bytes = byte_queue_size(&pipe->queue);

	if (!make_room(drain, bytes))
		return false;
	do
		drain->last_drain_id++;
	while (drain->last_drain_id == 0 || pipes_has(drain, drain->last_drain_id));
	if (id_map_insert(&drain->by_id, drain->last_drain_id, pipe) < 0)
		return false;
	pipe->id = drain->last_drain_id;
	pipe->handed_over = true;
	reader_watch_note(&pipe->reader, pipe->fd);
	count_queued(pipe->pipes, 0, bytes);
	pipe->pipes = drain;
	count_queued(drain, bytes, 0); /* as much as was released just now */
	finish_waiters(pipe);
	return true;
}

unsigned pipes_hand_over(struct pipes *pipes, struct pipes *drain)
{
	unsigned closed = 0;
	uint32_t id;
	for (struct pipe *pipe; (pipe = id_map_take_any(&pipes->by_id, &id));) {
		bool owed = pipe->hang_up && byte_queue_size(&pipe->queue) > 0;
		if (owed && pipe_hand_over(pipe, drain))
			continue;
		closed += owed;
		pipe_destroy(pipe);
	}
	id_map_finish(&pipes->by_id);
	return closed;
}

bool pipes_has(const struct pipes *pipes, uint32_t id)
{
	return id_map_find(&pipes->by_id, id) != NULL;
}

/* Puts a read pipe in line for pipes_read. */
static void make_ready(struct pipe *pipe)
{
	/* The bytes stay in the pipe until the guest asks for an event, which holds back the
	 * writer. */
	if (pipe->source && !pipe->muted)
		wl_event_source_fd_update(pipe->source, 0);
	pipe->muted = true;
	if (wl_list_empty(&pipe->ready_link))
		wl_list_insert(pipe->pipes->ready.prev, &pipe->ready_link);
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct pipe *pipe = data;
	struct pipes *pipes = pipe->pipes;
	/* epoll would report a hang-up again and again. */
	if (pipe->muted) {
		event_source_remove(&pipe->source);
		return 0;
	}
	make_ready(pipe);
	pipes->listener->readable(pipes->data);
	return 0;
}

static int watch(struct pipe *pipe)
{
	if (pipe->source && pipe->muted &&
		wl_event_source_fd_update(pipe->source, WL_EVENT_READABLE) < 0)
		return -ENOMEM;
	pipe->muted = false;
	if (!pipe->source)
		pipe->source = wl_event_loop_add_fd(pipe->pipes->loop, pipe->fd,
			pipe->reads ? WL_EVENT_READABLE : WL_EVENT_WRITABLE,
			pipe->reads ? handle_readable : handle_writable, pipe);
	return pipe->source ? 0 : -ENOMEM;
}

int pipes_open_read(struct pipes *pipes, uint32_t id)
{
	if (pipes->by_id.count >= PIPES_MAX)
		return -EMFILE;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	struct pipe *pipe = NULL;
	int err = fd_set_nonblock(ends[0]);
	if (err == 0) {
		err = pipe_create(pipes, id, true, ends[0], &pipe);
		if (err == 0)
			err = watch(pipe);
	}
	if (err == 0)
		return ends[1];

	if (pipe)
		pipe_destroy(pipe);
	else
		close(ends[0]);
	close(ends[1]);
	return err;
}

int pipes_add_write(struct pipes *pipes, uint32_t id, int fd)
{
	struct pipe *pipe;
	int err = pipes->by_id.count < PIPES_MAX ? 0 : -EMFILE;
	if (err == 0)
		err = pipe_create(pipes, id, false, fd, &pipe);
	if (err < 0)
		close(fd);
	return err;
}

bool pipes_readable(const struct pipes *pipes)
{
	return !wl_list_empty(&pipes->ready);
}

ssize_t pipes_read(struct pipes *pipes, uint32_t *id, void *bytes, size_t size, bool *hang_up)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = size};

	return pipes_readv(pipes, id, &iov, 1, hang_up);
}

ssize_t pipes_readv(struct pipes *pipes, uint32_t *id, struct iovec *iov, int n_iov, bool *hang_up)
{
	*hang_up = false;
	while (!wl_list_empty(&pipes->ready)) {
		struct pipe *pipe = wl_container_of(pipes->ready.next, pipe, ready_link);
		wl_list_remove(&pipe->ready_link);
		wl_list_init(&pipe->ready_link);
		if (!pipe->reads) { /* its reader is gone; the id stays until the guest hangs up */
			*id = pipe->id;
			*hang_up = true;
			return 0;
		}
		/* Without credit it is not ready until pipes_acknowledge, and not watched. */
		if (pipe->unacknowledged >= pipes->read_limit)
			continue;

		n_iov = io_vectors_limit(iov, n_iov, pipes->read_limit - pipe->unacknowledged);
		ssize_t n;
		do
			n = readv(pipe->fd, iov, n_iov);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno == EAGAIN && watch(pipe) == 0)
			continue;
		if (n < 0 && errno == EFAULT) {
			wl_list_insert(&pipes->ready, &pipe->ready_link);
			return -EFAULT;
		}
		*id = pipe->id;
		if (n <= 0) {
			/* The protocol knows no read errors: they end the pipe as an end of file.
			 */
			*hang_up = true;
			pipe_destroy(pipe);
			return 0;
		}
		wide_pipe_was_read(&pipe->wide, pipe->fd, n);
		if (pipes->read_limit != UINT32_MAX)
			pipe->unacknowledged += (uint32_t)n;
		/* Behind the others; its next turn shows whether there is more. */
		wl_list_insert(pipes->ready.prev, &pipe->ready_link);
		return n;
	}
	return -EAGAIN;
}

void pipes_limit_reads(struct pipes *pipes, uint32_t bytes)
{
	pipes->read_limit = bytes;
	/* Those that had run out of credit may have some again. */
	uint32_t position = 0;
	for (struct pipe *pipe; (pipe = id_map_next(&pipes->by_id, &position));)
		if (pipe->reads && pipe->muted)
			make_ready(pipe);
	if (pipes_readable(pipes))
		pipes->listener->readable(pipes->data);
}

void pipes_acknowledge(struct pipes *pipes, uint32_t id, uint32_t bytes)
{
	struct pipe *pipe = id_map_find(&pipes->by_id, id);
	if (!pipe || !pipe->reads)
		return;
	bool starved = pipe->unacknowledged >= pipes->read_limit;
	pipe->unacknowledged -= min_u64(bytes, pipe->unacknowledged);
	if (starved && pipe->unacknowledged < pipes->read_limit && pipe->muted) {
		make_ready(pipe);
		pipes->listener->readable(pipes->data);
	}
}

static void say_if_unsupported(int err)
{
	if (err == -EOPNOTSUPP)
		log_limited(LOG_LEVEL_WARN,
			"a pipe is no pipe, socket or file: nothing can be "
			"written to it without waiting");
}

/* As byte_queue_write, counted. */
static int flush_queue(struct pipe *pipe)
{
	size_t before = byte_queue_size(&pipe->queue);
	int err = byte_queue_write(&pipe->queue, pipe->fd);
	count_queued(pipe->pipes, 0, before - byte_queue_size(&pipe->queue));
	say_if_unsupported(err);
	return err;
}

static int handle_writable(int fd, uint32_t mask, void *data)
{
	struct pipe *pipe = data;
	int err = flush_queue(pipe);
	if (pipe->fd >= 0 && pipe->handed_over)
		reader_watch_note(&pipe->reader, pipe->fd);
	if (err == -EAGAIN && !(mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR)))
		return 0;
	if (pipe->hang_up) {
		pipe_destroy(pipe);
	} else if (err < 0) {
		pipe_reader_gone(pipe);
	} else {
		event_source_remove(&pipe->source);
		finish_waiters(pipe);
	}
	return 0;
}

/* Queues what is left of @iov. 0, -ENOBUFS or -ENOMEM: the pipe is of no more use. */
static int queue_rest(struct pipe *pipe, const struct iovec *iov, int n_iov)
{
	struct pipes *pipes = pipe->pipes;

	for (int i = 0; i < n_iov; i++) {
		int err = byte_queue_add(&pipe->queue, iov[i].iov_base, iov[i].iov_len);
		if (err < 0)
			return err;
		if (!count_queued(pipes, iov[i].iov_len, 0) ||
			pipes->queued_bytes > PIPES_MAX_QUEUED)
			return -ENOBUFS;
	}
	return 0;
}

/* Writes @iov behind what is queued already, and queues what the reader does not take. */
static int write_or_queue(struct pipe *pipe, struct iovec *iov, int n_iov)
{
	const size_t size = io_vectors_bytes(iov, n_iov);
	int err = -EAGAIN;
	wide_pipe_to_write(&pipe->wide, pipe->fd, size);
	if (byte_queue_size(&pipe->queue) == 0)
		err = shared_writev_all(pipe->fd, &iov, &n_iov);
	if (err == -EAGAIN && io_vectors_bytes(iov, n_iov) < size &&
		wide_pipe_try(&pipe->wide, pipe->fd))
		err = shared_writev_all(pipe->fd, &iov, &n_iov);
	if (err != -EAGAIN) {
		say_if_unsupported(err);
		return err;
	}
	err = queue_rest(pipe, iov, n_iov);
	if (err < 0)
		return err;
	return watch(pipe) < 0 ? -ENOMEM : -EAGAIN;
}

int pipes_write(struct pipes *pipes, uint32_t id, const void *bytes, size_t size, bool hang_up)
{
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};

	return pipes_writev(pipes, id, &iov, 1, hang_up);
}

int pipes_writev(struct pipes *pipes, uint32_t id, struct iovec *iov, int n_iov, bool hang_up)
{
	const size_t size = io_vectors_bytes(iov, n_iov);
	struct pipe *pipe = id_map_find(&pipes->by_id, id);
	if (!pipe || pipe->hang_up)
		return -ENOENT;
	if (pipe->reads && (size > 0 || !hang_up))
		return -EINVAL;

	int err = 0;
	if (pipe->fd >= 0 && size > 0) {
		err = write_or_queue(pipe, iov, n_iov);
		if (err < 0 && err != -EAGAIN)
			pipe_reader_gone(pipe);
		/* A reader that left is no fault of the guest's. */
		if (err < 0 && err != -EAGAIN && err != -ENOBUFS && err != -ENOMEM)
			err = 0;
	}
	pipe->hang_up = hang_up;
	if (byte_queue_size(&pipe->queue) > 0)
		return -EAGAIN;
	if (hang_up)
		pipe_destroy(pipe);
	return err;
}

void pipes_wait(struct pipes *pipes, uint32_t id, struct pipe_waiter *waiter)
{
	struct pipe *pipe = id_map_find(&pipes->by_id, id);
	assert(pipe && byte_queue_size(&pipe->queue) > 0);
	wl_list_insert(pipe->waiters.prev, &waiter->link);
}
