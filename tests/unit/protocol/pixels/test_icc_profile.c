/* protocol/pixels/icc_profile.c */
#include "protocol/pixels/icc_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "protocol/base/bytes.h"
#include "tests/unit/profile.h"

/* In memory of just that size, so that a sanitizer sees who reads behind it. */
static bool is_good(const uint8_t *profile, size_t size)
{
	uint8_t *exact = malloc(size + !size);
	memcpy(exact, profile, size);
	bool good = !icc_profile_check(exact, size);
	free(exact);
	return good;
}

static void a_profile_is_one(void **state)
{
	uint8_t profile[PROFILE_BYTES + 4];
	profile_make(profile);
	memset(profile + PROFILE_BYTES, 0, 4);
	assert_true(is_good(profile, PROFILE_BYTES));
	assert_true(is_good(profile, sizeof(profile))); /* files are filled up */
	profile[8] = 2;
	memcpy(profile + 12, "spac", 4);
	assert_true(is_good(profile, PROFILE_BYTES));
}

static void a_cut_profile_is_none(void **state)
{
	uint8_t profile[PROFILE_BYTES];
	profile_make(profile);
	for (size_t size = 0; size < PROFILE_BYTES; size++)
		assert_false(is_good(profile, size));
}

static void what_lies_about_itself_is_none(void **state)
{
	static const struct {
		size_t at;
		uint32_t number;
	} lies[] = {
		{0, 0}, {0, 131}, {0, PROFILE_BYTES + 1}, {0, UINT32_MAX}, /* its size */
		{8, 0x03000000}, {8, 0x05000000},                          /* its version */
		{12, 0x6c696e6b}, {12, 0},                                 /* a link, nothing */
		{36, 0},                                                   /* its signature */
		{128, 0}, {128, 3}, {128, 101}, {128, UINT32_MAX},         /* how many tags */
		{136, 0}, {136, 143}, {136, 145}, {136, PROFILE_BYTES}, {136, UINT32_MAX},
		{136, UINT32_MAX - 8},                            /* where the tag is */
		{140, 0}, {140, 7}, {140, 17}, {140, UINT32_MAX}, /* its size */
	};
	uint8_t profile[PROFILE_BYTES];

	for (size_t i = 0; i < ARRAY_LENGTH(lies); i++) {
		profile_make(profile);
		profile_put(profile, lies[i].at, lies[i].number);
		if (is_good(profile, PROFILE_BYTES))
			fail_msg("%u at %zu", lies[i].number, lies[i].at);
	}
}

/* Whatever bytes there are: no reading beyond them. */
static void random_bytes_harm_nobody(void **state)
{
	uint8_t profile[PROFILE_BYTES];

	for (int round = 0; round < 20000; round++) {
		profile_make(profile);
		for (int change = 0; change < 3; change++)
			profile[rand() % PROFILE_BYTES] = (uint8_t)rand();
		is_good(profile, (size_t)(rand() % (PROFILE_BYTES + 1)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_one),
		cmocka_unit_test(a_cut_profile_is_none),
		cmocka_unit_test(what_lies_about_itself_is_none),
		cmocka_unit_test(random_bytes_harm_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
