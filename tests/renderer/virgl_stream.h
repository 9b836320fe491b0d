/* Commands of OpenGL contexts, as virgl's protocol has them: just what the tests need. */
#ifndef TESTS_RENDERER_VIRGL_STREAM_H
#define TESTS_RENDERER_VIRGL_STREAM_H

#include <stdint.h>
#include <string.h>

struct virgl_stream {
	uint32_t words[256];
	uint32_t n;
};

static inline void virgl_begin(
	struct virgl_stream *stream, uint32_t command, uint32_t object, uint32_t length)
{
	stream->words[stream->n++] = command | object << 8 | length << 16;
}

static inline void virgl_add(struct virgl_stream *stream, uint32_t word)
{
	stream->words[stream->n++] = word;
}

static inline void virgl_add_float(struct virgl_stream *stream, float value)
{
	memcpy(&stream->words[stream->n++], &value, sizeof(value));
}

/* Makes @resource (B8G8R8A8_UNORM) what is drawn to, as object @surface, and clears it. */
static inline void virgl_clear(
	struct virgl_stream *stream, uint32_t surface, uint32_t resource, const float rgba[4])
{
	enum { CREATE_OBJECT = 1, SET_FRAMEBUFFER = 5, CLEAR = 7 };
	enum { SURFACE = 8, B8G8R8A8_UNORM = 1, CLEAR_COLOR0 = 4 };

	virgl_begin(stream, CREATE_OBJECT, SURFACE, 5);
	virgl_add(stream, surface);
	virgl_add(stream, resource);
	virgl_add(stream, B8G8R8A8_UNORM);
	virgl_add(stream, 0); /* level */
	virgl_add(stream, 0); /* layers */
	virgl_begin(stream, SET_FRAMEBUFFER, 0, 3);
	virgl_add(stream, 1);
	virgl_add(stream, 0); /* no depth */
	virgl_add(stream, surface);
	virgl_begin(stream, CLEAR, 0, 8);
	virgl_add(stream, CLEAR_COLOR0);
	for (int i = 0; i < 4; i++)
		virgl_add_float(stream, rgba[i]);
	virgl_add(stream, 0); /* depth, a double */
	virgl_add(stream, 0);
	virgl_add(stream, 0); /* stencil */
}

#endif
