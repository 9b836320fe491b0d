/*
 * Pipes that carry a lot are made larger: whenever one is full or empty both ends wait, one after
 * the other. Whoever shares the pipe loses nothing by it. The kernel charges the memory to the user
 * who has made the pipe, who may have a share for all programs together; so a process has only a
 * few of them at a time.
 */
#ifndef PROTOCOL_STREAMS_WIDE_PIPE_H
#define PROTOCOL_STREAMS_WIDE_PIPE_H

#include <stdbool.h>
#include <sys/types.h>

#define WIDE_PIPE_BYTES (256 << 10)
#define WIDE_PIPES_MAX 8

struct wide_pipe { /* all zeroes: as it was made */
	bool tried;
	bool wide; /* it counts */
};

/* The pipe behind @fd is full. True: there is more room now. It is tried once. */
bool wide_pipe_try(struct wide_pipe *pipe, int fd);
/* So many bytes are about to be written to @fd: where they are more than a pipe takes as it is
 * made, it is made larger before it is full. */
void wide_pipe_to_write(struct wide_pipe *pipe, int fd, size_t size);
/* So many bytes were read from @fd at once, or -1: its writer may have written more, had there been
 * room. */
void wide_pipe_was_read(struct wide_pipe *pipe, int fd, ssize_t n);
/* It is closed. */
void wide_pipe_finish(struct wide_pipe *pipe);

#endif
