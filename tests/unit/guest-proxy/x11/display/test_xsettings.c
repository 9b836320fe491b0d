/* guest-proxy/x11/display/xsettings.c */
#include "guest-proxy/x11/display/xsettings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

static void assert_merged(const char *old, uint32_t scale, const char *expected)
{
	char *merged = xsettings_merge(old, strlen(old), scale, 96);
	assert_non_null(merged);
	assert_string_equal(merged, expected);
	free(merged);
}

static void resources_of_others_stay_and_ours_are_replaced(void **state)
{
	assert_merged("", SCALE_ONE, "Xft.dpi:\t96\nXcursor.size:\t24\n");
	assert_merged("*a: 1\nXft.dpi:\t96\nb.c: 2", SCALE_ONE * 2,
		"*a: 1\nb.c: 2\nXft.dpi:\t192\nXcursor.size:\t48\n");
	assert_merged("Xft.dpi:\n\n\nXcursor.size: 1\n", SCALE_ONE * 3 / 2,
		"Xft.dpi:\t144\nXcursor.size:\t36\n");
	assert_merged("Xft.dpi.more: 1\n", SCALE_ONE,
		"Xft.dpi.more: 1\nXft.dpi:\t96\nXcursor.size:\t24\n");
}

/* The value of an integer setting, by its name. */
static uint32_t setting(const uint8_t *bytes, size_t size, const char *name)
{
	size_t at = 12;
	for (uint32_t i = 0; i < load_u32(bytes + 8); i++) {
		size_t length = bytes[at + 2], padded = align_up(length, 4);
		assert_int_equal(bytes[at], 0);
		assert_true(at + 4 + padded + 8 <= size);
		if (length == strlen(name) && memcmp(bytes + at + 4, name, length) == 0)
			return load_u32(bytes + at + 4 + padded + 4);
		at += 4 + padded + 8;
	}
	fail_msg("no %s", name);
	return 0;
}

static void gtk_enlarges_by_whole_numbers_and_texts_by_the_rest(void **state)
{
	uint8_t bytes[XSETTINGS_BYTES];
	size_t size = xsettings_encode(7, SCALE_ONE * 2, 96, bytes);
	assert_int_equal(load_u32(bytes + 4), 7);
	assert_int_equal(setting(bytes, size, "Gdk/WindowScalingFactor"), 2);
	assert_int_equal(setting(bytes, size, "Gdk/UnscaledDPI"), 96 * 1024);
	assert_int_equal(setting(bytes, size, "Xft/DPI"), 192 * 1024);
	size = xsettings_encode(8, SCALE_ONE * 3 / 2, 96, bytes);
	assert_int_equal(setting(bytes, size, "Gdk/WindowScalingFactor"), 1);
	assert_int_equal(setting(bytes, size, "Gdk/UnscaledDPI"), 144 * 1024);
	assert_int_equal(setting(bytes, size, "Gtk/CursorThemeSize"), 36);
	size = xsettings_encode(9, SCALE_MAX, 2400, bytes);
	assert_true(size <= XSETTINGS_BYTES);
}

static void scales_lead_there_and_back(void **state)
{
	for (uint32_t scale = SCALE_ONE; scale <= SCALE_MAX; scale += 7) {
		for (int32_t logical = -3000; logical < 3000; logical += 13)
			assert_int_equal(
				scale_to_wayland(scale, scale_to_x(scale, logical)), logical);
	}
	assert_int_equal(scale_to_x(SCALE_ONE * 3 / 2, 853), 1280);
	assert_int_equal(scale_to_x(SCALE_ONE * 3 / 2, -1), -2);
	assert_int_equal(scale_to_wayland(SCALE_ONE * 2, INT32_MAX), 1073741824);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources_of_others_stay_and_ours_are_replaced),
		cmocka_unit_test(gtk_enlarges_by_whole_numbers_and_texts_by_the_rest),
		cmocka_unit_test(scales_lead_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
