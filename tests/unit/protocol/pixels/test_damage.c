/* protocol/pixels/damage.c */
#include "protocol/pixels/damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

static struct damage damage;
static pixman_region32_t region;

static int setup(void **state)
{
	damage_init(&damage);
	pixman_region32_init(&region);
	damage_show(&damage, 100, 80);
	return 0;
}

static int teardown(void **state)
{
	damage_finish(&damage);
	pixman_region32_fini(&region);
	return 0;
}

static void show(void)
{
	damage_commit(&damage);
	damage_show(&damage, 100, 80);
}

static void expect_extents(uint64_t since, int x1, int y1, int x2, int y2)
{
	damage_since(&damage, since, &region);
	const pixman_box32_t *extents = pixman_region32_extents(&region);
	assert_int_equal(extents->x1, x1);
	assert_int_equal(extents->y1, y1);
	assert_int_equal(extents->x2, x2);
	assert_int_equal(extents->y2, y2);
}

static void expect_nothing(uint64_t since)
{
	damage_since(&damage, since, &region);
	assert_false(pixman_region32_not_empty(&region));
}

static void the_first_buffer_is_new_all_over(void **state)
{
	assert_int_equal(damage.shown, 1);
	expect_extents(0, 0, 0, 100, 80);
	expect_nothing(1);
}

static void a_copy_lacks_what_changed_since_its_buffer(void **state)
{
	damage_add_buffer(&damage, 10, 10, 5, 5);
	show();
	damage_add_buffer(&damage, 50, 40, 5, 5);
	show();
	expect_extents(3, 0, 0, 0, 0);
	expect_extents(2, 50, 40, 55, 45);
	expect_extents(1, 10, 10, 55, 45);
	assert_int_equal(pixman_region32_n_rects(&region), 2);
	expect_extents(0, 0, 0, 100, 80);
}

static void a_copy_that_is_too_old_is_renewed_as_a_whole(void **state)
{
	for (int i = 0; i < DAMAGE_HISTORY; i++)
		show();
	expect_nothing(1);
	show();
	expect_extents(1, 0, 0, 100, 80);
	expect_nothing(2);
}

static void surface_damage_is_scaled(void **state)
{
	damage_set_scale(&damage, 2);
	damage_add_surface(&damage, 10, 10, 5, 5);
	show();
	expect_extents(1, 20, 20, 30, 30);
	/* Damage counts when it is committed, by the scale of that commit. */
	damage_add_surface(&damage, 1, 1, 1, 1);
	damage_commit(&damage);
	damage_add_surface(&damage, 3, 3, 1, 1);
	show();
	expect_extents(2, 2, 2, 8, 8);
}

static void where_surface_damage_cannot_be_converted_all_is_new(void **state)
{
	damage_set_transform(&damage, WL_OUTPUT_TRANSFORM_90);
	show();
	expect_nothing(1);
	damage_add_surface(&damage, 1, 1, 1, 1);
	show();
	expect_extents(2, 0, 0, 100, 80);
	damage_add_buffer(&damage, 1, 1, 1, 1); /* this can */
	show();
	expect_extents(3, 1, 1, 2, 2);
	damage_set_transform(&damage, WL_OUTPUT_TRANSFORM_NORMAL);
	damage.viewport = true;
	damage_add_surface(&damage, 1, 1, 1, 1);
	show();
	expect_extents(4, 0, 0, 100, 80);
}

static void another_size_is_new_all_over(void **state)
{
	damage_show(&damage, 200, 160);
	expect_extents(1, 0, 0, 200, 160);
	show();
	expect_extents(2, 0, 0, 100, 80);
	expect_extents(1, 0, 0, 100, 80);
}

static void damage_may_be_any_numbers(void **state)
{
	static const int32_t numbers[] = {INT32_MIN, -1, 0, 1, 99, 100, INT32_MAX};
	const unsigned n = sizeof(numbers) / sizeof(numbers[0]);

	for (unsigned i = 0; i < n * n * n * n; i++) {
		int32_t x = numbers[i % n], y = numbers[i / n % n], width = numbers[i / n / n % n],
			height = numbers[i / n / n / n];
		damage_set_scale(&damage, (int32_t)i);
		damage_add_buffer(&damage, x, y, width, height);
		damage_add_surface(&damage, x, y, width, height);
		show();
		damage_since(&damage, damage.shown - 1, &region);
		const pixman_box32_t *extents = pixman_region32_extents(&region);
		assert_true(!pixman_region32_not_empty(&region) ||
			(extents->x1 >= 0 && extents->y1 >= 0 && extents->x2 <= 100 &&
				extents->y2 <= 80));
	}
	damage_set_scale(&damage, INT32_MIN);
	show();
	damage_add_buffer(&damage, -10, -10, 20, 20);
	show();
	expect_extents(damage.shown - 1, 0, 0, 10, 10);
}

static void many_rectangles_become_one(void **state)
{
	for (int i = 0; i < 1000; i++)
		damage_add_buffer(&damage, 2 * i % 100, 2 * (2 * i / 100) % 80, 1, 1);
	show();
	damage_since(&damage, 1, &region);
	assert_true(pixman_region32_n_rects(&region) <= 32);
	expect_extents(1, 0, 0, 99, 39);
}

/* Copies that are renewed now and then equal a surface that changes at random. */
static void copies_follow_the_surface(void **state)
{
	enum { WIDTH = 100, HEIGHT = 80, COPIES = 3 };
	static uint8_t now[HEIGHT][WIDTH], copies[COPIES][HEIGHT][WIDTH];
	uint64_t shown[COPIES] = {0};

	for (int i = 0; i < 2000; i++) {
		for (int j = rand() % 4; j > 0; j--) {
			int x = rand() % WIDTH, y = rand() % HEIGHT;
			int width = 1 + rand() % (WIDTH - x), height = 1 + rand() % (HEIGHT - y);
			for (int row = y; row < y + height; row++)
				memset(&now[row][x], rand(), (size_t)width);
			damage_add_buffer(&damage, x, y, width, height);
		}
		if (rand() % 8 == 0) { /* it is shown by other means */
			damage_drop(&damage);
			assert_false(pixman_region32_not_empty(&damage.buffer));
			continue;
		}
		show();
		int copy = rand() % COPIES, n_boxes;
		damage_since(&damage, shown[copy], &region);
		const pixman_box32_t *boxes = pixman_region32_rectangles(&region, &n_boxes);
		for (int box = 0; box < n_boxes; box++)
			for (int row = boxes[box].y1; row < boxes[box].y2; row++)
				memcpy(&copies[copy][row][boxes[box].x1], &now[row][boxes[box].x1],
					(size_t)(boxes[box].x2 - boxes[box].x1));
		shown[copy] = damage.shown;
		assert_memory_equal(copies[copy], now, sizeof(now));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_buffer_is_new_all_over),
		TEST(a_copy_lacks_what_changed_since_its_buffer),
		TEST(a_copy_that_is_too_old_is_renewed_as_a_whole),
		TEST(surface_damage_is_scaled),
		TEST(where_surface_damage_cannot_be_converted_all_is_new),
		TEST(another_size_is_new_all_over),
		TEST(damage_may_be_any_numbers),
		TEST(many_rectangles_become_one),
		TEST(copies_follow_the_surface),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
