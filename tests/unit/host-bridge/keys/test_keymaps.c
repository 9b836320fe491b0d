/* host-bridge/keys/keymaps.c */
#include "host-bridge/keys/keymaps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <linux/input-event-codes.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "tests/unit/keymap_text.h"

#define SHIFT 1u /* XKB's masks of the modifiers that have names in all keymaps */
#define CAPS 2u
#define CTRL 4u
#define NUM 16u
#define LOGO 64u

static struct keymaps *keymaps;

static int set_up(void **state)
{
	keymaps = keymaps_create();
	return keymaps ? 0 : -1;
}

static int tear_down(void **state)
{
	keymaps_destroy(keymaps);
	return 0;
}

static struct keymap *get(const char *layouts)
{
	uint32_t bytes;
	int fd = keymap_file(layouts, &bytes);

	assert_true(fd >= 0);
	struct keymap *keymap = keymaps_get(keymaps, fd, bytes);
	close(fd);
	return keymap;
}

/* Whether @text is what is pressed with @key. */
static bool is(const char *layouts, const char *text, uint32_t mask, uint32_t group, uint32_t key)
{
	struct chords chords = {0};
	struct keymap *keymap = get(layouts);

	assert_non_null(keymap);
	assert_null(chords_parse(&chords, text));
	struct key_press press =
		keymap_press(keymap, &(struct key_modifiers){mask, 0, 0, group}, key);
	keymap_unref(keymap);
	return chords_match(&chords, &press);
}

static void keys_are_those_of_the_layout(void **state)
{
	assert_true(is("us", "Ctrl+Shift+C", CTRL | SHIFT, 0, KEY_C));
	assert_false(is("us", "Ctrl+Shift+C", CTRL | SHIFT, 0, KEY_V));
	assert_true(is("de", "Ctrl+Shift+Z", CTRL | SHIFT, 0, KEY_Y));
	assert_false(is("de", "Ctrl+Shift+Z", CTRL | SHIFT, 0, KEY_Z));
	assert_true(is("fr", "Ctrl+Shift+A", CTRL | SHIFT, 0, KEY_Q));
	assert_false(is("fr", "Ctrl+Shift+Q", CTRL | SHIFT, 0, KEY_Q));
	assert_true(is("fr", "Super+1", LOGO | SHIFT, 0, KEY_1));
	assert_true(is("us", "Super", 0, 0, KEY_LEFTMETA));
	assert_true(is("de", "<Alt>Tab", 8, 0, KEY_TAB));
	/* Locks make no difference. */
	assert_true(is("us", "Ctrl+Shift+C", CTRL | SHIFT | CAPS | NUM, 0, KEY_C));
	assert_false(is("us", "Ctrl+Shift+C", CTRL, 0, KEY_C));
}

static void the_layout_in_use_counts(void **state)
{
	assert_true(is("us,de", "Ctrl+y", CTRL, 0, KEY_Y));
	assert_true(is("us,de", "Ctrl+z", CTRL, 1, KEY_Y));
	assert_true(is("us,fr", "Ctrl+q", CTRL, 1, KEY_A));
	assert_false(is("us,fr", "Ctrl+a", CTRL, 1, KEY_A));
}

static void other_scripts_have_the_first_latin_layouts_keys(void **state)
{
	assert_true(is("us,ru", "Ctrl+Shift+C", CTRL | SHIFT, 1, KEY_C));
	assert_true(is("ru,fr", "Ctrl+q", CTRL, 0, KEY_A));
	assert_true(is("ru,us,fr", "Ctrl+a", CTRL, 0, KEY_A));
	assert_true(is("us,gr", "Ctrl+Shift+V", CTRL | SHIFT, 1, KEY_V));
	/* Without one they are those of the places where the United States have them. */
	assert_true(is("ru", "Ctrl+Shift+C", CTRL | SHIFT, 0, KEY_C));
	assert_true(is("ru", "Ctrl+Shift+V", CTRL | SHIFT, 0, KEY_V));
	assert_true(is("ru", "Ctrl+;", CTRL, 0, KEY_SEMICOLON));
	assert_true(is("ge", "Ctrl+m", CTRL, 0, KEY_M)); /* keysyms of Unicode */
	assert_false(is("ru", "Ctrl+Shift+C", CTRL | SHIFT, 0, KEY_V));
	/* A German's oe is no semicolon of the layout before it. */
	assert_false(is("us,de", "Ctrl+;", CTRL, 1, KEY_SEMICOLON));
}

static void keymaps_are_kept(void **state)
{
	struct keymap *first = get("us"), *again = get("us"), *other = get("de");

	assert_ptr_equal(first, again);
	assert_ptr_not_equal(first, other);
	keymap_unref(again);
	keymap_unref(other);
	/* As many as fit; the others live as long as they are used. */
	static const char *const more[] = {"fr", "ru", "gr", "pl", "es"};
	for (size_t i = 0; i < ARRAY_LENGTH(more); i++)
		keymap_unref(get(more[i]));
	struct key_press press = keymap_press(first, &(struct key_modifiers){0}, KEY_C);
	assert_int_equal(press.base, XKB_KEY_c);
	keymap_unref(first);
}

static void what_is_no_keymap_is_none(void **state)
{
	static const char text[] = "xkb_keymap { include \"us\" };";
	int fd = fd_memfd_constant("keymap", text, sizeof(text));

	assert_null(keymaps_get(keymaps, fd, sizeof(text)));
	assert_null(keymaps_get(keymaps, fd, sizeof(text) + 1)); /* the file ends before */
	assert_null(keymaps_get(keymaps, fd, 0));
	assert_null(keymaps_get(keymaps, fd, UINT32_MAX));
	assert_null(keymaps_get(keymaps, -1, 10));
	close(fd);
}

static void keys_that_no_keymap_has_are_none(void **state)
{
	struct keymap *keymap = get("us");

	for (uint32_t key = 0; key < 1000; key++)
		keymap_press(keymap, &(struct key_modifiers){UINT32_MAX, 0, 0, 77}, key);
	struct key_press press = keymap_press(keymap, &(struct key_modifiers){0}, UINT32_MAX);
	assert_int_equal(press.base, 0);
	keymap_unref(keymap);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(keys_are_those_of_the_layout),
		TEST(the_layout_in_use_counts),
		TEST(other_scripts_have_the_first_latin_layouts_keys),
		TEST(keymaps_are_kept),
		TEST(what_is_no_keymap_is_none),
		TEST(keys_that_no_keymap_has_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
