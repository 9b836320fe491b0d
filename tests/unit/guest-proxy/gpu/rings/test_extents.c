/* guest-proxy/gpu/rings/extents.c */
#include "guest-proxy/gpu/rings/extents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct extents e;

static int setup(void **state)
{
	return extents_init(&e, 100, 50);
}

static int teardown(void **state)
{
	extents_finish(&e);
	return 0;
}

static uint64_t take(uint64_t length, enum extents_order order)
{
	uint64_t start = 0;
	assert_int_equal(extents_take(&e, length, order, &start), 0);
	return start;
}

static void ranges_are_handed_out_from_the_start_until_none_is_left(void **state)
{
	uint64_t start;
	assert_int_equal(take(20, EXTENTS_LOWEST), 100);
	assert_int_equal(take(30, EXTENTS_LOWEST), 120);
	assert_int_equal(extents_take(&e, 1, EXTENTS_LOWEST, &start), -ENOSPC);
}

static void neighbours_that_are_given_back_join(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		take(10, EXTENTS_LOWEST);
	extents_give(&e, 110, 10);
	extents_give(&e, 130, 10);
	assert_int_equal(e.n_free, 2);
	extents_give(&e, 120, 10); /* between two free ones */
	assert_int_equal(e.n_free, 1);
	assert_int_equal(take(30, EXTENTS_LOWEST), 110);
	extents_give(&e, 100, 10);
	extents_give(&e, 110, 30);
	extents_give(&e, 140, 10);
	assert_int_equal(e.n_free, 1);
	assert_int_equal(take(50, EXTENTS_LOWEST), 100);
}

static void the_lowest_range_that_fits_is_used_again_at_once(void **state)
{
	take(10, EXTENTS_LOWEST);
	take(10, EXTENTS_LOWEST);
	extents_give(&e, 100, 10);
	assert_int_equal(take(5, EXTENTS_LOWEST), 100);
	assert_int_equal(take(10, EXTENTS_LOWEST), 120);
}

static void in_rotation_what_was_given_back_comes_last(void **state)
{
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(take(10, EXTENTS_NEXT), 100 + 10 * i);
		extents_give(&e, 100 + 10 * i, 10);
	}
	assert_int_equal(take(10, EXTENTS_NEXT), 100);
}

static void rotation_finds_room_below_when_there_is_none_behind(void **state)
{
	uint64_t start;
	take(45, EXTENTS_NEXT);
	extents_give(&e, 100, 45);
	/* Free is all of it, the cursor stands at 145: 10 fit only from the start on. */
	assert_int_equal(take(10, EXTENTS_NEXT), 100);
	assert_int_equal(take(40, EXTENTS_NEXT), 110);
	assert_int_equal(extents_take(&e, 1, EXTENTS_NEXT, &start), -ENOSPC);
}

static void thousands_of_ranges_never_overlap_and_all_come_back(void **state)
{
	enum { UNITS = 20000, HELD = 4000 };
	static uint8_t used[UNITS];
	static struct extent held[HELD];
	extents_finish(&e);
	assert_int_equal(extents_init(&e, 0, UNITS), 0);
	memset(used, 0, sizeof(used));
	memset(held, 0, sizeof(held));
	srandom(1);
	for (unsigned round = 0; round < 200000; round++) {
		struct extent *x = &held[random() % HELD];
		if (x->length > 0) {
			memset(used + x->start, 0, x->length);
			extents_give(&e, x->start, x->length);
			x->length = 0;
			continue;
		}
		x->length = 1 + (uint64_t)random() % 8;
		if (extents_take(&e, x->length, random() % 2 ? EXTENTS_NEXT : EXTENTS_LOWEST,
			    &x->start) < 0) {
			x->length = 0;
			continue;
		}
		assert_true(x->start + x->length <= UNITS);
		for (uint64_t i = 0; i < x->length; i++)
			assert_int_equal(used[x->start + i]++, 0);
	}
	for (unsigned i = 0; i < HELD; i++)
		if (held[i].length > 0)
			extents_give(&e, held[i].start, held[i].length);
	assert_int_equal(e.n_free, 1);
	assert_int_equal(e.n_used, 0);
	assert_int_equal(e.free[0].length, UNITS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ranges_are_handed_out_from_the_start_until_none_is_left),
		TEST(neighbours_that_are_given_back_join),
		TEST(the_lowest_range_that_fits_is_used_again_at_once),
		TEST(in_rotation_what_was_given_back_comes_last),
		TEST(rotation_finds_room_below_when_there_is_none_behind),
		TEST(thousands_of_ranges_never_overlap_and_all_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
