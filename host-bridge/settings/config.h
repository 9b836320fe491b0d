/* wayferry-host's configuration file: options, restrictions of the policy, limits. */
#ifndef HOST_BRIDGE_SETTINGS_CONFIG_H
#define HOST_BRIDGE_SETTINGS_CONFIG_H

#include <limits.h>

#include "host-bridge/policy/policy.h"
#include "protocol/program/options.h"

struct config {
	/* Values of options, as the command line and the environment have set them. */
	const char *const
		*path; /* NULL: the user's file of the machine @vm, else the system's, else none */
	const char *const *vm;
	struct policy *policy;  /* gets the restrictions */
	struct vm_quota *quota; /* gets the limits */
	/* NULL: the file is to be found. Else it was, and is read again. */
	const struct config_again {
		int fd; /* taken; -1: there is no file */
		const char *path;
	} * again;
	struct config_entry *entries; /* gets what values point into */
	bool found;                   /* gets whether there is a file */
	size_t which;                 /* and which of its places it is at */
};

#define CONFIG_PLACES 2

/* Where the file may be: the first one that is there. */
struct config_places {
	char paths[CONFIG_PLACES][PATH_MAX];
	size_t n;
};

/* @path: named on the command line, the only place then; NULL: those of the machine @vm. */
void config_find_places(struct config_places *places, const char *path, const char *vm);

/* Of machines whose user has no file for them. */
#define CONFIG_SYSTEM_DIRECTORY "/etc/wayferry"

/* Where the user's file of the machine @vm is, whose home is $HOME, or what the system's users have
 * when that is not set; false: there is no such place. */
bool config_default_path(const char *vm, char path[PATH_MAX]);

/*
 * An options_program::read_file; @data is a struct config, without entries. The file is of ini
 * form: options by their names (--vm NAME is "vm = NAME"), then a section [policy] with "INTERFACE
 * = deny" or "INTERFACE = HIGHEST-VERSION", and a section [limits] with "LIMIT = NUMBER". What is
 * wrong with it is said on standard error, with the line's number.
 */
bool config_read(const struct options_program *program, void *data);

/* Frees what config_read has left in config::entries. */
void config_free(struct config_entry *entries);

#endif
