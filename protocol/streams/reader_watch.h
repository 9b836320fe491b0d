/*
 * Whether whoever reads what we write still does, for those that may have to make room for others.
 * A reader may be as slow as it likes: only one that has taken not a single byte for half a minute
 * counts as gone, since nobody knows whether it was stopped or has forgotten about its pipe.
 */
#ifndef PROTOCOL_STREAMS_READER_WATCH_H
#define PROTOCOL_STREAMS_READER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define READER_WATCH_STALE_NS (UINT64_C(30) * 1000000000)

struct reader_watch {
	uint64_t taken_ns; /* when the reader has taken some, as far as is known */
	int unread;        /* bytes in the pipe, when that was looked at last */
};

/* It has taken some from @fd, or begins to be waited for. */
void reader_watch_note(struct reader_watch *watch, int fd);

/* Whether the reader of @fd has taken nothing for so long. That it has taken less than lets more be
 * written is seen here. */
bool reader_watch_is_stale(struct reader_watch *watch, int fd);

#endif
