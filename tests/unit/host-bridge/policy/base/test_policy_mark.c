/* host-bridge/policy/base/policy_mark.c */
#include "host-bridge/policy/base/policy_mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void expect(const char *template, const char *before, const char *after, const char *alone,
	bool no_text)
{
	struct policy_mark mark;

	assert_null(policy_mark_parse(&mark, template));
	assert_string_equal(mark.before, before);
	assert_string_equal(mark.after, after);
	assert_string_equal(mark.alone, alone);
	assert_int_equal(mark.no_text, no_text);
}

static void templates_become_what_stands_around_a_text(void **state)
{
	expect(POLICY_APP_ID, "wayferry.", ".", "", false);
	expect("%m.%a", "", ".", "", false);
	expect("org.example.%m.vm-%a", "org.example.", ".vm-", ".vm", false);
	expect("%m", "", "", "", true);
	expect("a.%m.b", "a.", ".b", ".b", true);
}

/* Each of them would let one machine's windows pass for another's. */
static void templates_in_which_names_could_be_made_up_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"%a",
		"wayferry.%a",
		"%a.%m",
		"%a.%m.%a",
		"wayferry%m.%a",
		"wayferry.%m%a",
		"wayferry.%m-%a",
		"%m.%m.%a",
		"%m.%a.x",
		"%m.%a%a",
		"%m.%x",
		"%m.%",
		"x y.%m",
		"[%m",
		"wayferry/%m",
		"a.long.one.that.goes.on.and.on.and.on.and.on.and.on.and.on.to.it.%m.%a",
	};
	struct policy_mark mark = {.before = "kept"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(policy_mark_parse(&mark, bad[i]));
	assert_string_equal(mark.before, "kept");
}

/* Whatever the guest calls itself, "wayferry.other" is not for it to be. */
static void templates_cannot_give_another_machines_default(void **state)
{
	static const struct {
		const char *template, *vm;
		bool collides;
	} cases[] = {
		{POLICY_APP_ID, "work", false},
		{"wayferry.%m", "work", false},
		{"%m.%a", "work", false},
		{"%m.%a", "wayferry2", false},
		{"%m.%a", "wayferr", false},
		{"org.wayferry.%m.%a", "work", false},
		{"wayferry2.%m.%a", "work", false},
		{"%m.%a", "wayferry", true},
		{"wayferry.home.%m.%a", "work", true},
	};
	struct policy_mark mark;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(policy_mark_parse(&mark, cases[i].template));
		assert_int_equal(policy_mark_collides(&mark, cases[i].vm), cases[i].collides);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_become_what_stands_around_a_text),
		cmocka_unit_test(templates_cannot_give_another_machines_default),
		cmocka_unit_test(templates_in_which_names_could_be_made_up_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
