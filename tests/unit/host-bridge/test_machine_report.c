/* host-bridge/machine_report.c, and policy/base/windows.c */
#include "host-bridge/machine_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/control/control.h"
#include "host-bridge/policy/base/windows.h"
#include "host-bridge/policy/surfaces/policy_surface.h"

static struct policy policy;
static struct vm_quota quota;
static struct wl_list windows;
static struct policy_surface surfaces[2];
static struct machine_report report;
static char *text;

static int set_up(void **state)
{
	quota_init(&quota);
	wl_list_init(&windows);
	policy = (struct policy){.vm_name = "work", .quota = &quota, .windows = &windows};
	surfaces[0] = (struct policy_surface){.width = 640, .height = 480};
	surfaces[1] = (struct policy_surface){0};
	report = (struct machine_report){
		.policy = &policy, .pid = 7, .up_s = 3725, .compositor = ""};
	return 0;
}

static int tear_down(void **state)
{
	struct window *window, *next;

	wl_list_for_each_safe(window, next, &windows, link) window_destroy(window);
	free(text);
	text = NULL;
	return 0;
}

static const char *written(void (*write)(const struct machine_report *, bool, FILE *), bool json)
{
	size_t size;

	free(text);
	FILE *out = open_memstream(&text, &size);
	write(&report, json, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void a_machine_is_a_line(void **state)
{
	window_create(&windows, &surfaces[0], "context 3");
	window_create(&windows, &surfaces[1], "context 4"); /* not shown */
	assert_string_equal(written(machine_report_list, false),
		"work                        7        1  1 h 2 min    -\n");
	report.compositor = "/run/user/1000/wayland-0";
	report.in_context = true;
	report.up_s = 61;
	assert_string_equal(written(machine_report_list, true),
		"{\"name\": \"work\", \"pid\": 7, \"answers\": true, \"up-seconds\": 61, "
		"\"running\": "
		"false, \"compositor\": \"/run/user/1000/wayland-0\", \"security-context\": true, "
		"\"windows\": 1}\n");
	policy.vm_name = NULL;
	report.up_s = 2 * 86400 + 3600;
	assert_non_null(strstr(written(machine_report_list, false), "  2 d 1 h "));
	assert_int_equal(text[0], '-');
}

/* A machine without a name has titles as the guest gives them. */
static void texts_of_windows_move_nothing(void **state)
{
	struct window *window = window_create(&windows, &surfaces[0], "context 3");
	char longer[2 * WINDOW_TITLE_BYTES];

	window_set_title(window, "a\"b\\c\n.\n\x1b[2J\xe2\x80\xae\xff");
	window_set_app_id(window, "\x07");
	assert_string_equal(window->title, "a\"b\\c .  [2J  ");
	assert_string_equal(window->app_id, " ");
	assert_non_null(strstr(written(machine_report_show, true),
		"\"windows\": [{\"title\": \"a\\\"b\\\\c .  [2J  \", \"app-id\": \" \", "
		"\"connection\": "
		"\"context 3\", \"width\": 640, \"height\": 480}], \"windows-left-out\": 0"));
	assert_non_null(strstr(written(machine_report_show, false),
		"windows: 1 shown, 1 in all\n  640x480  a\"b\\c .  [2J    ( , context 3)\n"));
	/* Cut, and no character in two. */
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + WINDOW_TITLE_BYTES - 3, "\xe2\x82\xac", 3);
	longer[sizeof(longer) - 1] = 0;
	window_set_title(window, longer);
	assert_int_equal(strlen(window->title), WINDOW_TITLE_BYTES - 3);
	assert_int_equal(window->title[WINDOW_TITLE_BYTES - 4], 'x');
}

/* However many there are, and whatever they are called, the report is an answer. */
static void of_many_windows_some_are_left_out(void **state)
{
	char worst[2 * WINDOW_TITLE_BYTES];

	memset(worst, '"', sizeof(worst));
	worst[sizeof(worst) - 1] = 0;
	for (int i = 0; i < 20000; i++) {
		struct window *window = window_create(&windows, &surfaces[0], "context 3");
		assert_non_null(window);
		window_set_title(window, worst);
		window_set_app_id(window, worst);
	}
	assert_non_null(strstr(written(machine_report_show, true), "\"windows-left-out\": 19000,"));
	assert_in_range(strlen(text), 1000 * 2 * 300, CONTROL_ANSWER_BYTES / 2);
	assert_non_null(strstr(
		written(machine_report_show, false), "windows: 20000 shown, 20000 in all\n"));
	assert_non_null(strstr(text, ")\n  and 19000 more\n"));
	assert_in_range(strlen(text), 1000 * 300, CONTROL_ANSWER_BYTES / 2);
}

static void each_limit_is_shown(void **state)
{
	quota_charge(&quota, QUOTA_PIPES, 5);
	quota_release(&quota, QUOTA_PIPES, 2);
	assert_non_null(strstr(written(machine_report_show, true),
		"\"pipes\": {\"limit\": 512, \"use\": 3, \"peak\": 5}"));
	for (enum quota_limit i = 0; i < QUOTA_N_LIMITS; i++)
		assert_non_null(strstr(text, quota_name(i)));
	assert_non_null(strstr(written(machine_report_show, false),
		"  pipes                            3               5             512\n"));
	/* No line that would end an answer. */
	assert_null(strstr(text, "\n.\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_machine_is_a_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_of_windows_move_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_limit_is_shown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			of_many_windows_some_are_left_out, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
