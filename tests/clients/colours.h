/*
 * The picture of colours-gl and colours-vulkan: four rectangles of one colour each, which change
 * places with every frame, until the last one shows them in their order (left to right, then down).
 */
#ifndef TESTS_CLIENTS_COLOURS_H
#define TESTS_CLIENTS_COLOURS_H

#include <stdint.h>

#define COLOURS 4
#define COLOURS_WIDTH 402 /* pixels; rows that are no multiple of 64 bytes */
#define COLOURS_HEIGHT 302
#define COLOURS_FRAMES 30
#define COLOURS_REST_MS 3000 /* then the last frame is drawn again, and so on */

static const float colours[COLOURS][4] = {
	/* #ff0000, #00cc33, #3366ff, #999999 */
	{1.0f, 0.0f, 0.0f, 1.0f},
	{0.0f, 0.8f, 0.2f, 1.0f},
	{0.2f, 0.4f, 1.0f, 1.0f},
	{0.6f, 0.6f, 0.6f, 1.0f},
};

/* The colour of place @i in @frame, the last of which is COLOURS_FRAMES - 1. */
static inline const float *colour_at(uint32_t frame, uint32_t i)
{
	return colours[(i + COLOURS_FRAMES - 1 - frame) % COLOURS];
}

#endif
