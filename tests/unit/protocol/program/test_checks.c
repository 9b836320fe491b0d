/* protocol/program/checks.c and registry_probe.c: reports, other programs, and what compositors say
 */
#include "protocol/program/checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/wire/registry_probe.h"
#include "tests/unit/fd_count.h"

static int capture(const char *script, int timeout_ms, char *output, size_t size)
{
	char *argv[] = {"sh", "-c", (char *)script, NULL};
	return checks_capture(argv, timeout_ms, output, size);
}

static void other_programs_are_heard_and_bounded(void **state)
{
	char output[16];
	char *none[] = {"wayferry-no-such-program", NULL};
	int fds = fd_count();

	assert_int_equal(capture("echo one; echo two >&2", 5000, output, sizeof(output)), 0);
	assert_string_equal(output, "one\n");
	assert_int_equal(capture("echo x; exit 3", 5000, output, sizeof(output)), 3);
	assert_int_equal(capture("yes | head -c 100000", 5000, output, sizeof(output)), 0);
	assert_string_equal(output, "y\ny\ny\ny\ny\ny\ny\ny");
	assert_int_equal(capture("exec sleep 60", 200, output, sizeof(output)), -ETIMEDOUT);
	assert_int_equal(capture("kill -9 $$", 5000, output, sizeof(output)), -EIO);
	assert_int_equal(checks_capture(none, 5000, output, sizeof(output)), -ENOENT);
	assert_string_equal(output, "");
	assert_int_equal(fd_count(), fds);
}

static enum check_result give(void *world, struct finding *finding, int argument)
{
	if (argument == CHECK_OK)
		return finding_ok(finding, "%s", (char *)world);
	if (argument == CHECK_SKIPPED)
		return finding_skip(finding, "later");
	finding_found(finding, "found %d", argument);
	return finding_remedy(finding, (enum check_result)argument, "do %d", argument);
}

static void a_report_has_a_line_for_each_check_and_one_for_what_to_do(void **state)
{
	static const struct check checks[] = {
		{"good", give, CHECK_OK},
		{"other", give, CHECK_SKIPPED},
		{"middling", give, CHECK_WARNING},
		{"bad", give, CHECK_FAILED},
	};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(checks_run(checks, ARRAY_LENGTH(checks), "fine", out), 1);
	fclose(out);
	assert_string_equal(text,
		"ok       good             fine\n"
		"skipped  other            later\n"
		"warning  middling         found 2\n"
		"                          -> do 2\n"
		"FAILED   bad              found 3\n"
		"                          -> do 3\n");
	free(text);
}

static void directories_of_others_have_faults(void **state)
{
	char path[] = "/tmp/wayferry-checks-XXXXXX";

	assert_non_null(mkdtemp(path));
	assert_null(checks_directory_fault(path));
	chmod(path, 0770);
	assert_string_equal(checks_directory_fault(path), "others can write to it");
	rmdir(path);
	assert_string_equal(checks_directory_fault(path), "No such file or directory");
	assert_string_equal(checks_directory_fault("tmp"), "it is no absolute path");
	assert_string_equal(checks_directory_fault("/dev/null"), "it is no directory");
}

/* Globals: two of them, as a compositor says it. */
static const uint32_t conversation[] = {
	2, 28u << 16 | 0, 1, 7, 0x735f6c77, 0x006d68, 1,   /* global 1, "wl_shm", version 1 */
	2, 28u << 16 | 0, 2, 8, 0x735f6c77, 0x00746165, 7, /* global 2, "wl_seat", version 7 */
	1, 12u << 16 | 1, 3,                               /* delete_id */
	3, 12u << 16 | 0, 99,                              /* done */
};

static char heard[64];

static void handle_global(void *data, const char *interface, uint32_t version)
{
	size_t length = strlen(heard);
	snprintf(heard + length, sizeof(heard) - length, "%s %u,", interface, version);
}

static void globals_are_heard_however_the_bytes_are_cut(void **state)
{
	for (size_t cut = 1; cut <= sizeof(conversation); cut++) {
		struct registry_probe probe = {.global = handle_global};
		const uint8_t *bytes = (const uint8_t *)conversation;
		heard[0] = 0;
		for (size_t at = 0; at < sizeof(conversation); at += cut)
			registry_probe_feed(
				&probe, bytes + at, min_u64(cut, sizeof(conversation) - at));
		assert_true(probe.done);
		assert_string_equal(heard, "wl_shm 1,wl_seat 7,");
	}
}

static void malformed_events_are_errors(void **state)
{
	static const uint32_t cases[][8] = {
		{2, 7u << 16, 0},                 /* shorter than a header */
		{2, 5000u << 16, 0},              /* longer than there is room */
		{2, 12u << 16, 1},                /* no string at all */
		{2, 20u << 16, 1, 0xffffffff, 1}, /* longer than the message */
		{2, 20u << 16, 1, 0xfffffffd, 1}, /* wraps when rounded up */
		{2, 20u << 16, 1, 4, 0x64636261}, /* no end */
		{2, 20u << 16, 1, 4, 0x00636261}, /* no version */
		{2, 16u << 16, 1, 0},             /* null */
		{1, 32u << 16, 1, 3, 9, 0x61207369, 0x7473206e, 0x00}, /* wl_display.error */
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct registry_probe probe = {.global = handle_global};
		heard[0] = 0;
		assert_false(registry_probe_feed(&probe, (const uint8_t *)cases[i], 32));
		assert_true(probe.error[0] != 0);
		assert_false(probe.done);
		assert_string_equal(heard, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_programs_are_heard_and_bounded),
		cmocka_unit_test(a_report_has_a_line_for_each_check_and_one_for_what_to_do),
		cmocka_unit_test(directories_of_others_have_faults),
		cmocka_unit_test(globals_are_heard_however_the_bytes_are_cut),
		cmocka_unit_test(malformed_events_are_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
