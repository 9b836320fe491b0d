/* Command lines: one table of options for --help, environment variables and parsing. */
#ifndef PROTOCOL_PROGRAM_OPTIONS_H
#define PROTOCOL_PROGRAM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct option_description {
	const char *name;     /* "log-level": --log-level VALUE, and variables, see below */
	const char *argument; /* "LEVEL" for --help; NULL: a flag (environment: 1, yes, true or
				 0, no, false) */
	const char *help;     /* one or more lines' worth of text, wrapped by options_print_help */
	/* Where it goes: char const * (argument) or bool (flag). */
	const char **value;
	bool *flag;
	bool common;     /* means the same in every program of ours */
	bool of_command; /* of a command alone, so that it has no place in files and variables */
	bool at_start;   /* holds as it was when the program started: a file that is read again does
			    not change it */
};

/* A word on the command line that has the program do something else than usual. */
struct options_command {
	const char *name;
	const char *argument; /* "NAME": a word that must follow it; NULL: none */
	const char *help;
	int (*run)(void *data); /* the program's own; returns its exit status */
};

/*
 * Variables are named after the program and the option: $WAYFERRY_GUEST_LOG_LEVEL is --log-level of
 * wayferry-guest. An option that is common to all programs has one without the program, too:
 * $WAYFERRY_LOG_LEVEL, which counts where the other one is not set.
 */
struct options_program {
	const char *name;                         /* "wayferry-guest" */
	const char *usage;                        /* "[OPTION...] [-- COMMAND [ARGUMENT...]]" */
	const char *summary;                      /* a paragraph */
	const struct option_description *options; /* ends with {0} */
	/*
	 * One of these may stand before, between or behind the options, and its argument behind it.
	 * Ends with {0}; NULL: the program has none, and the pointers below are not used.
	 */
	const struct options_command *commands;
	const struct options_command **command; /* gets the one that was given, else NULL */
	const char **command_argument;          /* likewise */
	/*
	 * A file of options, if the program has one: finds it, by means of what the command line
	 * and the environment say, and calls options_set() for what stands in it. False: said what
	 * is wrong with it.
	 */
	bool (*read_file)(const struct options_program *program, void *data);
	void *file_data;
};

enum options_result {
	OPTIONS_RUN,   /* *first is the index of the first argument that is no option */
	OPTIONS_DONE,  /* --help or --version was printed: exit 0 */
	OPTIONS_USAGE, /* said what is wrong on standard error: exit 2 */
};

/*
 * Reads the file, the environment, then @argv, of which the last one wins (--name VALUE,
 * --name=VALUE, for flags --name or --name=no; "--" ends the options, as does the first argument
 * that is none). A VALUE of its own may not start with "--", so argv[*first - 1] is "--" only where
 * that ended the options. Empty variables count as not set. Values point into @argv, the
 * environment or what options_set() was given. Adds --help and --version.
 */
enum options_result options_parse(
	const struct options_program *program, int argc, char **argv, int *first);

/*
 * Sets an option as a line of a file does; not those of commands. NULL, or what is wrong with it;
 * @value must last.
 */
const char *options_set(const struct options_program *program, const char *name, const char *value);

/*
 * Whether @word is in @list, words with commas between them (NULL: empty): 1 or 0, or -EINVAL when
 * one of the list's words is none of @words, which end with NULL.
 */
int options_list_has(const char *list, const char *const *words, const char *word);

/*
 * What --log-level and --trace say (NULL: nothing) to a program that is @side: the log gets its
 * level, and *@traces is whether @trace has @side in it. All programs know the same words, as
 * WAYFERRY_TRACE is of all of them. False: said what is wrong.
 */
bool options_apply_logging(
	const char *log_level, const char *trace, const char *side, bool *traces);

/*
 * The command behind the options, where @first is as options_parse has left it: *@command, NULL:
 * there is none. False: said that something stands there without "--" in front of it.
 */
bool options_take_command(int argc, char **argv, int first, char ***command);

/*
 * "64M", "1G", "4096": bytes (K, M, G, T are powers of 1024). false if it is no such number or over
 * 2^64.
 */
bool options_parse_bytes(const char *text, unsigned long long *bytes);

#endif
