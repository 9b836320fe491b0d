/* The words of wayferry-host's command line that have it do something else than serve a device. */
#ifndef HOST_BRIDGE_SUBCOMMANDS_H
#define HOST_BRIDGE_SUBCOMMANDS_H

#include "protocol/program/options.h"

/*
 * Ends with {0}. Their functions get the struct host_settings, with the policy initialized, and
 * return the exit status. A new one is a line here, a function in a file of its own, and a line of
 * the man page's synopsis.
 */
extern const struct options_command subcommands[];

#endif
