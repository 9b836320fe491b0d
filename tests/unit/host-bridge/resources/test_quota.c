/* host-bridge/resources/quota.c */
#include "host-bridge/resources/quota.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void a_sum_is_bounded_and_its_peak_is_kept(void **state)
{
	struct vm_quota quota;
	quota_init(&quota);
	assert_null(quota_set(&quota, "buffers", "10"));
	assert_true(quota_charge(&quota, QUOTA_BUFFERS, 7));
	assert_false(quota_charge(&quota, QUOTA_BUFFERS, 4));
	assert_false(quota_charge(&quota, QUOTA_BUFFERS, UINT64_MAX));
	assert_true(quota_charge(&quota, QUOTA_BUFFERS, 3));
	quota_release(&quota, QUOTA_BUFFERS, 9);
	assert_int_equal(quota.entries[QUOTA_BUFFERS].use, 1);
	assert_int_equal(quota.entries[QUOTA_BUFFERS].peak, 10);
}

static void what_grows_and_shrinks_is_charged_by_its_size(void **state)
{
	struct vm_quota quota;
	uint64_t charged = 0;
	quota_init(&quota);
	quota_set(&quota, "queued-bytes", "1K");
	assert_true(quota_adjust(&quota, QUOTA_QUEUED_BYTES, &charged, 1000));
	assert_false(quota_adjust(&quota, QUOTA_QUEUED_BYTES, &charged, 1025));
	assert_int_equal(charged, 1000);
	assert_true(quota_adjust(&quota, QUOTA_QUEUED_BYTES, &charged, 10));
	assert_int_equal(quota.entries[QUOTA_QUEUED_BYTES].use, 10);
}

static void a_limit_on_each_thing_adds_nothing_up(void **state)
{
	struct vm_quota quota;
	quota_init(&quota);
	quota_set(&quota, "subsurface-depth", "5");
	for (int i = 0; i < 10; i++)
		assert_true(quota_charge(&quota, QUOTA_SUBSURFACE_DEPTH, 5));
	assert_false(quota_charge(&quota, QUOTA_SUBSURFACE_DEPTH, 6));
	assert_int_equal(quota.entries[QUOTA_SUBSURFACE_DEPTH].use, 0);
	assert_int_equal(quota.entries[QUOTA_SUBSURFACE_DEPTH].peak, 5);
}

static void what_the_process_has_caps_a_limit(void **state)
{
	struct vm_quota quota;
	quota_init(&quota);
	assert_null(quota_set(&quota, "fds", "500"));
	assert_false(quota_cap(&quota, QUOTA_FDS, 500));
	assert_true(quota_cap(&quota, QUOTA_FDS, 499));
	assert_int_equal(quota_limit_of(&quota, QUOTA_FDS), 499);
	assert_false(quota_cap(&quota, QUOTA_FDS, 1000));
	assert_int_equal(quota_limit_of(&quota, QUOTA_FDS), 499);
}

static void without_a_quota_nothing_is_bounded(void **state)
{
	uint64_t charged = 0;
	assert_true(quota_charge(NULL, QUOTA_OBJECTS, UINT64_MAX));
	assert_true(quota_adjust(NULL, QUOTA_OBJECTS, &charged, UINT64_MAX));
	quota_release(NULL, QUOTA_OBJECTS, 1);
}

static void the_text_says_which_limit_and_how_high(void **state)
{
	char text[QUOTA_TEXT_MAX];
	struct vm_quota quota;
	quota_init(&quota);
	quota_set(&quota, "shm-pools", "77");
	assert_string_equal(quota_explain(&quota, QUOTA_SHM_POOLS, text),
		"this machine has reached its limit of shm-pools (77)");
}

static void every_limit_is_printed_with_use_and_peak(void **state)
{
	char *text = NULL;
	size_t size;
	struct vm_quota quota;
	FILE *out = open_memstream(&text, &size);
	quota_init(&quota);
	quota_charge(&quota, QUOTA_PIPES, 3);
	quota_release(&quota, QUOTA_PIPES, 1);
	quota_print(&quota, out);
	fclose(out);
	assert_non_null(strstr(text, "\nlimit pipes 512\nuse pipes 2\npeak pipes 3\n"));
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 3 * QUOTA_N_LIMITS);
	assert_null(strstr(text, "(null)"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_bounded_and_its_peak_is_kept),
		cmocka_unit_test(what_grows_and_shrinks_is_charged_by_its_size),
		cmocka_unit_test(a_limit_on_each_thing_adds_nothing_up),
		cmocka_unit_test(what_the_process_has_caps_a_limit),
		cmocka_unit_test(without_a_quota_nothing_is_bounded),
		cmocka_unit_test(the_text_says_which_limit_and_how_high),
		cmocka_unit_test(every_limit_is_printed_with_use_and_peak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
