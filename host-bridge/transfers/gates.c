/* Gates: pipes that let contents through only once all of them have come. */
#include "host-bridge/transfers/gates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/byte_queue.h"
#include "protocol/base/fd.h"

#define READ_BYTES 65536 /* at a time; then the loop serves others */

struct gate {
	struct wl_list link;
	struct wl_event_loop *loop;
	int in, out;
	dev_t device; /* of both ends of the pipe that @in is of, and */
	ino_t inode;
	struct wl_event_source *in_source, *out_source;
	struct byte_queue contents;
	uint64_t max_bytes, charged;
	const struct gate_listener *listener;
	void *data;
};

static void destroy(struct gate *gate, bool too_much)
{
	if (gate->in_source)
		wl_event_source_remove(gate->in_source);
	if (gate->out_source)
		wl_event_source_remove(gate->out_source);
	fd_close(&gate->in);
	fd_close(&gate->out);
	byte_queue_clear(&gate->contents);
	gate->listener->holds(gate->data, &gate->charged, 0);
	wl_list_remove(&gate->link);
	gate->listener->closed(gate->data, too_much);
	free(gate);
}

/* The reader takes some, or has left. */
static int handle_out(int fd, uint32_t mask, void *data)
{
	struct gate *gate = data;

	if (gate->in >= 0 || (mask & WL_EVENT_ERROR) ||
		byte_queue_write(&gate->contents, gate->out) != -EAGAIN)
		destroy(gate, false);
	return 0;
}

static void end_of_contents(struct gate *gate)
{
	wl_event_source_remove(gate->in_source);
	gate->in_source = NULL;
	fd_close(&gate->in);
	if (wl_event_source_fd_update(gate->out_source, WL_EVENT_WRITABLE) < 0)
		destroy(gate, false);
}

static int handle_in(int fd, uint32_t mask, void *data)
{
	struct gate *gate = data;
	uint8_t bytes[READ_BYTES];
	ssize_t n = read(gate->in, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		end_of_contents(gate);
		return 0;
	}
	uint64_t size = byte_queue_size(&gate->contents) + (uint64_t)n;
	if (size > gate->max_bytes || !gate->listener->holds(gate->data, &gate->charged, size) ||
		byte_queue_add(&gate->contents, bytes, (size_t)n) < 0)
		destroy(gate, true);
	return 0;
}

int gate_open(struct wl_list *gates, struct wl_event_loop *loop, int out, uint64_t max_bytes,
	const struct gate_listener *listener, void *data)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int ends[2] = {-1, -1};
	struct stat status = {0};

	if (!gate || pipe2(ends, O_CLOEXEC) < 0) {
		free(gate);
		close(out);
		listener->closed(data, false);
		return -ENOMEM;
	}
	fstat(ends[0], &status);
	*gate = (struct gate){.loop = loop,
		.in = ends[0],
		.out = out,
		.device = status.st_dev,
		.inode = status.st_ino,
		.max_bytes = max_bytes,
		.listener = listener,
		.data = data};
	wl_list_insert(gates, &gate->link);
	byte_queue_init(&gate->contents, max_bytes < SIZE_MAX ? (size_t)max_bytes : SIZE_MAX);
	if (fd_set_nonblock(gate->in) == 0) {
		gate->in_source =
			wl_event_loop_add_fd(loop, gate->in, WL_EVENT_READABLE, handle_in, gate);
		/* That the reader leaves is always told. */
		gate->out_source = wl_event_loop_add_fd(loop, gate->out, 0, handle_out, gate);
	}
	if (gate->in_source && gate->out_source)
		return ends[1];
	destroy(gate, false);
	close(ends[1]);
	return -ENOMEM;
}

void gates_cut(struct wl_list *gates, int fd)
{
	struct gate *gate, *next;
	struct stat status;

	if (wl_list_empty(gates) || fstat(fd, &status) < 0)
		return;
	wl_list_for_each_safe(gate, next, gates, link)
	{
		if (gate->in >= 0 && gate->device == status.st_dev && gate->inode == status.st_ino)
			destroy(gate, false);
	}
}

void gates_close(struct wl_list *gates)
{
	struct gate *gate, *next;

	wl_list_for_each_safe(gate, next, gates, link) destroy(gate, false);
}
