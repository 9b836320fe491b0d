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
};

/* Of machines whose user has no file for them. */
#define CONFIG_SYSTEM_DIRECTORY "/etc/wayferry"

/* Where the user's file of the machine @vm is, whose home is $HOME, or what the system's users have
 * when that is not set; false: there is no such place. */
bool config_default_path(const char *vm, char path[PATH_MAX]);

/*
 * An options_program::read_file; @data is a struct config. The file is of ini form: options by
 * their names (--vm NAME is "vm = NAME"), then a section [policy] with "INTERFACE = deny" or
 * "INTERFACE = HIGHEST-VERSION", and a section [limits] with "LIMIT = NUMBER". What is wrong with
 * it is said on standard error, with the line's number.
 */
bool config_read(const struct options_program *program, void *data);

#endif
