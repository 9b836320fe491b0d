/* Copying pixels that this process will not look at again. */
#include "guest-proxy/stream_copy.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* Below this the compositor probably still finds the pixels in a cache that both share. */
#define STREAM_MIN_BYTES ((size_t)1 << 20)
#define LINE_BYTES 64

void stream_copy(void *to, const void *from, size_t size)
{
	if (size < STREAM_MIN_BYTES) {
		memcpy(to, from, size);
		return;
	}
	/* Lines that are written whole need not be read first: an ordinary copy reads what it overwrites. */
	size_t head = -(uintptr_t)to % LINE_BYTES;
	memcpy(to, from, head);
	__m128i *out = (__m128i *)((char *)to + head);
	const __m128i *in = (const __m128i *)((const char *)from + head);
	size_t lines = (size - head) / LINE_BYTES;
	for (size_t i = 0; i < lines; i++, in += 4, out += 4) {
		__m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
		__m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
		_mm_stream_si128(out, a);
		_mm_stream_si128(out + 1, b);
		_mm_stream_si128(out + 2, c);
		_mm_stream_si128(out + 3, d);
	}
	/* Streamed stores are in no order with others; the compositor is told of the frame after this. */
	_mm_sfence();
	memcpy(out, in, (size - head) % LINE_BYTES);
}

#else

void stream_copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

#endif
