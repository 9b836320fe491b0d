/* guest-proxy/x11/display/mask.c */
#include "guest-proxy/x11/display/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 40 /* two words a row */

/* Rows of '#' and other characters, WIDTH or fewer; bits behind them are set. */
static struct mask *mask_of(size_t n, const char *const rows[])
{
	uint8_t bits[16 * 8];
	memset(bits, 0xff, sizeof(bits));
	for (size_t y = 0; y < n; y++) {
		for (size_t x = 0; x < WIDTH; x++) {
			if (x >= strlen(rows[y]) || rows[y][x] != '#')
				bits[y * 8 + x / 8] &= (uint8_t) ~(1u << x % 8);
		}
	}
	struct mask *mask = mask_create(WIDTH, (int32_t)n, bits, false);
	assert_non_null(mask);
	return mask;
}

#define MASK(...)                                                                                  \
	mask_of(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                       \
		(const char *const[]){__VA_ARGS__})

static void bits_come_in_either_order(void **state)
{
	const uint8_t low[] = {0x05, 0, 0, 0}, high[] = {0xa0, 0, 0, 0};
	struct mask *a = mask_create(3, 1, low, false), *b = mask_create(3, 1, high, true);
	assert_memory_equal(a->bits, b->bits, 4);
	free(a);
	free(b);
}

static void what_is_outside_becomes_transparent(void **state)
{
	struct mask *mask = MASK("#.#", "........################");
	uint32_t pixels[WIDTH + 2];
	for (size_t i = 0; i < WIDTH + 2; i++)
		pixels[i] = 0x00112233;
	mask_apply(mask, 0, pixels, WIDTH + 2, true);
	assert_int_equal(pixels[0], 0xff112233);
	assert_int_equal(pixels[1], 0);
	assert_int_equal(pixels[2], 0xff112233);
	/* To the end of the row, and behind the mask's width, whatever its last bits are. */
	for (size_t i = 3; i < WIDTH + 2; i++)
		assert_int_equal(pixels[i], 0);
	for (size_t i = 0; i < WIDTH + 2; i++)
		pixels[i] = 0x80112233;
	mask_apply(mask, 1, pixels, WIDTH + 2, false);
	for (size_t i = 0; i < WIDTH + 2; i++)
		assert_int_equal(pixels[i], i >= 8 && i < 24 ? 0x80112233 : 0);
	/* Above and below it there is nothing. */
	pixels[9] = 1;
	mask_apply(mask, 2, pixels, WIDTH, false);
	assert_int_equal(pixels[9], 0);
	pixels[9] = 1;
	mask_apply(mask, -1, pixels, WIDTH, false);
	assert_int_equal(pixels[9], 0);
	free(mask);
}

static void assert_box(const struct box *box, int32_t x, int32_t y, int32_t width, int32_t height)
{
	assert_int_equal(box->x, x);
	assert_int_equal(box->y, y);
	assert_int_equal(box->width, width);
	assert_int_equal(box->height, height);
}

static void rows_that_are_alike_are_the_same_boxes(void **state)
{
	struct box boxes[8];
	struct mask *mask =
		MASK("...", "##.##", "##.##", ".", "########################################",
			"########################################");
	assert_int_equal(mask_boxes(mask, boxes, 8), 3);
	assert_box(&boxes[0], 0, 1, 2, 2);
	assert_box(&boxes[1], 3, 1, 2, 2);
	assert_box(&boxes[2], 0, 4, 40, 2);
	/* As many as there may be; and one around all where there are more. */
	assert_int_equal(mask_boxes(mask, boxes, 3), 3);
	assert_int_equal(mask_boxes(mask, boxes, 2), 1);
	assert_box(&boxes[0], 0, 1, 40, 5);
	free(mask);
	mask = MASK(".", ".");
	assert_int_equal(mask_boxes(mask, boxes, 8), 0);
	free(mask);
	mask = MASK(".#.#", ".#.#", ".");
	assert_int_equal(mask_boxes(mask, boxes, 1), 1);
	assert_box(&boxes[0], 1, 0, 3, 2);
	free(mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_come_in_either_order),
		cmocka_unit_test(what_is_outside_becomes_transparent),
		cmocka_unit_test(rows_that_are_alike_are_the_same_boxes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
