/* host-bridge/resources/rate.c */
#include "host-bridge/resources/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define NOW (100 * SECOND)

static void a_few_may_come_at_once_and_then_so_many_a_second(void **state)
{
	struct rate rate = {.at_once = 3, .per_second = 4};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rate_wait_ns(&rate, NOW), 0);
		rate_count(&rate, NOW);
	}
	assert_int_equal(rate_wait_ns(&rate, NOW), SECOND / 4);
	assert_int_equal(rate_wait_ns(&rate, NOW + SECOND / 8), SECOND / 8);
	assert_int_equal(rate_wait_ns(&rate, NOW + SECOND / 4), 0);
	rate_count(&rate, NOW + SECOND / 4);
	assert_int_equal(rate_wait_ns(&rate, NOW + SECOND / 4), SECOND / 4);
}

static void after_a_rest_a_few_may_come_at_once_again(void **state)
{
	struct rate rate = {.at_once = 2, .per_second = 1};
	for (int round = 0; round < 3; round++) {
		uint64_t now = NOW + (uint64_t)round * 100 * SECOND;
		for (int i = 0; i < 2; i++) {
			assert_int_equal(rate_wait_ns(&rate, now), 0);
			rate_count(&rate, now);
		}
		assert_int_equal(rate_wait_ns(&rate, now), SECOND);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_may_come_at_once_and_then_so_many_a_second),
		cmocka_unit_test(after_a_rest_a_few_may_come_at_once_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
