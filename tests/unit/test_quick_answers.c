/* guest-proxy/quick_answers.c */
#include "guest-proxy/quick_answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define QUICK_NS UINT64_C(20000)
#define SLOW_NS UINT64_C(2000000)

static void answer(struct quick_answers *answers, uint64_t after_ns)
{
	quick_answers_kicked(answers, 1000);
	quick_answers_answered(answers, 1000 + after_ns, false);
}

static void only_a_run_of_quick_answers_is_watched_for(void **state)
{
	struct quick_answers answers = {.possible = true};
	for (int i = 0; i < 3; i++) {
		answer(&answers, QUICK_NS);
		assert_false(quick_answers_expected(&answers));
	}
	answer(&answers, QUICK_NS);
	assert_true(quick_answers_expected(&answers));
}

static void one_slow_answer_ends_it(void **state)
{
	struct quick_answers answers = {.possible = true};
	for (int i = 0; i < 10; i++)
		answer(&answers, QUICK_NS);
	answer(&answers, SLOW_NS);
	assert_false(quick_answers_expected(&answers));
	answer(&answers, QUICK_NS);
	assert_false(quick_answers_expected(&answers));
}

static void watching_in_vain_ends_it_too(void **state)
{
	struct quick_answers answers = {.possible = true};
	for (int i = 0; i < 10; i++)
		answer(&answers, QUICK_NS);
	quick_answers_kicked(&answers, 1000);
	quick_answers_answered(&answers, 2000, true);
	assert_false(quick_answers_expected(&answers));
}

static void what_comes_without_a_question_counts_for_nothing(void **state)
{
	struct quick_answers answers = {.possible = true};
	for (int i = 0; i < 10; i++)
		quick_answers_answered(&answers, 1000, false);
	assert_false(quick_answers_expected(&answers));
}

static void with_one_processor_nothing_is_watched_for(void **state)
{
	struct quick_answers answers = {.possible = false};
	for (int i = 0; i < 10; i++)
		answer(&answers, QUICK_NS);
	assert_false(quick_answers_expected(&answers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_run_of_quick_answers_is_watched_for),
		cmocka_unit_test(one_slow_answer_ends_it),
		cmocka_unit_test(watching_in_vain_ends_it_too),
		cmocka_unit_test(what_comes_without_a_question_counts_for_nothing),
		cmocka_unit_test(with_one_processor_nothing_is_watched_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
