/* host-bridge/keys/chords.c */
#include "host-bridge/keys/chords.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

#include "protocol/base/bytes.h"

static void chords_are_read(void **state)
{
	static const struct {
		const char *text;
		uint32_t modifiers, symbol;
	} cases[] = {
		{"Ctrl+Shift+C", CHORD_CTRL | CHORD_SHIFT, XKB_KEY_c},
		{"control+v", CHORD_CTRL, XKB_KEY_v},
		{"<Super>", CHORD_SUPER, 0},
		{"Super", CHORD_SUPER, 0},
		{" <Ctrl><alt> ", CHORD_CTRL | CHORD_ALT, 0},
		{"<Alt>Tab", CHORD_ALT, XKB_KEY_Tab},
		{"<Ctrl>Alt+delete", CHORD_CTRL | CHORD_ALT, XKB_KEY_Delete},
		{"F12", 0, XKB_KEY_F12},
		{"Ctrl+plus", CHORD_CTRL, XKB_KEY_plus},
		{"Ctrl++", CHORD_CTRL, XKB_KEY_plus},
		{"Logo+;", CHORD_SUPER, XKB_KEY_semicolon},
		{"Print", 0, XKB_KEY_Print},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct chords chords = {0};
		assert_null(chords_parse(&chords, cases[i].text));
		assert_int_equal(chords.n, 1);
		assert_int_equal(chords.list[0].modifiers, cases[i].modifiers);
		assert_int_equal(chords.list[0].symbol, cases[i].symbol);
	}
	struct chords chords = {0};
	assert_null(chords_parse(&chords, "<Super>, <Alt>Tab ,Ctrl+Alt+Delete"));
	assert_int_equal(chords.n, 3);
}

static void what_is_no_chord_is_refused(void **state)
{
	static const char *const wrong[] = {"Hyper+x", "<Super", "<>x", "Ctrl+", "Ctrl+Nothing",
		"a+b", "<Alt>Tab,,x", "<Tab>Alt",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char many[8 * CHORDS_MAX] = "";

	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		struct chords chords = {0};
		assert_non_null(chords_parse(&chords, wrong[i]));
	}
	for (int i = 0; i <= CHORDS_MAX; i++)
		strcat(many, "a,");
	struct chords chords = {0};
	assert_non_null(chords_parse(&chords, many));
	assert_int_equal(chords.n, CHORDS_MAX);
}

static bool matches(const char *text, struct key_press press)
{
	struct chords chords = {0};
	assert_null(chords_parse(&chords, text));
	return chords_match(&chords, &press);
}

static void modifiers_must_be_those_of_the_chord(void **state)
{
	struct key_press c = {.base = XKB_KEY_c, .shifted = XKB_KEY_c};

	assert_false(matches("Ctrl+Shift+C", c));
	c.held = CHORD_CTRL;
	assert_false(matches("Ctrl+Shift+C", c));
	assert_true(matches("Ctrl+C", c));
	c.held = CHORD_CTRL | CHORD_SHIFT;
	c.shifted = XKB_KEY_C;
	assert_true(matches("Ctrl+Shift+C", c));
	assert_false(matches("Ctrl+C", c));
	c.held |= CHORD_ALT;
	assert_false(matches("Ctrl+Shift+C", c));
}

static void modifiers_alone_are_their_keys_and_all_that_is_pressed_with_them(void **state)
{
	assert_true(matches("<Super>", (struct key_press){.own = CHORD_SUPER}));
	assert_true(matches("<Super>",
		(struct key_press){.held = CHORD_SUPER | CHORD_SHIFT, .base = XKB_KEY_a}));
	assert_false(matches("<Super>", (struct key_press){.own = CHORD_SHIFT}));
	assert_false(matches("<Ctrl><Alt>", (struct key_press){.own = CHORD_CTRL}));
	assert_true(
		matches("<Ctrl><Alt>", (struct key_press){.held = CHORD_CTRL, .own = CHORD_ALT}));
}

static void a_symbol_may_need_shift(void **state)
{
	struct key_press equal = {
		.held = CHORD_CTRL | CHORD_SHIFT, .base = XKB_KEY_equal, .shifted = XKB_KEY_plus};

	assert_true(matches("Ctrl+plus", equal));
	assert_true(matches("Ctrl+Shift+equal", equal));
	assert_false(matches("Ctrl+equal", equal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chords_are_read),
		cmocka_unit_test(what_is_no_chord_is_refused),
		cmocka_unit_test(modifiers_must_be_those_of_the_chord),
		cmocka_unit_test(modifiers_alone_are_their_keys_and_all_that_is_pressed_with_them),
		cmocka_unit_test(a_symbol_may_need_shift),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
