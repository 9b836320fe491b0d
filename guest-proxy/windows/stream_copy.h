/* Copying pixels that this process will not look at again. */
#ifndef GUEST_PROXY_WINDOWS_STREAM_COPY_H
#define GUEST_PROXY_WINDOWS_STREAM_COPY_H

#include <stddef.h>

/* memcpy, past the caches where that is known to be faster: large copies on x86-64. */
void stream_copy(void *to, const void *from, size_t size);

#endif
