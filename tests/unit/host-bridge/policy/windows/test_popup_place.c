/* host-bridge/policy/windows/popup_place.c: popups are at their windows. */
#include "host-bridge/policy/windows/popup_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

enum { NONE, TOP, BOTTOM, LEFT, RIGHT, TOP_LEFT, BOTTOM_LEFT, TOP_RIGHT, BOTTOM_RIGHT, N_EDGES };

static struct vm_quota quota;
static struct policy_surface parent;

static int set_up(void **state)
{
	quota_init(&quota);
	parent = (struct policy_surface){.quota = &quota, .width = 300, .height = 200};
	wl_list_init(&parent.children);
	return 0;
}

/* Where the compositor puts it, flipped or not: the rules of xdg_positioner. */
static struct rectangle placed(const struct popup_place *place, bool flip)
{
	static const int sides[2][N_EDGES] = {
		{0, 0, 0, -1, 1, -1, -1, 1, 1}, {0, -1, 1, 0, 0, -1, 1, -1, 1}};
	int64_t at[2];
	for (int i = 0; i < 2; i++) {
		int sign = flip ? -1 : 1;
		int side = sign * sides[i][place->anchor], to = sign * sides[i][place->gravity];
		at[i] = place->anchor_at[i] + (side + 1) * (int64_t)place->anchor_size[i] / 2 +
			(to - 1) * (int64_t)place->size[i] / 2 + sign * (int64_t)place->offset[i];
	}
	return (struct rectangle){at[0], at[1], place->size[0], place->size[1]};
}

static void assert_near(const struct popup_place *place, bool flip)
{
	const struct rectangle at = placed(place, flip);
	/* A pixel for halves. */
	assert_true(at.x <= 300 + 101 && at.x + at.width >= -101);
	assert_true(at.y <= 200 + 101 && at.y + at.height >= -101);
}

static void whatever_it_says_a_popup_touches_its_window(void **state)
{
	static const int32_t numbers[] = {
		INT32_MIN, -100000, -3000, -300, -1, 0, 1, 150, 299, 5000, INT32_MAX};
	const size_t n = sizeof(numbers) / sizeof(numbers[0]);
	srand(1);
	for (int i = 0; i < 200000; i++) {
		struct popup_place place = {.anchor = (uint32_t)rand() % N_EDGES,
			.gravity = (uint32_t)rand() % N_EDGES,
			.adjustment = (uint32_t)rand() % 64};
		for (int axis = 0; axis < 2; axis++) {
			place.size[axis] =
				abs(numbers[1 + (size_t)rand() % (n - 1)]) + (rand() & 1 ? 0 : -1);
			place.anchor_at[axis] = numbers[(size_t)rand() % n];
			place.anchor_size[axis] = numbers[5 + (size_t)rand() % (n - 5)];
			place.offset[axis] = numbers[(size_t)rand() % n];
			if (place.size[axis] < 1)
				place.size[axis] = 1;
		}
		popup_place_near(&place, &parent);
		assert_near(&place, false);
		if ((place.adjustment & 12) == 12)
			assert_near(&place, true);
	}
}

static void menus_are_left_alone(void **state)
{
	const struct popup_place menus[] = {
		/* Of a menu bar, its submenu, a tooltip, a list below an entry, one at the pointer.
		 */
		{{180, 900}, {0, 0}, {60, 30}, {0, 0}, BOTTOM_LEFT, BOTTOM_RIGHT, 63},
		{{200, 400}, {100, 100}, {180, 25}, {-2, -4}, TOP_RIGHT, BOTTOM_RIGHT, 63},
		{{120, 30}, {290, 190}, {1, 1}, {12, 12}, TOP_LEFT, BOTTOM_RIGHT, 63},
		{{300, 600}, {0, 170}, {300, 30}, {0, 0}, BOTTOM, BOTTOM, 63},
		{{220, 500}, {0, 0}, {1, 1}, {280, 180}, TOP_LEFT, BOTTOM_RIGHT, 3},
		{{220, 500}, {0, 0}, {1, 1}, {-250, -530}, TOP_LEFT, BOTTOM_RIGHT, 3},
	};
	for (size_t i = 0; i < sizeof(menus) / sizeof(menus[0]); i++) {
		struct popup_place place = menus[i];
		popup_place_near(&place, &parent);
		assert_memory_equal(&place, &menus[i], sizeof(place));
		popup_place_near(&place, NULL);
		assert_memory_equal(&place, &menus[i], sizeof(place));
	}
}

static void what_the_compositor_is_to_refuse_stays_wrong(void **state)
{
	struct popup_place place = {.size = {10, 10}, .anchor_size = {-5, 5}};
	popup_place_near(&place, &parent);
	assert_int_equal(place.anchor_size[0], -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whatever_it_says_a_popup_touches_its_window, set_up),
		cmocka_unit_test_setup(menus_are_left_alone, set_up),
		cmocka_unit_test_setup(what_the_compositor_is_to_refuse_stays_wrong, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
