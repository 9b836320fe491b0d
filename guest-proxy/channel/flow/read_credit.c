/* Flow control of the pipes that the host reads from and sends to us. */
#include "guest-proxy/channel/flow/read_credit.h"

#include <errno.h>

#include "protocol/base/bytes.h"

#define TOLD_BYTES (128u << 10) /* the host is told of so many at once */

struct credit_pipe {
	uint32_t id;
	uint32_t due; /* bytes taken by its reader that the host has not been told of */
};

void read_credit_init(struct read_credit *credit)
{
	wl_array_init(&credit->pipes);
}

void read_credit_finish(struct read_credit *credit)
{
	wl_array_release(&credit->pipes);
}

static struct credit_pipe *find(struct read_credit *credit, uint32_t id)
{
	struct credit_pipe *pipe;
	array_for_each(pipe, &credit->pipes)
	{
		if (pipe->id == id)
			return pipe;
	}
	return NULL;
}

int read_credit_add(struct read_credit *credit, uint32_t id)
{
	struct credit_pipe *pipe = wl_array_add(&credit->pipes, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	*pipe = (struct credit_pipe){.id = id};
	return 0;
}

void read_credit_remove(struct read_credit *credit, uint32_t id)
{
	struct wl_array *pipes = &credit->pipes;
	struct credit_pipe *pipe = find(credit, id);
	if (!pipe)
		return;
	pipes->size -= sizeof(*pipe);
	*pipe = *(struct credit_pipe *)(void *)((char *)pipes->data + pipes->size);
}

uint32_t read_credit_taken(struct read_credit *credit, uint32_t id, size_t size)
{
	struct credit_pipe *pipe = find(credit, id);
	if (!pipe)
		return 0;
	/* No more than the window can have been read, so the sum cannot overflow. */
	pipe->due += (uint32_t)min_u64(size, READ_CREDIT_WINDOW_BYTES);
	if (pipe->due < TOLD_BYTES)
		return 0;
	uint32_t told = pipe->due;
	pipe->due = 0;
	return told;
}
