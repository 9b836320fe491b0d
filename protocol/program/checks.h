/* The checks of `wayferry-host doctor` and `wayferry-guest doctor`: a table, a report line each. */
#ifndef PROTOCOL_PROGRAM_CHECKS_H
#define PROTOCOL_PROGRAM_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum check_result {
	CHECK_OK,
	CHECK_SKIPPED, /* not possible, because another check failed */
	CHECK_WARNING, /* it works, but not as well as it could */
	CHECK_FAILED,  /* it does not work */
};

/* What a check found, and (CHECK_WARNING, CHECK_FAILED) what to do about it. */
struct finding {
	char found[512];
	char remedy[512];
};

struct check {
	const char *noun;
	enum check_result (*run)(void *world, struct finding *finding, int argument);
	int argument;
};

/*
 * Runs @checks in order and writes a line for each to @out, and a second one with the remedy where
 * there is one. Returns how many failed.
 */
size_t checks_run(const struct check *checks, size_t n_checks, void *world, FILE *out);

/*
 * The same as JSON, for programs: an array with an object for each check, of the strings "check",
 * "result" (ok, skipped, warning, failed), "found" and, where there is one, "remedy".
 */
size_t checks_run_json(const struct check *checks, size_t n_checks, void *world, FILE *out);

/* Each fills in a part of @finding and returns the result, for "return finding_...". */
enum check_result finding_ok(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum check_result finding_skip(struct finding *finding, const char *why);
/* Sets what was found; follow it with finding_remedy. */
void finding_found(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Returns @result. */
enum check_result finding_remedy(struct finding *finding, enum check_result result,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Checks that both programs have; they do not use @world. */
enum check_result check_runtime_directory(void *world, struct finding *finding, int argument);
/* @argument: how many open files are enough. */
enum check_result check_open_files(void *world, struct finding *finding, int argument);
enum check_result check_sealed_memory(void *world, struct finding *finding, int argument);

/*
 * Why others could put files into @path (or why it cannot be used), as a static text or strerror's;
 * NULL: it is a directory that only this user (or root) writes to.
 */
const char *checks_directory_fault(const char *path);

/*
 * Runs @argv (found in $PATH) with no input for at most @timeout_ms, and leaves the first @size - 1
 * bytes of what it says on standard output in @output. Returns its exit status, -ENOENT (no such
 * program), -ETIMEDOUT (it was killed) or -errno. SIGCHLD must not be ignored.
 */
int checks_capture(char *const argv[], int timeout_ms, char *output, size_t size);

/* The same, however long it takes; its complaints are for the user to read, its output is not. */
int checks_command(char *const argv[]);

/* The state of a unit of the user manager, as `systemctl --user is-active` says it, into @state. */
void checks_unit_state(const char *unit, char *state, size_t size);

#endif
