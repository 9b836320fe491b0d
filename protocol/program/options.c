/* Command lines: one table of options for --help, environment variables and parsing. */
#include "protocol/program/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define LOG_MODULE "options"
#include "protocol/base/log.h"

#define HELP_COLUMNS 80
#define NAME_MAX_BYTES 64
#define FLAG_WORDS "1, yes, true, 0, no or false" /* see parse_flag */

static bool usage_error(const struct options_program *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Always false, for "return usage_error(...)". */
static bool usage_error(const struct options_program *program, const char *format, ...)
{
	va_list args;
	fprintf(stderr, "%s: ", program->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry '%s --help'.\n", program->name);
	return false;
}

/*
 * The names of an option's environment variables: the program's own (@which 0), and the common one
 * (1). False: there is none of that number.
 */
static bool environment_name(const struct options_program *program,
	const struct option_description *option, unsigned which, char out[NAME_MAX_BYTES])
{
	if (which > (option->common ? 1 : 0) || option->of_command)
		return false;
	int prefix = (int)(which == 0 ? strlen(program->name) : strcspn(program->name, "-"));
	snprintf(out, NAME_MAX_BYTES, "%.*s-%s", prefix, program->name, option->name);
	for (char *p = out; *p; p++)
		*p = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
	return true;
}

/* The value of an option's first variable that is set, and its name; NULL: none is. */
static const char *environment_value(const struct options_program *program,
	const struct option_description *option, char name[NAME_MAX_BYTES])
{
	for (unsigned i = 0; environment_name(program, option, i, name); i++) {
		const char *text = getenv(name);
		if (text && text[0])
			return text;
	}
	return NULL;
}

static bool parse_flag(const char *text, bool *flag)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{"1", true},
		{"yes", true},
		{"true", true},
		{"0", false},
		{"no", false},
		{"false", false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		if (strcmp(text, words[i].text) == 0) {
			*flag = words[i].value;
			return true;
		}
	}
	return false;
}

static bool read_environment(const struct options_program *program)
{
	for (const struct option_description *option = program->options; option->name; option++) {
		char name[NAME_MAX_BYTES];
		const char *text = environment_value(program, option, name);
		if (!text)
			continue;
		if (option->argument) {
			*option->value = text;
		} else if (!parse_flag(text, option->flag)) {
			return usage_error(
				program, "$%s is '%s', but may only be " FLAG_WORDS, name, text);
		}
	}
	return true;
}

/*
 * Prints @text in lines of at most HELP_COLUMNS columns, each behind @indent spaces. A '\n' in it
 * ends a line. Words are never cut.
 */
static void print_wrapped(const char *text, int indent)
{
	while (*text) {
		int column = indent;
		if (*text != '\n')
			printf("%*s", indent, "");
		while (*text && *text != '\n') {
			int spaces = column > indent ? 1 : 0;
			int word = (int)strcspn(text, " \n");
			if (spaces > 0 && column + spaces + word > HELP_COLUMNS)
				break;
			printf("%*s%.*s", spaces, "", word, text);
			column += spaces + word;
			text += word;
			text += strspn(text, " ");
		}
		if (*text == '\n')
			text++;
		putchar('\n');
	}
}

static void print_help(const struct options_program *program)
{
	printf("Usage: %s %s\n\n", program->name, program->usage);
	print_wrapped(program->summary, 0);
	if (program->commands)
		printf("\nCommands:\n");
	for (const struct options_command *command = program->commands; command && command->name;
		command++) {
		printf("  %s%s%s\n", command->name, command->argument ? " " : "",
			command->argument ? command->argument : "");
		print_wrapped(command->help, 8);
	}
	printf("\nOptions:\n");
	for (const struct option_description *option = program->options; option->name; option++) {
		char name[NAME_MAX_BYTES];
		printf("  --%s%s%s\n", option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");
		print_wrapped(option->help, 8);
		for (unsigned i = 0; environment_name(program, option, i, name); i++)
			printf("%s$%s", i > 0 ? ", else " : "        [", name);
		if (!option->of_command)
			printf("]\n");
	}
	printf("  --help\n");
	print_wrapped("Prints this text.", 8);
	printf("  --version\n");
	print_wrapped("Prints the version.", 8);
	printf("\n");
	print_wrapped("Values may also be given as --name=VALUE. A variable in brackets sets the "
		      "same as its option, unless it is empty; the option wins. Flags are set by "
		      "1, yes or true there and cleared by 0, no or false; on the command line "
		      "--name=no clears one that a variable or a file has set.",
		0);
}

static const struct option_description *find_option(
	const struct options_program *program, const char *name, size_t length)
{
	for (const struct option_description *option = program->options; option->name; option++) {
		if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
			return option;
	}
	return NULL;
}

/* One option at argv[*index]; *index then is behind it and its value. */
static bool parse_option(const struct options_program *program, int argc, char **argv, int *index)
{
	const char *argument = argv[(*index)++];
	if (argument[1] != '-')
		return usage_error(program, "unknown option '%s'", argument);
	const char *name = argument + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	const struct option_description *option = find_option(program, name, length);

	if (!option)
		return usage_error(
			program, "unknown option '--%.*s'", (int)min_u64(length, INT_MAX), name);
	if (!option->argument) {
		*option->flag = true;
		return !value || parse_flag(value, option->flag) ||
			usage_error(
				program, "--%s=%s may only be " FLAG_WORDS, option->name, value);
	}
	/*
	 * What looks like an option is most likely one, and the value was forgotten; a value that
	 * begins with "--" can be given with "=".
	 */
	if (!value && *index < argc && strncmp(argv[*index], "--", 2) != 0)
		value = argv[(*index)++];
	if (!value)
		return usage_error(
			program, "--%s needs a value (%s)", option->name, option->argument);
	*option->value = value;
	return true;
}

/* Whether @word, which is no option, is a command or the argument of the one before it. */
static bool take_word(const struct options_program *program, const char *word)
{
	const struct options_command *command = program->commands;

	if (command && *program->command) {
		if (!(*program->command)->argument || *program->command_argument)
			return false;
		*program->command_argument = word;
		return true;
	}
	while (command && command->name && strcmp(word, command->name) != 0)
		command++;
	if (!command || !command->name)
		return false;
	*program->command = command;
	return true;
}

static bool command_complete(const struct options_program *program)
{
	const struct options_command *command = program->commands ? *program->command : NULL;

	return !command || !command->argument || *program->command_argument ||
		usage_error(program, "%s needs a word behind it (%s)", command->name,
			command->argument);
}

const char *options_set(const struct options_program *program, const char *name, const char *value)
{
	const struct option_description *option = find_option(program, name, strlen(name));

	if (!option || option->of_command)
		return "there is no such option";
	if (!option->argument)
		return parse_flag(value, option->flag) ? NULL : "may only be " FLAG_WORDS;
	if (!value[0])
		return "the value is missing";
	*option->value = value;
	return NULL;
}

static enum options_result parse_environment_and_arguments(
	const struct options_program *program, int argc, char **argv, int *first)
{
	int i = 1;

	if (!read_environment(program))
		return OPTIONS_USAGE;
	if (program->commands) {
		*program->command = NULL;
		*program->command_argument = NULL;
	}
	while (i < argc) {
		if (argv[i][0] != '-' || !argv[i][1]) {
			if (!take_word(program, argv[i]))
				break;
			i++;
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--help") == 0) {
			print_help(program);
			return OPTIONS_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("%s %s\n", program->name, WAYFERRY_VERSION);
			return OPTIONS_DONE;
		}
		if (!parse_option(program, argc, argv, &i))
			return OPTIONS_USAGE;
	}
	*first = i;
	return command_complete(program) ? OPTIONS_RUN : OPTIONS_USAGE;
}

enum options_result options_parse(
	const struct options_program *program, int argc, char **argv, int *first)
{
	enum options_result result = parse_environment_and_arguments(program, argc, argv, first);

	if (result != OPTIONS_RUN || !program->read_file)
		return result;
	if (!program->read_file(program, program->file_data))
		return OPTIONS_USAGE;
	/* Again, since they take precedence over the file. */
	return parse_environment_and_arguments(program, argc, argv, first);
}

int options_list_has(const char *list, const char *const *words, const char *word)
{
	int found = 0;

	while (list && *list) {
		size_t length = strcspn(list, ",");
		const char *const *known = words;
		while (*known && (strlen(*known) != length || memcmp(*known, list, length) != 0))
			known++;
		if (length > 0 && !*known)
			return -EINVAL;
		found |= length > 0 && strcmp(*known, word) == 0;
		list += length;
		list += strspn(list, ",");
	}
	return found;
}

bool options_apply_logging(const char *log_level, const char *trace, const char *side, bool *traces)
{
	static const char *const sides[] = {"guest", "host", "x11", NULL};
	enum log_level level = LOG_LEVEL_INFO;
	int has_side = options_list_has(trace, sides, side);

	if (log_level && !log_level_from_name(log_level, &level)) {
		log_err("--log-level must be error, warn, info, debug or trace, not %s", log_level);
		return false;
	}
	if (has_side < 0) {
		log_err("--trace may have guest, host and x11 in it, not %s", trace);
		return false;
	}
	log_set_level(level);
	*traces = has_side > 0;
	return true;
}

bool options_take_command(int argc, char **argv, int first, char ***command)
{
	*command = first < argc ? &argv[first] : NULL;
	if (!*command || strcmp(argv[first - 1], "--") == 0)
		return true;
	log_err("unknown argument %s (a command comes after --; see --help)", argv[first]);
	return false;
}

bool options_parse_bytes(const char *text, unsigned long long *bytes)
{
	static const char suffixes[] = "KMGT";
	unsigned long long value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (value > (ULLONG_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (p == text)
		return false;
	if (*p) {
		const char *suffix = strchr(suffixes, toupper((unsigned char)*p));
		unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
		if (!suffix || p[1] || value > ULLONG_MAX >> shift)
			return false;
		value <<= shift;
	}
	*bytes = value;
	return true;
}
