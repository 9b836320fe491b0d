/* protocol/program/options.c */
#include "protocol/program/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/log.h"

static const char *socket_path, *level;
static bool stats;

static const struct option_description table[] = {
	{"socket-path", "PATH", "Where to listen.", .value = &socket_path},
	{"log-level", "LEVEL",
		"How much to say: a text that is long enough to be wrapped, since it goes on and "
		"on past the eightieth column.\nA second paragraph.",
		.value = &level, .common = true},
	{"stats", NULL, "Prints counters.", .flag = &stats, .common = true},
	{0},
};
static const struct options_program program = {
	.name = "ferry-test", .usage = "[OPTION...]", .summary = "A summary.", .options = table};

/* A file that says what the tests want, as "name", "value" pairs that end with NULL. */
static const char *const *file_says;
static const char *file_saw_path;

static bool read_file(const struct options_program *of, void *data)
{
	const char *why = NULL;

	file_saw_path = socket_path;
	for (const char *const *says = file_says; says && *says && !why; says += 2) {
		why = options_set(of, says[0], says[1]);
		if (why)
			fprintf(stderr, "%s: %s", says[0], why);
	}
	return !why;
}

static const struct options_program with_file = {.name = "ferry-test",
	.usage = "[OPTION...]",
	.summary = "A summary.",
	.options = table,
	.read_file = read_file};
static const struct options_command *command;
static const char *command_argument;
static const struct options_command commands[] = {
	{"look", NULL, "Looks.", NULL}, {"swap", "NAME", "Swaps NAME.", NULL}, {0}};
static const struct options_program with_commands = {.name = "ferry-test",
	.usage = "[OPTION...]",
	.summary = "A summary.",
	.options = table,
	.commands = commands,
	.command = &command,
	.command_argument = &command_argument};
static const struct options_program *parsed = &program;

static char captured[8192];
static int first;

