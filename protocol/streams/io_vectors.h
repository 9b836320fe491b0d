/* Pieces of memory, one behind the other, for readv() and its like. */
#ifndef PROTOCOL_STREAMS_IO_VECTORS_H
#define PROTOCOL_STREAMS_IO_VECTORS_H

#include <stddef.h>
#include <sys/uio.h>

#include "protocol/base/bytes.h"

static inline size_t io_vectors_bytes(const struct iovec *iov, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Leaves out the first @bytes, no more than there are. */
static inline void io_vectors_skip(struct iovec **iov, int *n, size_t bytes)
{
	for (; *n > 0 && bytes >= (*iov)->iov_len; (*iov)++, (*n)--)
		bytes -= (*iov)->iov_len;
	if (bytes > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

/* Leaves out what is beyond the first @bytes. Returns how many are left over of @n. */
static inline int io_vectors_limit(struct iovec *iov, int n, size_t bytes)
{
	int kept = 0;

	for (; kept < n && bytes > 0; kept++) {
		iov[kept].iov_len = (size_t)min_u64(iov[kept].iov_len, bytes);
		bytes -= iov[kept].iov_len;
	}
	return kept;
}

#endif
