/* wayferry-host's configuration file: options, restrictions of the policy, limits. */
#include "host-bridge/settings/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host-bridge/resources/quota.h"

#define FAULT_BYTES 256

/* An entry of the file. Options point to its value. */
struct config_entry {
	struct config_entry *next;
	char *section, *key, *value;
};

struct reading {
	const struct options_program *program;
	struct config *config;
	FILE *file;
	int line;       /* number of the line that was read last */
	int fault_line; /* 0: no fault */
	char fault[FAULT_BYTES];
};

static void note_fault(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Only the first fault is kept. */
static void note_fault(struct reading *reading, const char *format, ...)
{
	va_list args;

	if (reading->fault_line > 0)
		return;
	reading->fault_line = reading->line;
	va_start(args, format);
	vsnprintf(reading->fault, sizeof(reading->fault), format, args);
	va_end(args);
}

/* An ini_reader. inih itself would read the rest of a line that is too long as another line. */
static char *read_line(char *line, int size, void *data)
{
	struct reading *reading = data;
	char *got = fgets(line, size, reading->file);

	if (!got)
		return NULL;
	reading->line++;
	if (!strchr(line, '\n') && !feof(reading->file)) {
		note_fault(reading, "the line has more than %d bytes", size - 2);
		return NULL;
	}
	return got;
}

static bool is_set(const struct reading *reading, const char *section, const char *key)
{
	for (const struct config_entry *entry = reading->config->entries; entry;
		entry = entry->next) {
		if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0)
			return true;
	}
	return false;
}

/* Copies an entry. NULL when memory is short. */
static struct config_entry *keep(
	struct config *config, const char *section, const char *key, const char *value)
{
	struct config_entry *entry = malloc(sizeof(*entry));

	if (!entry)
		return NULL;
	*entry =
		(struct config_entry){config->entries, strdup(section), strdup(key), strdup(value)};
	config->entries = entry;
	return entry->section && entry->key && entry->value ? entry : NULL;
}

void config_free(struct config_entry *entries)
{
	struct config_entry *next;

	for (; entries; entries = next) {
		next = entries->next;
		free(entries->section);
		free(entries->key);
		free(entries->value);
		free(entries);
	}
}

static const char *set_keys(struct policy *policy, const char *key, const char *value)
{
	if (strcmp(key, "accelerators") == 0)
		return chords_parse(&policy->accelerators, value);
	if (strcmp(key, "copy") == 0)
		return chords_parse(&policy->copy_chord, value);
	if (strcmp(key, "paste") == 0)
		return chords_parse(&policy->paste_chord, value);
	return "there is accelerators, copy and paste";
}

/* An ini_handler. Faults are noted, not returned: what follows then depends on inih's version. */
static int handle_entry(void *data, const char *section, const char *key, const char *value)
{
	struct reading *reading = data;
	const char *why;

	if (reading->fault_line > 0)
		return 1;
	if (is_set(reading, section, key)) {
		note_fault(reading,
			"%s is set already (a line that begins with a space goes on with the entry "
			"before it)",
			key);
		return 1;
	}
	const struct config_entry *entry = keep(reading->config, section, key, value);
	if (!entry)
		why = "no memory";
	else if (section[0] == 0 && strcmp(key, "config") == 0)
		why = "a file cannot name another one";
	else if (section[0] == 0)
		why = options_set(reading->program, entry->key, entry->value);
	else if (strcmp(section, "policy") == 0)
		why = policy_set_rule(reading->config->policy, entry->key, entry->value);
	else if (strcmp(section, "limits") == 0)
		why = quota_set(reading->config->quota, entry->key, entry->value);
	else if (strcmp(section, "keys") == 0)
		why = set_keys(reading->config->policy, entry->key, entry->value);
	else if (transfer_rules_section(section))
		why = transfer_rules_set(
			&reading->config->policy->rules, section, entry->key, entry->value);
	else
		why = "there is no such section: options stand above all sections, and besides "
		      "there are [clipboard], [primary], [drags], [keys], [policy] and [limits]";
	if (why)
		note_fault(reading, "%s = %s: %s", key, value, why);
	return 1;
}

static bool complain(const struct options_program *program, const char *path, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program->name, path, why);
	return false;
}

static bool parse(struct reading *reading, const char *path)
{
	const char *name = reading->program->name;
	int status = ini_parse_stream(read_line, reading, handle_entry, reading);

	if (ferror(reading->file))
		return complain(reading->program, path, strerror(errno));
	if (status < 0)
		return complain(reading->program, path, "no memory to read it");
	if (status > 0 && (reading->fault_line == 0 || status < reading->fault_line)) {
		fprintf(stderr, "%s: %s:%d: neither 'NAME = VALUE' nor '[SECTION]'\n", name, path,
			status);
		return false;
	}
	if (reading->fault_line > 0) {
		fprintf(stderr, "%s: %s:%d: %s\n", name, path, reading->fault_line, reading->fault);
		return false;
	}
	return true;
}

/* The user's home directory. libvirt's system daemon tells its helpers of none. NULL: none is
 * known. */
static const char *home_directory(void)
{
	const char *home = getenv("HOME");

	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(geteuid());
		home = user ? user->pw_dir : NULL;
	}
	return home && home[0] == '/' ? home : NULL;
}

bool config_default_path(const char *vm, char path[PATH_MAX])
{
	const char *directory = getenv("XDG_CONFIG_HOME"), *home = home_directory();
	int length;

	if (!vm || !policy_vm_name_good(vm))
		return false;
	if (directory && directory[0] == '/')
		length = snprintf(path, PATH_MAX, "%s/wayferry/%s.conf", directory, vm);
	else if (home)
		length = snprintf(path, PATH_MAX, "%s/.config/wayferry/%s.conf", home, vm);
	else
		return false;
	return length < PATH_MAX;
}

void config_find_places(struct config_places *places, const char *path, const char *vm)
{
	places->n = 0;
	if (path) {
		if (snprintf(places->paths[0], PATH_MAX, "%s", path) < PATH_MAX)
			places->n++;
		return;
	}
	if (config_default_path(vm, places->paths[0]))
		places->n++;
	if (vm && policy_vm_name_good(vm))
		snprintf(places->paths[places->n++], PATH_MAX, CONFIG_SYSTEM_DIRECTORY "/%s.conf",
			vm);
}

/* The first file that is there, and its place. NULL: with errno, ENOENT when there is none. */
static FILE *open_first(const struct config_places *places, size_t *which)
{
	FILE *file = NULL;

	errno = ENOENT;
	for (size_t i = 0; i < places->n && !file && (errno == ENOENT || errno == ENOTDIR); i++) {
		*which = i;
		file = fopen(places->paths[i], "re");
	}
	return file;
}

bool config_read(const struct options_program *program, void *data)
{
	struct config *config = data;
	const char *path = *config->path ? *config->path : "the configuration";
	struct reading reading = {.program = program, .config = config};
	struct config_places places;

	config_find_places(&places, *config->path, *config->vm);
	errno = ENOENT;
	if (!config->again)
		reading.file = open_first(&places, &config->which);
	else if (config->again->fd >= 0)
		reading.file = fdopen(config->again->fd, "r");
	if (config->again)
		path = config->again->path;
	else if (places.n > 0)
		path = places.paths[config->which];
	if (!reading.file)
		return (!*config->path && (errno == ENOENT || errno == ENOTDIR)) ||
			complain(program, path, strerror(errno));
	config->found = true;
	bool good = parse(&reading, path);
	fclose(reading.file);
	return good;
}
