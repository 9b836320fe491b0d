/*
 * The pipes of one cross-domain context. Read pipes: the guest reads what a client of the host
 * writes. Write pipes: the guest writes what a client of the host reads. Everything here is
 * non-blocking; the process must ignore SIGPIPE.
 */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_STREAMS_PIPES_H
#define HOST_BRIDGE_CROSS_DOMAIN_STREAMS_PIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <wayland-server-core.h>

#include "host-bridge/resources/quota.h"
#include "protocol/base/id_map.h"

#define PIPES_MAX 256                         /* of one context */
#define PIPES_MAX_QUEUED (UINT64_C(16) << 20) /* bytes for all write pipes of one context */

struct pipes_listener {
	/* A read pipe has something to say: pipes_readable() is true now. May be NULL where nothing
	 * is read. */
	void (*readable)(void *data);
	/* The writing end @fd is closed next, and the guest had not said all. May be NULL. */
	void (*cut)(void *data, int fd);
	/* Has something else of the machine's that is not read end, where its limits are reached.
	 * False: there is nothing. May be NULL. */
	bool (*make_room)(void *data);
};

/* Waits until all that was written to a write pipe went out; the owner embeds it. */
struct pipe_waiter {
	struct wl_list link;
	void (*done)(struct pipe_waiter *waiter); /* also when the pipe goes away */
};

struct pipes {
	struct wl_event_loop *loop;
	const struct pipes_listener *listener;
	void *data;
	uint64_t *live; /* counted up and down with each pipe */
	struct vm_quota *quota;
	enum quota_limit exceeded; /* which one, after -EDQUOT */
	struct id_map by_id;
	struct wl_list
		ready; /* pipe::ready_link: read pipes with something to read, the next one first */
	uint64_t queued_bytes;
	uint64_t charged_bytes; /* of them, to the quota */
	struct pipes *drain; /* whose pipes make room where the machine has no more; may be NULL */
	uint32_t last_drain_id; /* of the pipe that was handed over last */
	uint32_t read_limit; /* unacknowledged bytes a read pipe may have under way; UINT32_MAX: any
				number */
};

/* @loop, @live and @quota (may be NULL) are borrowed. @listener may be NULL where nothing is read.
 */
void pipes_init(struct pipes *pipes, struct wl_event_loop *loop,
	const struct pipes_listener *listener, void *data, uint64_t *live, struct vm_quota *quota);
/* Closes all; waiters are done. */
void pipes_finish(struct pipes *pipes);
/*
 * As pipes_finish, but write pipes that the guest has closed and whose readers have not taken all
 * are handed over to @drain. There they live until they are empty or their reader leaves; where
 * @drain's bounds, which are those of any struct pipes, or limits of the machine (pipes::drain) are
 * reached, those whose readers have taken nothing for half a minute make room. @drain has the same
 * loop and counter. Returns how many pipes lost bytes because there was no room.
 */
unsigned pipes_hand_over(struct pipes *pipes, struct pipes *drain);

/* Whether the id is in use. */
bool pipes_has(const struct pipes *pipes, uint32_t id);

/*
 * A new read pipe, @id not in use. Returns its writing end (blocking, as clients expect), the
 * caller's; or -EMFILE (too many), -EDQUOT (in the machine: see exceeded), -ENOMEM, or what pipe2
 * says.
 */
int pipes_open_read(struct pipes *pipes, uint32_t id);

/* A new write pipe, @id not in use: takes @fd, whose flags stay as they are, also on error. 0,
 * -EMFILE, -EDQUOT, -ENOMEM. */
int pipes_add_write(struct pipes *pipes, uint32_t id, int fd);

/* Whether pipes_read has something to say. */
bool pipes_readable(const struct pipes *pipes);

/*
 * The next ready pipe's turn: up to @size bytes of it. The number of bytes; 0 with *@hang_up: end
 * of file, the pipe is gone, or *@id is a write pipe whose reader is gone (for guests that limit
 * their reads); -EAGAIN: there was nothing after all.
 */
ssize_t pipes_read(struct pipes *pipes, uint32_t *id, void *bytes, size_t size, bool *hang_up);
/*
 * The same into several pieces of memory; changes @iov. Also -EFAULT: it is not there (any more),
 * and nothing was read.
 */
ssize_t pipes_readv(struct pipes *pipes, uint32_t *id, struct iovec *iov, int n_iov, bool *hang_up);

/* From now on at most @bytes (not 0) of each read pipe may be under way. */
void pipes_limit_reads(struct pipes *pipes, uint32_t bytes);
/* The guest's reader took @bytes of read pipe @id, which may have ended already. */
void pipes_acknowledge(struct pipes *pipes, uint32_t id, uint32_t bytes);

/*
 * Queues @size bytes for write pipe @id and, with @hang_up, its end behind them; a read pipe takes
 * only a hang-up: the guest's reader is gone. 0: all went out (or nobody reads any more); -EAGAIN:
 * some are queued, see pipes_wait; -ENOENT: no such pipe; -EINVAL: data for a read pipe; -ENOBUFS:
 * over PIPES_MAX_QUEUED or the machine's limit, the pipe was closed; -ENOMEM likewise.
 */
int pipes_write(struct pipes *pipes, uint32_t id, const void *bytes, size_t size, bool hang_up);
/* The same for bytes in several pieces of memory; changes @iov. Nothing is read there later. */
int pipes_writev(struct pipes *pipes, uint32_t id, struct iovec *iov, int n_iov, bool hang_up);

/* After -EAGAIN: calls @waiter when all that is queued for @id now went out. */
void pipes_wait(struct pipes *pipes, uint32_t id, struct pipe_waiter *waiter);

#endif
