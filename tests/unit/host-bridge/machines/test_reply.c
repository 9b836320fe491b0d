/* host-bridge/machines/reply.c */
#include "host-bridge/machines/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static char text[64];

static void members_are_found_wherever_they_are(void **state)
{
	static const char reply[] =
		"{\"error\": {\"class\": \"GenericError\", \"desc\" : \"it \\\"is\\\" busy\\n\"}}";

	assert_true(reply_has(reply, "error"));
	assert_true(reply_string(reply, "desc", text, sizeof(text)));
	assert_string_equal(text, "it \"is\" busy?");
	assert_false(reply_string(reply, "error", text, sizeof(text)));
	assert_false(reply_has(reply, "return"));
}

static void what_a_string_says_is_no_member(void **state)
{
	static const char reply[] = "{\"return\": \"\\\"error\\\": \", \"x\": [\"error\", \"y\"]}";

	assert_false(reply_has(reply, "error"));
	assert_true(reply_string(reply, "return", text, sizeof(text)));
	assert_string_equal(text, "\"error\": ");
}

static void objects_come_one_after_another(void **state)
{
	const char *at = "{\"return\": [{\"name\": \"a}\", \"n\": 1}, {\"name\": \"b\"}, "
			 "{\"in\": {\"name\": \"c\"}}], \"id\": {";
	static const char *const names[] = {"a}", "b", "c"};
	char object[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(reply_next_object(&at, object, sizeof(object)));
		assert_true(reply_string(object, "name", text, sizeof(text)));
		assert_string_equal(text, names[i]);
	}
	/* The one around the last one, which is not whole, too. */
	while (reply_next_object(&at, object, sizeof(object)))
		assert_false(reply_has(object, "name"));
}

static void what_does_not_fit_or_end_is_not_there(void **state)
{
	static const char *const broken[] = {"", "{", "\"", "{\"desc", "{\"desc\"",
		"{\"desc\":", "{\"desc\": \"", "{\"desc\": \"x", "{\"desc\": \"x\\",
		"{\"desc\": x}", "}{", "}}\"{"};
	char small[4];

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const char *at = broken[i];
		assert_false(reply_string(broken[i], "desc", text, sizeof(text)));
		while (reply_next_object(&at, text, sizeof(text)))
			assert_false(reply_string(text, "desc", small, sizeof(small)));
	}
	assert_false(reply_string("{\"a\": \"1234\"}", "a", small, sizeof(small)));
	assert_true(reply_string("{\"a\": \"123\"}", "a", small, sizeof(small)));
	const char *at = "{\"a\": 1}";
	assert_false(reply_next_object(&at, small, sizeof(small)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_wherever_they_are),
		cmocka_unit_test(what_a_string_says_is_no_member),
		cmocka_unit_test(objects_come_one_after_another),
		cmocka_unit_test(what_does_not_fit_or_end_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
