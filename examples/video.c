/*
 * video: frames that a decoder writes with the CPU. It writes each into an image that the
 * compositor does not look at, and has that shown; nobody copies it.
 */
#include <stdio.h>

#include "examples/canvas.h"

static const char usage[] = "usage: video [OPTION...]\n"
			    "Plays a test picture.\n"
			    "  --size WxH   of the window (default 640x360)\n"
			    "  --frames N   so many (default 300), and says what that took\n"
			    "  --hold       shows the last one until the window is closed\n"
			    "  --shm        does without linear memory\n";

/* In the place of a decoder: it has to write every pixel. */
static void decode(struct image_view image, uint32_t width, uint32_t height, uint32_t frame)
{
	for (uint32_t y = 0; y < height; y++) {
		uint32_t *row = image.pixels + (size_t)y * image.stride;
		for (uint32_t x = 0; x < width; x++)
			row[x] = 0xff000000u | ((x + 3 * frame) & 0xff) << 16 |
				((y + 2 * frame) & 0xff) << 8 | ((x ^ y) & 0xff);
	}
}

int main(int argc, char **argv)
{
	struct canvas_options options = {.width = 640, .height = 360, .count = 300};
	bool down;
	int32_t x, y;

	canvas_options_read(argc, argv, "frames", usage, &options);
	struct canvas *canvas = canvas_open("video", options.width, options.height, options.shm);
	for (uint32_t i = 0; i < options.count; i++) {
		unsigned image = canvas_free_image(canvas);
		decode(canvas_image(canvas, image), options.width, options.height, i);
		canvas_show(canvas, image, 0, 0, (int32_t)options.width, (int32_t)options.height);
		canvas_await(canvas);
	}
	printf("%s: %u frames, %.2f ms each\nshown\n", canvas_memory(canvas), options.count,
		canvas_latency_ms(canvas));
	fflush(stdout);
	while (options.hold && canvas_pointer(canvas, &x, &y, &down))
		;
	canvas_close(canvas);
	return 0;
}
