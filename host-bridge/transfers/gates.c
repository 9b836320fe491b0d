/* Gates: pipes that let contents through only once all of them have come, or somebody lets them. */
#include "host-bridge/transfers/gates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/streams/byte_queue.h"
#include "protocol/streams/reader_watch.h"

#define READ_BYTES 65536 /* at a time; then the loop serves others */
/*
 * Of contents without a limit, while the gate is shut: programs that serve one reader after the
 * other should have done with this one.
 */
#define AHEAD_BYTES (1 << 20)

struct gate {
	struct wl_list link;
	struct wl_event_loop *loop;
	int in, out;
	dev_t device; /* of both ends of the pipe that @in is of, and */
	ino_t inode;
	struct wl_event_source *in_source, *out_source;
	bool shut;
	bool waits; /* for the reader, which has not taken what came so far */
	struct reader_watch reader;
	struct byte_queue contents;
	uint64_t max_bytes, charged; /* max_bytes: 0: contents come as they are written */
	const struct gate_listener *listener;
	void *data;
};

static void destroy(struct gate *gate, bool too_much)
{
	event_source_remove(&gate->in_source);
	event_source_remove(&gate->out_source);
	fd_close(&gate->in);
	fd_close(&gate->out);
	byte_queue_clear(&gate->contents);
	gate->listener->holds(gate->data, &gate->charged, 0);
	wl_list_remove(&gate->link);
	gate->listener->closed(gate->data, too_much);
	free(gate);
}

static int handle_in(int fd, uint32_t mask, void *data);

/* Whether we read what is written. Who does not want to must not watch: that its writer has left
 * is always told. False: memory is short. */
static bool watch_in(struct gate *gate, bool wanted)
{
	if (!wanted && gate->in_source) {
		event_source_remove(&gate->in_source);
	} else if (wanted && !gate->in_source) {
		gate->in_source = wl_event_loop_add_fd(
			gate->loop, gate->in, WL_EVENT_READABLE, handle_in, gate);
	}
	return !wanted || gate->in_source;
}

/* What has come goes out; then there may be more to come. */
static void pass_on(struct gate *gate)
{
	int status = byte_queue_write(&gate->contents, gate->out);
	bool full = status == -EAGAIN;

	gate->waits = full;
	if (full)
		reader_watch_note(&gate->reader, gate->out);
	if ((status < 0 && !full) || (status == 0 && gate->in < 0) ||
		wl_event_source_fd_update(gate->out_source, full ? WL_EVENT_WRITABLE : 0) < 0 ||
		!watch_in(gate, !full))
		destroy(gate, false);
}

/* Whether what has come may go out by now. */
static bool is_open(const struct gate *gate)
{
	return !gate->shut && (gate->max_bytes == 0 || gate->in < 0);
}

/* The reader takes some, or has left. */
static int handle_out(int fd, uint32_t mask, void *data)
{
	struct gate *gate = data;

	if ((mask & WL_EVENT_ERROR) || !(mask & WL_EVENT_WRITABLE))
		destroy(gate, false);
	else
		pass_on(gate);
	return 0;
}

static void end_of_contents(struct gate *gate)
{
	watch_in(gate, false);
	fd_close(&gate->in);
	if (is_open(gate))
		pass_on(gate);
}

/* False: they are too much. */
static bool keep(struct gate *gate, const uint8_t *bytes, size_t n)
{
	uint64_t size = byte_queue_size(&gate->contents) + n;

	return (gate->max_bytes == 0 || size <= gate->max_bytes) &&
		gate->listener->holds(gate->data, &gate->charged, size) &&
		byte_queue_add(&gate->contents, bytes, n) == 0;
}

static int handle_in(int fd, uint32_t mask, void *data)
{
	struct gate *gate = data;
	uint8_t bytes[READ_BYTES];
	ssize_t n = read(gate->in, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		end_of_contents(gate);
	else if (!keep(gate, bytes, (size_t)n))
		destroy(gate, true);
	else if (is_open(gate))
		pass_on(gate);
	else if (gate->max_bytes == 0 && byte_queue_size(&gate->contents) > AHEAD_BYTES)
		watch_in(gate, false);
	return 0;
}

/* False: it has not all that it needs. */
static bool prepare(struct gate *gate)
{
	if (fd_set_nonblock(gate->in) < 0)
		return false;
	/* That the reader leaves is always told. */
	gate->out_source = wl_event_loop_add_fd(gate->loop, gate->out, 0, handle_out, gate);
	return gate->out_source && watch_in(gate, true);
}

struct gate *gate_open(struct wl_list *gates, struct wl_event_loop *loop, int out,
	const struct gate_terms *terms, const struct gate_listener *listener, void *data, int *in)
{
	const uint64_t most = terms->max_bytes > 0 ? terms->max_bytes : AHEAD_BYTES + READ_BYTES;
	struct gate *gate = calloc(1, sizeof(*gate));
	int ends[2] = {-1, -1};
	struct stat status = {0};

	*in = -1;
	if (!gate || pipe2(ends, O_CLOEXEC) < 0) {
		free(gate);
		close(out);
		listener->closed(data, false);
		return NULL;
	}
	fstat(ends[0], &status);
	*gate = (struct gate){.loop = loop,
		.in = ends[0],
		.out = out,
		.device = status.st_dev,
		.inode = status.st_ino,
		.shut = terms->shut,
		.max_bytes = terms->max_bytes,
		.listener = listener,
		.data = data};
	wl_list_insert(gates, &gate->link);
	byte_queue_init(&gate->contents, most < SIZE_MAX ? (size_t)most : SIZE_MAX);
	if (prepare(gate)) {
		*in = ends[1];
		return gate;
	}
	destroy(gate, false);
	close(ends[1]);
	return NULL;
}

void gate_let_through(struct gate *gate)
{
	gate->shut = false;
	if (is_open(gate))
		pass_on(gate);
}

void gate_close(struct gate *gate)
{
	destroy(gate, false);
}

void gates_cut(struct wl_list *gates, int fd)
{
	struct gate *gate;
	struct stat status;

	if (wl_list_empty(gates) || fstat(fd, &status) < 0)
		return;
	wl_list_for_each(gate, gates, link)
	{
		if (gate->in >= 0 && gate->device == status.st_dev &&
			gate->inode == status.st_ino) {
			destroy(gate, false);
			return;
		}
	}
}

bool gates_drop_stalest(struct wl_list *gates)
{
	struct gate *gate, *found = NULL;

	wl_list_for_each(gate, gates, link)
	{
		if (gate->waits && (!found || gate->reader.taken_ns < found->reader.taken_ns) &&
			reader_watch_is_stale(&gate->reader, gate->out))
			found = gate;
	}
	if (found)
		destroy(found, false);
	return found;
}

void gates_close(struct wl_list *gates)
{
	struct gate *gate;

	while (!wl_list_empty(gates)) {
		gate = wl_container_of(gates->next, gate, link);
		destroy(gate, false);
	}
}
