/* Pipes that are made larger. */
#include "protocol/streams/wide_pipe.h"

#include <fcntl.h>

#define MUCH_BYTES 32768
#define USUAL_BYTES 65536 /* what a pipe takes */

static unsigned n_wide;

bool wide_pipe_try(struct wide_pipe *pipe, int fd)
{
	if (pipe->tried || n_wide == WIDE_PIPES_MAX)
		return false;
	pipe->tried = true;
	int size = fcntl(fd, F_GETPIPE_SZ);
	if (size < 0 || size >= WIDE_PIPE_BYTES || fcntl(fd, F_SETPIPE_SZ, WIDE_PIPE_BYTES) < 0)
		return false;
	pipe->wide = true;
	n_wide++;
	return true;
}

void wide_pipe_to_write(struct wide_pipe *pipe, int fd, size_t size)
{
	if (size > USUAL_BYTES)
		wide_pipe_try(pipe, fd);
}

void wide_pipe_was_read(struct wide_pipe *pipe, int fd, ssize_t n)
{
	if (n > MUCH_BYTES)
		wide_pipe_try(pipe, fd);
}

void wide_pipe_finish(struct wide_pipe *pipe)
{
	n_wide -= pipe->wide;
	*pipe = (struct wide_pipe){0};
}
