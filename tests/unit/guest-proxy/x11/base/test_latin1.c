/* guest-proxy/x11/base/latin1.c */
#include "guest-proxy/x11/base/latin1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* Cut at @cut, where another piece begins. */
static void check_pieces(const char *utf8, size_t cut, const char *latin1)
{
	struct latin1_reader reader = {0};
	uint8_t bytes[64];
	size_t n = strlen(utf8);
	memcpy(bytes, utf8, n);
	size_t used = latin1_from_utf8(&reader, bytes, cut);
	memmove(bytes + used, bytes + cut, n - cut);
	used += latin1_from_utf8(&reader, bytes + used, n - cut);
	assert_int_equal(used, strlen(latin1));
	assert_memory_equal(bytes, latin1, used);
}

static void check(const char *utf8, const char *latin1)
{
	for (size_t cut = 0; cut <= strlen(utf8); cut++)
		check_pieces(utf8, cut, latin1);
}

static void what_latin1_has_is_that_and_the_rest_a_question_mark(void **state)
{
	check("plain", "plain");
	check("gr\xc3\xbc\xc3\x9f"
	      "e \xe2\x82\xac \xf0\x9f\x98\x80.",
		"gr\xfc\xdf"
		"e ? ?.");
	check("\xc2\x80\xc3\xbf\xc4\x80", "\x80\xff?");
}

static void what_is_no_utf8_is_left_out(void **state)
{
	check("a\x80\xbf\xc3z\xff\xc3", "az");
	check("a\xc0\xaf\xe0\x80\xafz", "az");
	check("\xe2\x82\xc3\xbc", "\xfc");
}

static void what_is_latin1_is_utf8_twice_as_long_at_most(void **state)
{
	uint8_t out[8];
	assert_int_equal(latin1_to_utf8((const uint8_t *)"a\xfc\xff\x80", 4, out), 7);
	assert_memory_equal(out, "a\xc3\xbc\xc3\xbf\xc2\x80", 7);
	assert_int_equal(latin1_to_utf8(NULL, 0, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_latin1_has_is_that_and_the_rest_a_question_mark),
		cmocka_unit_test(what_is_no_utf8_is_left_out),
		cmocka_unit_test(what_is_latin1_is_utf8_twice_as_long_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
