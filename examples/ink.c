/*
 * ink: handwriting. There is one image; strokes accumulate in it, and the compositor reads it where
 * it is. A pen never takes anything back, so that a compositor that looks while a stroke is drawn
 * sees a part of it, and with the next commit the rest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "examples/canvas.h"

#define PAPER 0xfff8f4e8u
#define INK 0xff1c2f6bu
#define PEN 3 /* pixels: half of its width */

static const char usage[] =
	"usage: ink [OPTION...]\n"
	"Draws what the pointer writes while a button is held.\n"
	"  --size WxH   of the window (default 640x400)\n"
	"  --strokes N  writes so many strokes by itself, and says what that took\n"
	"  --hold       and shows them until the window is closed\n"
	"  --shm        does without linear memory\n";

struct paper {
	struct canvas *canvas;
	struct image_view image;
	int32_t width, height, x, y;
};

static int32_t clamp(int32_t value, int32_t max)
{
	return value < 0 ? 0 : value > max ? max : value;
}

static void blot(struct paper *paper, int32_t x, int32_t y)
{
	int32_t right = clamp(x + PEN, paper->width), bottom = clamp(y + PEN, paper->height);
	for (int32_t row = clamp(y - PEN, paper->height); row < bottom; row++) {
		for (int32_t column = clamp(x - PEN, paper->width); column < right; column++)
			paper->image
				.pixels[(uint32_t)row * paper->image.stride + (uint32_t)column] =
				INK;
	}
}

/* A stroke from where the pen is; only what it covers is damaged. */
static void write_to(struct paper *paper, int32_t x, int32_t y)
{
	int32_t dx = x - paper->x, dy = y - paper->y;
	int32_t steps = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
	int32_t left = dx < 0 ? x : paper->x, top = dy < 0 ? y : paper->y;

	for (int32_t i = 0; i <= steps; i++)
		blot(paper, paper->x + (steps ? dx * i / steps : 0),
			paper->y + (steps ? dy * i / steps : 0));
	left = clamp(left - PEN, paper->width);
	top = clamp(top - PEN, paper->height);
	canvas_show(paper->canvas, 0, left, top, abs(dx) + 2 * PEN, abs(dy) + 2 * PEN);
	canvas_await(paper->canvas);
	paper->x = x;
	paper->y = y;
}

/* The same strokes every time. */
static void write_by_itself(struct paper *paper, uint32_t strokes)
{
	uint32_t random = 1;
	for (uint32_t i = 0; i < strokes; i++) {
		random = random * 1664525 + 1013904223;
		write_to(paper, clamp(paper->x + (int32_t)(random >> 16) % 61 - 24, paper->width),
			clamp(paper->y + (int32_t)(random >> 24) % 61 - 24, paper->height));
		if (paper->x == paper->width || paper->y == paper->height)
			paper->x = paper->y = 10;
	}
	printf("%s: %u strokes, %.2f ms each\nshown\n", canvas_memory(paper->canvas), strokes,
		canvas_latency_ms(paper->canvas));
	fflush(stdout);
}

static void write_by_hand(struct paper *paper)
{
	int32_t x, y;
	bool down, was_down = false;
	while (canvas_pointer(paper->canvas, &x, &y, &down)) {
		if (!down || !was_down) {
			paper->x = x;
			paper->y = y;
		} else {
			write_to(paper, x, y);
		}
		was_down = down;
	}
}

int main(int argc, char **argv)
{
	struct canvas_options options = {.width = 640, .height = 400};

	canvas_options_read(argc, argv, "strokes", usage, &options);
	struct paper paper = {.width = (int32_t)options.width,
		.height = (int32_t)options.height,
		.x = 10,
		.y = 10};
	paper.canvas = canvas_open("ink", options.width, options.height, options.shm);
	paper.image = canvas_image(paper.canvas, 0);
	for (uint32_t i = 0; i < paper.image.stride * (uint32_t)paper.height; i++)
		paper.image.pixels[i] = PAPER;
	canvas_show(paper.canvas, 0, 0, 0, paper.width, paper.height);
	canvas_await(paper.canvas);
	if (options.count > 0)
		write_by_itself(&paper, options.count);
	if (options.count == 0 || options.hold)
		write_by_hand(&paper);
	canvas_close(paper.canvas);
	return 0;
}
