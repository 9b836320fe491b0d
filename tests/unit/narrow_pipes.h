/* For tests of pipes that are full: none is made larger. */
#ifndef TESTS_UNIT_NARROW_PIPES_H
#define TESTS_UNIT_NARROW_PIPES_H

#include <unistd.h>

#include "protocol/streams/wide_pipe.h"

static struct wide_pipe others[WIDE_PIPES_MAX];

/* As if the process had all its large pipes in use. */
static inline int narrow_pipes(void **state)
{
	for (int i = 0; i < WIDE_PIPES_MAX; i++) {
		int ends[2];
		if (pipe(ends) < 0 || !wide_pipe_try(&others[i], ends[1]))
			return -1;
		close(ends[0]);
		close(ends[1]);
	}
	return 0;
}

/* No longer. */
static inline void widen_pipes(void)
{
	for (int i = 0; i < WIDE_PIPES_MAX; i++)
		wide_pipe_finish(&others[i]);
}

#endif
