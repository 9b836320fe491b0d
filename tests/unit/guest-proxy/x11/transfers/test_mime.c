/* guest-proxy/x11/transfers/mime.c */
#include "guest-proxy/x11/transfers/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct mime_list list;

static int empty(void **state)
{
	list.count = 0;
	return 0;
}

static void add(const char *name)
{
	mime_list_add(&list, name, strlen(name));
}

static void add_target(const char *name)
{
	mime_list_add_target(&list, name, strlen(name));
}

static void names_are_kept_once_and_in_order(void **state)
{
	add("b/b");
	add("a/a");
	add("b/b");
	assert_int_equal(list.count, 2);
	assert_string_equal(list.names[0], "b/b");
	assert_true(mime_list_has(&list, "a/a"));
	assert_false(mime_list_has(&list, "a/"));
}

static void what_is_no_name_is_passed_over(void **state)
{
	char long_name[MIME_BYTES + 1];
	memset(long_name, 'x', sizeof(long_name));
	mime_list_add(&list, long_name, MIME_BYTES);
	mime_list_add(&list, long_name, 0);
	mime_list_add(&list, "a\0b", 3);
	mime_list_add(&list, "a b", 3);
	mime_list_add(&list, "\xc3\xa4", 2);
	assert_int_equal(list.count, 0);
	mime_list_add(&list, long_name, MIME_BYTES - 1);
	assert_int_equal(list.count, 1);
}

static void there_is_an_end_to_it(void **state)
{
	char name[16];
	for (int i = 0; i < MIME_MAX + 10; i++) {
		snprintf(name, sizeof(name), "a/%d", i);
		add(name);
	}
	assert_int_equal(list.count, MIME_MAX);
}

static void targets_become_types(void **state)
{
	add_target("TARGETS");
	add_target("TIMESTAMP");
	assert_int_equal(list.count, 0);
	add_target("STRING");
	assert_true(mime_list_has(&list, "text/plain"));
	assert_true(mime_list_has(&list, "text/plain;charset=utf-8"));
	add_target("image/png");
	assert_int_equal(list.count, 3);
}

static void texts_have_names_on_both_sides(void **state)
{
	add("text/plain");
	assert_string_equal(mime_for_target(&list, "UTF8_STRING"), "text/plain");
	add("text/plain;charset=utf-8");
	assert_string_equal(mime_for_target(&list, "UTF8_STRING"), "text/plain;charset=utf-8");
	assert_string_equal(mime_for_target(&list, "text/plain"), "text/plain");
	assert_null(mime_for_target(&list, "image/png"));
	list.count = 0;
	add("TEXT");
	assert_string_equal(mime_target(&list, "text/plain"), "TEXT");
	add("UTF8_STRING");
	assert_string_equal(mime_target(&list, "text/plain"), "UTF8_STRING");
	add("text/plain");
	assert_string_equal(mime_target(&list, "text/plain"), "text/plain");
	assert_null(mime_target(&list, "text/html"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_are_kept_once_and_in_order, empty),
		cmocka_unit_test_setup(what_is_no_name_is_passed_over, empty),
		cmocka_unit_test_setup(there_is_an_end_to_it, empty),
		cmocka_unit_test_setup(targets_become_types, empty),
		cmocka_unit_test_setup(texts_have_names_on_both_sides, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