/* Parses the arguments up to NULL with @stream's fd (1 or 2) captured. */
static enum options_result parse(int captured_fd, ...)
{
	char *argv[16] = {"ferry-test"};
	int argc = 1, ends[2];
	va_list args;
	va_start(args, captured_fd);
	while ((argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);

	socket_path = level = NULL;
	stats = false;
	first = -1;
	assert_int_equal(pipe(ends), 0);
	int saved = dup(captured_fd);
	fflush(stdout);
	dup2(ends[1], captured_fd);
	close(ends[1]);
	enum options_result result = options_parse(parsed, argc, argv, &first);
	fflush(stdout);
	dup2(saved, captured_fd);
	close(saved);
	ssize_t n = read(ends[0], captured, sizeof(captured) - 1);
	close(ends[0]);
	captured[n > 0 ? n : 0] = 0;
	return result;
}

static int clear_environment(void **state)
{
	static const char *const names[] = {"FERRY_TEST_SOCKET_PATH", "FERRY_TEST_LOG_LEVEL",
		"FERRY_TEST_STATS", "FERRY_SOCKET_PATH", "FERRY_LOG_LEVEL", "FERRY_STATS",
		"FERRY_OTHER_SOCKET_PATH", "FERRY_OTHER_LOG_LEVEL"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	parsed = &program;
	file_says = NULL;
	return 0;
}

static void both_forms_of_values_and_flags_are_read(void **state)
{
	assert_int_equal(
		parse(2, "--socket-path", "/a", "--log-level=b=c", "--stats", NULL), OPTIONS_RUN);
	assert_string_equal(socket_path, "/a");
	assert_string_equal(level, "b=c");
	assert_true(stats);
	assert_int_equal(first, 5);
	assert_string_equal(captured, "");
}

static void nothing_given_leaves_everything_as_it_was(void **state)
{
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_null(socket_path);
	assert_false(stats);
	assert_int_equal(first, 1);
}

static void two_dashes_end_the_options(void **state)
{
	assert_int_equal(parse(2, "--stats", "--", "--socket-path", "x", NULL), OPTIONS_RUN);
	assert_null(socket_path);
	assert_int_equal(first, 3);
}

static void the_first_other_argument_ends_the_options(void **state)
{
	assert_int_equal(parse(2, "--stats", "doctor", "--socket-path", NULL), OPTIONS_RUN);
	assert_int_equal(first, 2);
	assert_int_equal(parse(2, "-", NULL), OPTIONS_RUN);
	assert_int_equal(first, 1);
}

static void unknown_options_are_named_and_point_at_help(void **state)
{
	assert_int_equal(parse(2, "--sockets", "x", NULL), OPTIONS_USAGE);
	assert_string_equal(
		captured, "ferry-test: unknown option '--sockets'\nTry 'ferry-test --help'.\n");
	assert_int_equal(parse(2, "--sock=x", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "unknown option '--sock'"));
	assert_int_equal(parse(2, "-s", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "unknown option '-s'"));
	assert_int_equal(parse(2, "--=x", NULL), OPTIONS_USAGE);
}

static void a_missing_value_is_an_error(void **state)
{
	assert_int_equal(parse(2, "--socket-path", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "--socket-path needs a value (PATH)"));
	assert_int_equal(parse(2, "--socket-path", "--stats", NULL), OPTIONS_USAGE);
	assert_int_equal(parse(2, "--socket-path", "--", NULL), OPTIONS_USAGE);
	assert_int_equal(parse(2, "--socket-path=--stats", NULL), OPTIONS_RUN);
	assert_string_equal(socket_path, "--stats");
}

static void a_flag_that_a_file_has_set_is_cleared_by_its_option(void **state)
{
	static const char *const says[] = {"stats", "yes", NULL};

	assert_int_equal(parse(2, "--stats=yes", NULL), OPTIONS_RUN);
	assert_true(stats);
	assert_int_equal(parse(2, "--stats", "--stats=0", NULL), OPTIONS_RUN);
	assert_false(stats);
	assert_int_equal(parse(2, "--stats=maybe", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "--stats=maybe may only be"));
	file_says = says;
	parsed = &with_file;
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_true(stats);
	assert_int_equal(parse(2, "--stats=no", NULL), OPTIONS_RUN);
	assert_false(stats);
	parsed = &program;
	file_says = NULL;
}

static void the_environment_sets_what_the_command_line_does_not(void **state)
{
	setenv("FERRY_TEST_SOCKET_PATH", "/env", 1);
	setenv("FERRY_TEST_LOG_LEVEL", "debug", 1);
	setenv("FERRY_TEST_STATS", "yes", 1);
	assert_int_equal(parse(2, "--log-level", "warn", NULL), OPTIONS_RUN);
	assert_string_equal(socket_path, "/env");
	assert_string_equal(level, "warn");
	assert_true(stats);

	setenv("FERRY_TEST_SOCKET_PATH", "", 1);
	setenv("FERRY_TEST_STATS", "0", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_null(socket_path);
	assert_false(stats);
}

static void only_common_options_have_a_common_variable(void **state)
{
	setenv("FERRY_SOCKET_PATH", "/of/another/program", 1);
	setenv("FERRY_OTHER_SOCKET_PATH", "/of/another/program", 1);
	setenv("FERRY_OTHER_LOG_LEVEL", "debug", 1);
	setenv("FERRY_STATS", "1", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_null(socket_path);
	assert_null(level);
	assert_true(stats);
	setenv("FERRY_LOG_LEVEL", "trace", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_string_equal(level, "trace");
}

static void the_programs_own_variable_wins_over_the_common_one(void **state)
{
	setenv("FERRY_LOG_LEVEL", "trace", 1);
	setenv("FERRY_TEST_LOG_LEVEL", "warn", 1);
	setenv("FERRY_STATS", "1", 1);
	setenv("FERRY_TEST_STATS", "no", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_string_equal(level, "warn");
	assert_false(stats);
	/* Empty is not set. */
	setenv("FERRY_TEST_LOG_LEVEL", "", 1);
	setenv("FERRY_TEST_STATS", "", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_string_equal(level, "trace");
	assert_true(stats);
}

static void a_flag_of_the_environment_must_be_a_word_for_yes_or_no(void **state)
{
	setenv("FERRY_STATS", "maybe", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "$FERRY_STATS is 'maybe'"));
}

static void options_win_over_variables_and_variables_over_the_file(void **state)
{
	parsed = &with_file;
	file_says = (const char *const[]){
		"socket-path", "/file", "log-level", "file", "stats", "yes", NULL};
	setenv("FERRY_TEST_LOG_LEVEL", "variable", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_string_equal(socket_path, "/file");
	assert_string_equal(level, "variable");
	assert_true(stats);
	assert_int_equal(
		parse(2, "--log-level", "option", "--socket-path=/option", "x", NULL), OPTIONS_RUN);
	assert_string_equal(socket_path, "/option");
	assert_string_equal(level, "option");
	assert_int_equal(first, 4);
	setenv("FERRY_STATS", "no", 1);
	assert_int_equal(parse(2, NULL), OPTIONS_RUN);
	assert_false(stats);
	file_says = (const char *const[]){"stats", "no", NULL};
	assert_int_equal(parse(2, "--stats", NULL), OPTIONS_RUN);
	assert_true(stats);
}

static void the_file_is_found_by_means_of_the_command_line(void **state)
{
	parsed = &with_file;
	file_says = (const char *const[]){"socket-path", "/file", NULL};
	assert_int_equal(parse(2, "--socket-path", "/option", NULL), OPTIONS_RUN);
	assert_string_equal(file_saw_path, "/option");
	/* Help is told whatever the file says, and a wrong command line is what counts. */
	file_says = (const char *const[]){"nonsense", "", NULL};
	assert_int_equal(parse(1, "--help", NULL), OPTIONS_DONE);
	assert_int_equal(parse(2, "--wrong", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "unknown option '--wrong'"));
}

static void what_a_file_may_not_say_is_told(void **state)
{
	static const struct {
		const char *name, *value, *why;
	} cases[] = {{"sockets", "x", "no such option"}, {"help", "yes", "no such option"},
		{"stats", "maybe", "may only be 1, yes"}, {"stats", "", "may only be 1, yes"},
		{"socket-path", "", "value is missing"}};

	parsed = &with_file;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_says = (const char *const[]){cases[i].name, cases[i].value, NULL};
		assert_int_equal(parse(2, NULL), OPTIONS_USAGE);
		assert_non_null(strstr(captured, cases[i].why));
	}
}

static void help_tells_everything_within_eighty_columns(void **state)
{
	static const char *const expected[] = {"Usage: ferry-test [OPTION...]\n", "A summary.\n",
		"  --log-level LEVEL\n", "        A second paragraph.\n",
		"        [$FERRY_TEST_LOG_LEVEL, else $FERRY_LOG_LEVEL]\n",
		"        [$FERRY_TEST_SOCKET_PATH]\n", "  --stats\n", "  --version\n"};
	assert_int_equal(parse(1, "--stats", "--help", "--nonsense", NULL), OPTIONS_DONE);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_non_null(strstr(captured, expected[i]));
	for (char *line = strtok(captured, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 80);
}

static void version_prints_name_and_version(void **state)
{
	assert_int_equal(parse(1, "--version", NULL), OPTIONS_DONE);
	assert_string_equal(captured, "ferry-test " WAYFERRY_VERSION "\n");
}

static void a_command_stands_anywhere_among_the_options(void **state)
{
	parsed = &with_commands;
	assert_int_equal(parse(2, "--stats", NULL), OPTIONS_RUN);
	assert_null(command);
	assert_int_equal(parse(2, "look", "--stats", NULL), OPTIONS_RUN);
	assert_ptr_equal(command, &commands[0]);
	assert_true(stats);
	assert_int_equal(
		parse(2, "--log-level", "look", "swap", "--stats", "work", NULL), OPTIONS_RUN);
	assert_ptr_equal(command, &commands[1]);
	assert_string_equal(command_argument, "work");
	assert_string_equal(level, "look");
	assert_int_equal(first, 6);
}

static void what_is_no_command_is_left(void **state)
{
	parsed = &with_commands;
	assert_int_equal(parse(2, "look", "work", NULL), OPTIONS_RUN);
	assert_null(command_argument);
	assert_int_equal(first, 2);
	assert_int_equal(parse(2, "loo", NULL), OPTIONS_RUN);
	assert_null(command);
	assert_int_equal(first, 1);
	assert_int_equal(parse(2, "swap", "look", "look", NULL), OPTIONS_RUN);
	assert_string_equal(command_argument, "look");
	assert_int_equal(first, 3);
	assert_int_equal(parse(2, "--", "look", NULL), OPTIONS_RUN);
	assert_null(command);
}

static void a_command_that_lacks_its_word_says_so(void **state)
{
	parsed = &with_commands;
	assert_int_equal(parse(2, "swap", "--stats", NULL), OPTIONS_USAGE);
	assert_non_null(strstr(captured, "swap needs a word behind it (NAME)"));
	assert_int_equal(parse(1, "--help", NULL), OPTIONS_DONE);
	assert_non_null(strstr(captured, "  swap NAME\n        Swaps NAME.\n"));
}

static void lists_are_of_known_words(void **state)
{
	static const char *const words[] = {"guest", "host", NULL};
	static const struct {
		const char *list;
		int result;
	} cases[] = {{NULL, 0}, {"", 0}, {"guest", 0}, {"host", 1}, {"guest,host", 1},
		{"host,guest", 1}, {",,host,", 1}, {",", 0}, {"hosts", -EINVAL}, {"hos", -EINVAL},
		{"host,nobody", -EINVAL}, {"host guest", -EINVAL}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(options_list_has(cases[i].list, words, "host"), cases[i].result);
}

static void all_programs_know_all_sides_of_traces(void **state)
{
	bool traces = false;

	assert_true(options_apply_logging(NULL, "x11", "x11", &traces));
	assert_true(traces);
	assert_true(options_apply_logging(NULL, "x11,host", "guest", &traces));
	assert_false(traces);
	assert_false(options_apply_logging(NULL, "x12", "guest", &traces));
}

static void a_level_of_the_log_is_a_known_word(void **state)
{
	bool traces = true;

	assert_true(options_apply_logging("warn", NULL, "host", &traces));
	assert_false(traces);
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_false(options_apply_logging("loud", NULL, "host", &traces));
	assert_true(options_apply_logging(NULL, NULL, "host", &traces));
	assert_true(log_enabled(LOG_LEVEL_INFO));
}

static void a_command_comes_behind_two_dashes(void **state)
{
	char *argv[] = {"program", "--", "foot", NULL}, **found = argv;

	assert_true(options_take_command(3, argv, 2, &found));
	assert_ptr_equal(found, &argv[2]);
	assert_true(options_take_command(1, argv, 1, &found));
	assert_null(found);
	assert_false(options_take_command(3, argv, 1, &found));
}

static void bytes_are_parsed_with_suffixes(void **state)
{
	static const struct {
		const char *text;
		unsigned long long bytes;
	} good[] = {{"0", 0}, {"4096", 4096}, {"64M", 64ull << 20}, {"1G", 1ull << 30},
		{"2k", 2048}, {"3T", 3ull << 40}, {"18446744073709551615", ~0ull},
		{"16777215T", 16777215ull << 40}};
	static const char *const bad[] = {"", "K", "-1", "+1", " 1", "1 ", "1KB", "1X", "0x10",
		"18446744073709551616", "16777216T", "99999999999999999999G"};
	unsigned long long bytes = 1;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(options_parse_bytes(good[i].text, &bytes));
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bytes = 7;
		assert_false(options_parse_bytes(bad[i], &bytes));
		assert_true(bytes == 7);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_forms_of_values_and_flags_are_read),
		TEST(nothing_given_leaves_everything_as_it_was),
		TEST(two_dashes_end_the_options),
		TEST(the_first_other_argument_ends_the_options),
		TEST(unknown_options_are_named_and_point_at_help),
		TEST(a_missing_value_is_an_error),
		TEST(a_flag_that_a_file_has_set_is_cleared_by_its_option),
		TEST(the_environment_sets_what_the_command_line_does_not),
		TEST(only_common_options_have_a_common_variable),
		TEST(the_programs_own_variable_wins_over_the_common_one),
		TEST(a_flag_of_the_environment_must_be_a_word_for_yes_or_no),
		TEST(options_win_over_variables_and_variables_over_the_file),
		TEST(the_file_is_found_by_means_of_the_command_line),
		TEST(what_a_file_may_not_say_is_told),
		TEST(help_tells_everything_within_eighty_columns),
		TEST(version_prints_name_and_version),
		TEST(a_command_stands_anywhere_among_the_options),
		TEST(what_is_no_command_is_left),
		TEST(a_command_that_lacks_its_word_says_so),
		TEST(lists_are_of_known_words),
		TEST(all_programs_know_all_sides_of_traces),
		TEST(a_level_of_the_log_is_a_known_word),
		TEST(a_command_comes_behind_two_dashes),
		TEST(bytes_are_parsed_with_suffixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
