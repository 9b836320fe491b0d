/* protocol/base/log.c */
#include "protocol/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LOG_MODULE "test"

static char captured[4096];

/* What @write_lines logs, with standard error turned into a pipe. */
static const char *capture(void (*write_lines)(void))
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	int saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	write_lines();
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t n = read(ends[0], captured, sizeof(captured) - 1);
	close(ends[0]);
	captured[n > 0 ? n : 0] = 0;
	return captured;
}

static void log_forged_line(void)
{
	log_warn("title %s", "a\n[error] forged\x1b[2J");
}

static void control_characters_cannot_forge_a_line(void **state)
{
	assert_string_equal(capture(log_forged_line), "[warn] test: title a?[error] forged?[2J\n");
}

static void log_flood(void)
{
	for (int i = 0; i < 100; i++)
		log_limited(LOG_LEVEL_WARN, "again");
}

static void a_flood_is_cut_to_ten_lines(void **state)
{
	size_t lines = 0;
	for (const char *p = capture(log_flood); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 10);
}

static void log_debug_line(void)
{
	errno = ENOENT;
	log_debug("not shown");
	log_err("shown");
	assert_int_equal(errno, ENOENT);
}

static void lines_above_the_level_are_dropped_and_errno_kept(void **state)
{
	assert_string_equal(capture(log_debug_line), "[error] test: shown\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_cannot_forge_a_line),
		cmocka_unit_test(a_flood_is_cut_to_ten_lines),
		cmocka_unit_test(lines_above_the_level_are_dropped_and_errno_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
