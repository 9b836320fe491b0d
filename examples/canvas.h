/*
 * A window that the CPU draws into. Its images are linear memory of the GPU device where there is
 * such memory (linear.h), else wl_shm.
 */
#ifndef EXAMPLES_CANVAS_H
#define EXAMPLES_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#define CANVAS_IMAGES 3

struct canvas;

struct canvas_options {
	uint32_t width, height, count;
	bool hold, shm;
};

/*
 * Reads --size WxH, --hold, --shm and, as @count says, --strokes N or --frames N. @options has what
 * holds without them. Ends the program with @usage for anything else.
 */
void canvas_options_read(int argc, char **argv, const char *count, const char *usage,
	struct canvas_options *options);

struct image_view {       /* what is drawn into */
	uint32_t *pixels; /* XRGB8888 */
	uint32_t stride;  /* pixels */
};

/* A window of this size; @shm: of wl_shm in any case. Ends the program when there can be none. */
struct canvas *canvas_open(const char *title, uint32_t width, uint32_t height, bool shm);
void canvas_close(struct canvas *canvas);

/* "linear memory, the host's", or "wl_shm". */
const char *canvas_memory(const struct canvas *canvas);

/* Image @i, whoever looks at it. */
struct image_view canvas_image(struct canvas *canvas, unsigned i);
/* The number of an image that the compositor does not look at; waits for one. */
unsigned canvas_free_image(struct canvas *canvas);

/* Has image @i shown, of which a rectangle has changed. */
void canvas_show(
	struct canvas *canvas, unsigned i, int32_t x, int32_t y, int32_t width, int32_t height);
/* Waits until what was shown last may be followed by the next. */
void canvas_await(struct canvas *canvas);

/* Waits for the pointer: where it is, in pixels of the window, and whether a button is held. False:
 * the window was closed. */
bool canvas_pointer(struct canvas *canvas, int32_t *x, int32_t *y, bool *down);

/* The median of the times from canvas_show to the end of canvas_await. */
double canvas_latency_ms(const struct canvas *canvas);

#endif
