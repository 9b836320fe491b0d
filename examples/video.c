/*
 * video: frames that a decoder writes with the CPU. It writes each into an image that the
 * compositor does not look at, and has that shown; nobody copies it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

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
	static const struct option names[] = {{"size", required_argument, NULL, 's'},
		{"frames", required_argument, NULL, 'n'}, {"hold", no_argument, NULL, 'h'},
		{"shm", no_argument, NULL, 'm'}, {0}};
	uint32_t width = 640, height = 360, frames = 300;
	bool hold = false, shm = false, good = true, down;
	int32_t x, y;

	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (option == 's')
			good &= sscanf(optarg, "%ux%u", &width, &height) == 2 && width > 0 &&
				height > 0 && width <= 4096 && height <= 4096;
		else if (option == 'n')
			frames = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 'h')
			hold = true;
		else if (option == 'm')
			shm = true;
		else
			good = false;
	}
	if (!good || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	struct canvas *canvas = canvas_open("video", width, height, shm);
	for (uint32_t i = 0; i < frames; i++) {
		unsigned image = canvas_free_image(canvas);
		decode(canvas_image(canvas, image), width, height, i);
		canvas_show(canvas, image, 0, 0, (int32_t)width, (int32_t)height);
		canvas_await(canvas);
	}
	printf("%s: %u frames, %.2f ms each\nshown\n", canvas_memory(canvas), frames,
		canvas_latency_ms(canvas));
	fflush(stdout);
	while (hold && canvas_pointer(canvas, &x, &y, &down))
		;
	canvas_close(canvas);
	return 0;
}
