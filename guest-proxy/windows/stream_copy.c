/* Copying pixels that this process will not look at again. */
#include "guest-proxy/windows/stream_copy.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* Below this the compositor probably still finds the pixels in a cache that both share. */
#define STREAM_MIN_BYTES ((size_t)1 << 20)
#define LINE_BYTES ((size_t)64)
/*
 * Several pages are copied at the same time, a step of each in turn. A processor prefetches within
 * a page only, and begins again in each; with several pages it has always something to prefetch.
 * That takes a quarter less time where another processor has just drawn the pixels.
 */
#define N_LANES 8
#define LANE_BYTES ((size_t)4096)
#define STEP_BYTES (2 * LINE_BYTES)
#define BLOCK_BYTES (N_LANES * LANE_BYTES)

static void stream_step(char *to, const char *from)
{
	for (size_t at = 0; at < STEP_BYTES; at += LINE_BYTES) {
		const __m128i *in = (const __m128i *)(from + at);
		__m128i *out = (__m128i *)(to + at);
		__m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
		__m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
		_mm_stream_si128(out, a);
		_mm_stream_si128(out + 1, b);
		_mm_stream_si128(out + 2, c);
		_mm_stream_si128(out + 3, d);
	}
}

void stream_copy(void *to, const void *from, size_t size)
{
	char *out = to;
	const char *in = from;
	/* Cache lines that are streamed as a whole are not read first, as an ordinary copy would.
	 */
	if (size >= STREAM_MIN_BYTES) {
		size_t head = -(uintptr_t)out % LINE_BYTES;
		memcpy(out, in, head);
		out += head, in += head, size -= head;
		for (; size >= BLOCK_BYTES;
			out += BLOCK_BYTES, in += BLOCK_BYTES, size -= BLOCK_BYTES)
			for (size_t at = 0; at < LANE_BYTES; at += STEP_BYTES)
				for (size_t lane = 0; lane < BLOCK_BYTES; lane += LANE_BYTES)
					stream_step(out + lane + at, in + lane + at);
		/* Streamed stores are in no order with others; the compositor is told of the frame
		 * after this. */
		_mm_sfence();
	}
	memcpy(out, in, size);
}

#else

void stream_copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}

#endif
