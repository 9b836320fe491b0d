/* What wayferry-host is told to do: command line, environment and configuration file, checked. */
#ifndef HOST_BRIDGE_SETTINGS_SETTINGS_H
#define HOST_BRIDGE_SETTINGS_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "host-bridge/display/security_context.h"
#include "host-bridge/settings/config.h"
#include "host-bridge/resources/quota.h"
#include "host-bridge/policy/policy.h"
#include "host-bridge/render/renderer.h"
#include "protocol/program/options.h"

enum buffer_source { /* what guests' buffers are made of */
	BUFFERS_AUTO,
	BUFFERS_GBM,     /* a GPU's */
	BUFFERS_UDMABUF, /* the guest's own pages, where these can be exported */
	BUFFERS_MEMORY,  /* the host-visible region */
};

/* Pointers in it are to the command line, the environment or what was read of the file, and last.
 */
struct host_settings {
	const char *socket_path; /* NULL: socket_fd */
	int socket_fd;           /* -1: none, which only sub-commands may have */
	bool socket_connected;   /* it is a connection: when that ends there is nothing to serve */
	uint64_t region_bytes;
	bool print_capabilities; /* as QEMU's conventions want them */
	bool stats, wants_renderer;
	enum buffer_source buffers;
	struct renderer_config renderer;
	char renderer_program[PATH_MAX];
	char ask_program[PATH_MAX];
	struct security_context_config security_context;
	struct policy policy; /* not yet initialized: policy_init */
	struct vm_quota quota;
	const struct options_command *subcommand; /* NULL: serve the device */
	const char *subcommand_argument;          /* NULL: it takes none */
	/* Options of sub-commands. */
	const char *system_user, *qmp;
	bool apply, json, undo;
	/* For host_settings_read_again. */
	int argc;
	char **argv;
	const struct options_command *subcommands;
	struct config_places places;  /* of the configuration file */
	struct config_entry *entries; /* of it as it was at first, which all of this points to */
	bool config_named;            /* there is one place, by --config: it must be there */
	bool config_found;            /* a file was read */
	size_t config_which;          /* at this one of the places */
};

/*
 * Fills @settings, which stay where they are. @subcommands are those of the program. False: there
 * is nothing to run; what is wrong was said, and *@exit_status is the process's.
 */
bool host_settings_read(struct host_settings *settings, const struct options_command *subcommands,
	int argc, char **argv, int *exit_status);

/*
 * Reads the configuration file again, @fd (taken), which is the one at @places.paths[which]; -1:
 * there is none now. Command line and environment are what they were. A policy to be used with
 * policy_follow, and *@limits; NULL: what is wrong was said. Of what is not of the policy only
 * log-level and trace take effect; what has changed of the rest is told.
 */
struct policy *host_settings_read_again(
	const struct host_settings *settings, int fd, size_t which, struct vm_quota *limits);

#endif
