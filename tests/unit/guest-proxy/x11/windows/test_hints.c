/* guest-proxy/x11/windows/hints.c */
#include "guest-proxy/x11/windows/hints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SOME_TYPE 31

static struct property text(const char *bytes, size_t n)
{
	return (struct property){.type = SOME_TYPE, .format = 8, .data = bytes, .bytes = n};
}

static struct property words(const uint32_t *data, size_t n)
{
	return (struct property){.type = SOME_TYPE, .format = 32, .data = data, .bytes = n * 4};
}

static const struct property none;

static void assert_text(char *actual, const char *expected)
{
	assert_non_null(actual);
	assert_string_equal(actual, expected);
	free(actual);
}

static void texts_become_utf8_without_control_characters(void **state)
{
	assert_text(text_from_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10), "aä€😀");
	assert_text(text_from_utf8("a\nb\x7f", 4), "a?b?");
	assert_text(text_from_utf8("a\0b", 3), "a");
	/* Cut short, overlong, a surrogate, past the end of Unicode, a lone continuation. */
	assert_text(text_from_utf8("\xe2\x82", 2), "??");
	assert_text(text_from_utf8("\xc0\x80", 2), "??");
	assert_text(text_from_utf8("\xed\xa0\x80", 3), "???");
	assert_text(text_from_utf8("\xf4\x90\x80\x80", 4), "????");
	assert_text(text_from_utf8("\x80z", 2), "?z");
	assert_text(text_from_latin1("\xe4\xff\n", 3), "äÿ?");
	assert_text(text_from_utf8("", 0), "");
}

static void texts_are_bounded_and_cut_between_characters(void **state)
{
	char bytes[4000];
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		memcpy(bytes + i, "\xc3\xa4", 2);
	char *utf8 = text_from_utf8(bytes, sizeof(bytes));
	assert_int_equal(strlen(utf8), HINTS_TEXT_BYTES - 2);
	free(utf8);
	memset(bytes, 0xff, sizeof(bytes));
	char *latin1 = text_from_latin1(bytes, sizeof(bytes));
	assert_true(strlen(latin1) < HINTS_TEXT_BYTES);
	free(latin1);
}

static void the_new_title_counts_before_the_old_one(void **state)
{
	struct hints hints = {0};
	struct property old = text("old", 3), new = text("new", 3);
	hints_read_title(&hints, &old, true);
	assert_string_equal(hints.title, "old");
	hints_read_net_title(&hints, &none);
	assert_string_equal(hints.title, "old");
	hints_read_net_title(&hints, &new);
	hints_read_title(&hints, &old, false);
	assert_string_equal(hints.title, "new");
	hints_read_net_title(&hints, &none);
	assert_null(hints.title);
	hints_finish(&hints);
}

static void the_application_is_the_class_or_else_the_instance(void **state)
{
	struct hints hints = {0};
	struct property both = text("xterm\0XTerm", 12), one = text("only", 4),
			unfinished = text("a\0bcd", 5), empty = text("\0\0", 2);
	hints_read_class(&hints, &both);
	assert_string_equal(hints.app_id, "XTerm");
	hints_read_class(&hints, &one);
	assert_string_equal(hints.app_id, "only");
	hints_read_class(&hints, &unfinished);
	assert_string_equal(hints.app_id, "bcd");
	hints_read_class(&hints, &empty);
	assert_null(hints.app_id);
	hints_read_class(&hints, &none);
	assert_null(hints.app_id);
	hints_finish(&hints);
}

static void sizes_are_read_only_where_the_flags_say_so(void **state)
{
	struct hints hints = {0};
	uint32_t data[18] = {1 << 4 | 1 << 6, 0, 0, 0, 0, 100, 50, 400, 300, 10, 20};
	struct property property = words(data, 18);
	hints_read_size(&hints, &property);
	assert_int_equal(hints.size.min_width, 100);
	assert_int_equal(hints.size.max_width, 0);
	assert_int_equal(hints.size.height_step, 20);
	assert_int_equal(hints.size.base_width, 100);
	data[0] |= 1 << 5 | 1 << 8;
	data[5] = 0x80000000; /* negative */
	data[7] = 0x7fffffff;
	property = words(data, 18);
	hints_read_size(&hints, &property);
	assert_int_equal(hints.size.min_width, 0);
	assert_int_equal(hints.size.max_width, 32767);
	assert_int_equal(hints.size.base_width, 0);
	/* A maximum below the minimum is none; what is too short has zeros. */
	data[5] = 100, data[7] = 10;
	hints_read_size(&hints, &property);
	assert_int_equal(hints.size.max_width, 0);
	property = words(data, 6);
	hints_read_size(&hints, &property);
	assert_int_equal(hints.size.min_width, 100);
	assert_int_equal(hints.size.min_height, 0);
}

