/* host-bridge/transfers/transfer_rules.c */
#include "host-bridge/transfers/transfer_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

static struct transfer_rules rules;

static int set_up(void **state)
{
	rules = (struct transfer_rules){0};
	return 0;
}

static bool passes(const char *type)
{
	return transfer_rule_passes(&rules.kinds[TRANSFER_CLIPBOARD], type);
}

static const char *set(const char *key, const char *value)
{
	return transfer_rules_set(&rules, "clipboard", key, value);
}

static void all_but_lists_of_files_passes_by_default(void **state)
{
	assert_true(passes("text/plain"));
	assert_true(passes("UTF8_STRING"));
	assert_true(passes("text/uri-list-of-mine"));
	assert_false(passes("text/uri-list"));
	assert_false(passes("Text/URI-List; charset=utf-8"));
	assert_false(passes("x-special/gnome-copied-files"));
	assert_false(passes("application/x-kde4-urilist"));
	assert_null(set("uri-list", "allow"));
	assert_true(passes("text/uri-list"));
	assert_null(set("uri-list", "deny"));
	assert_false(passes("text/uri-list"));
}

static void types_are_compared_without_case_and_parameters(void **state)
{
	assert_null(set("mime", " text/* ,image/png,  application/x-a "));
	assert_true(passes("text/"));
	assert_true(passes("TEXT/HTML;charset=utf-16"));
	assert_true(passes("image/png"));
	assert_true(passes("application/x-a"));
	assert_false(passes("image/png2"));
	assert_false(passes("image/pn"));
	assert_false(passes("tex"));
	assert_false(passes(""));
	assert_false(passes("text/uri-list"));
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *key, *value;
	} wrong[] = {{"to-guest", "ALLOW"}, {"to-host", ""}, {"from-guest", "allow"}, {"mime", ""},
		{"mime", " , "}, {"mime", "te*t/plain"}, {"mime", "text/plain;a=b"},
		{"mime", "text/plain image/png"}, {"uri-list", "a"}, {"max-bytes", "0"},
		{"max-bytes", "much"}};

	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		assert_non_null(set(wrong[i].key, wrong[i].value));
	assert_non_null(transfer_rules_set(&rules, "clipboards", "to-guest", "deny"));
	assert_false(transfer_rules_section("policy"));
	assert_true(transfer_rules_section("drags"));
}

static void chords_are_for_selections(void **state)
{
	assert_false(transfer_rules_have_hotkey(&rules));
	assert_non_null(transfer_rules_set(&rules, "drags", "to-guest", "hotkey"));
	assert_false(transfer_rules_ask(&rules));
	assert_null(transfer_rules_set(&rules, "drags", "to-guest", "ask"));
	assert_true(transfer_rules_ask(&rules));
	assert_null(set("to-guest", "hotkey"));
	assert_true(transfer_rules_have_hotkey(&rules));
	assert_false(transfer_rule_keeps_own(&rules.kinds[TRANSFER_CLIPBOARD]));
	assert_null(set("to-host", "deny"));
	assert_true(transfer_rule_keeps_own(&rules.kinds[TRANSFER_CLIPBOARD]));
	assert_null(set("to-guest", "allow"));
	assert_false(transfer_rule_keeps_own(&rules.kinds[TRANSFER_CLIPBOARD]));
	assert_null(set("to-host", "hotkey"));
	assert_true(transfer_rule_keeps_own(&rules.kinds[TRANSFER_CLIPBOARD]));
}

static void rules_are_printed(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_null(set("mime", "image/*"));
	assert_null(transfer_rules_set(&rules, "drags", "uri-list", "allow"));
	assert_null(transfer_rules_set(&rules, "drags", "max-bytes", "64K"));
	transfer_rules_close(&rules, TRANSFER_TO_HOST);
	transfer_rules_print(&rules, out);
	fclose(out);
	assert_string_equal(text,
		"clipboard: to-guest allow, to-host deny, mime image/*, uri-list deny, max-bytes "
		"none\n"
		"primary: to-guest allow, to-host deny, mime *, uri-list deny, max-bytes none\n"
		"drags: to-guest allow, to-host deny, mime *, uri-list allow, max-bytes 65536\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_but_lists_of_files_passes_by_default, set_up),
		cmocka_unit_test_setup(types_are_compared_without_case_and_parameters, set_up),
		cmocka_unit_test_setup(what_is_wrong_is_said, set_up),
		cmocka_unit_test_setup(chords_are_for_selections, set_up),
		cmocka_unit_test_setup(rules_are_printed, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