static void a_size_fits_between_the_limits_in_whole_steps(void **state)
{
	const struct size_hints hints = {.min_width = 30,
		.max_width = 200,
		.base_width = 4,
		.width_step = 10,
		.min_height = 5};
	int32_t width = 99, height = 0;
	size_hints_fit(&hints, true, &width, &height);
	assert_int_equal(width, 94);
	assert_int_equal(height, 5);
	width = 99;
	size_hints_fit(&hints, false, &width, &height);
	assert_int_equal(width, 99);
	width = 1000;
	size_hints_fit(&hints, true, &width, &height);
	assert_int_equal(width, 194);
	width = 1;
	size_hints_fit(&hints, true, &width, &height);
	assert_int_equal(width, 30);
}

static void flags_of_wm_hints_and_motif(void **state)
{
	struct hints hints = {0};
	const uint32_t passive[] = {1, 0}, urgent[] = {1 | 1 << 8, 1}, bare[] = {2, 0, 0, 0, 0},
		       all[] = {2, 0, 1, 0, 0}, silent[] = {0, 0, 0, 0, 0},
		       untitled[] = {2, 0, 1 | 1 << 3, 0, 0},
		       unresizable[] = {2, 0, 1 | 1 << 2, 0, 0};
	struct property property = words(passive, 2);
	hints_read_wm_hints(&hints, &property);
	assert_true(hints.no_input);
	property = words(urgent, 2);
	hints_read_wm_hints(&hints, &property);
	assert_false(hints.no_input);
	assert_true(hints.urgent);
	hints_read_wm_hints(&hints, &none);
	assert_false(hints.no_input || hints.urgent);
	property = words(bare, 5);
	hints_read_motif(&hints, &property);
	assert_true(hints.undecorated);
	property = words(all, 5);
	hints_read_motif(&hints, &property);
	assert_false(hints.undecorated);
	property = words(untitled, 5);
	hints_read_motif(&hints, &property);
	assert_true(hints.undecorated);
	property = words(unresizable, 5);
	hints_read_motif(&hints, &property);
	assert_false(hints.undecorated);
	property = words(silent, 5);
	hints_read_motif(&hints, &property);
	assert_false(hints.undecorated);
}

static void atoms_are_bounded(void **state)
{
	uint32_t data[100];
	struct atom_list list = {0};
	for (uint32_t i = 0; i < 100; i++)
		data[i] = i + 1;
	struct property property = words(data, 100);
	hints_read_atoms(&list, &property);
	assert_int_equal(list.count, HINTS_ATOMS_MAX);
	assert_true(atom_list_has(&list, HINTS_ATOMS_MAX));
	assert_false(atom_list_has(&list, HINTS_ATOMS_MAX + 1));
	property.format = 8; /* not what it should be */
	hints_read_atoms(&list, &property);
	assert_int_equal(list.count, 0);
}

/* Two pictures, of which the larger is the better one up to 128 pixels; and what is none. */
static void the_best_icon_is_found_in_what_is_whole(void **state)
{
	static uint32_t data[2 + 256 * 256 + 2 + 4 + 2 + 6 + 2 + 1];
	struct icon_picture picture;
	uint32_t *next = data;
	next[0] = next[1] = 256;
	next += 2 + 256 * 256;
	next[0] = next[1] = 2;
	next[2] = 0x80ff4000;
	next += 2 + 4;
	next[0] = 3, next[1] = 2; /* not square */
	next += 2 + 6;
	next[0] = next[1] = 1;
	struct property property = words(data, 2 + 256 * 256);
	assert_true(hints_find_icon(&picture, &property));
	assert_int_equal(picture.size, 256);
	property = words(data, sizeof(data) / 4);
	assert_true(hints_find_icon(&picture, &property));
	assert_int_equal(picture.size, 2);
	assert_int_equal(icon_picture_pixel(&picture, 0), 0x80802000);
	assert_int_equal(icon_picture_pixel(&picture, 1), 0);
	/* Too large, cut short, and sizes of which the product wraps. */
	data[0] = data[1] = 257;
	property = words(data, 2 + 256 * 256);
	assert_false(hints_find_icon(&picture, &property));
	data[0] = data[1] = 256;
	property = words(data, 2 + 256 * 256 - 1);
	assert_false(hints_find_icon(&picture, &property));
	data[0] = data[1] = 0x10000;
	property = words(data, sizeof(data) / 4);
	assert_false(hints_find_icon(&picture, &property));
	data[0] = data[1] = 0;
	property = words(data, 2);
	assert_false(hints_find_icon(&picture, &property));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_become_utf8_without_control_characters),
		cmocka_unit_test(texts_are_bounded_and_cut_between_characters),
		cmocka_unit_test(the_new_title_counts_before_the_old_one),
		cmocka_unit_test(the_application_is_the_class_or_else_the_instance),
		cmocka_unit_test(sizes_are_read_only_where_the_flags_say_so),
		cmocka_unit_test(a_size_fits_between_the_limits_in_whole_steps),
		cmocka_unit_test(flags_of_wm_hints_and_motif),
		cmocka_unit_test(atoms_are_bounded),
		cmocka_unit_test(the_best_icon_is_found_in_what_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
