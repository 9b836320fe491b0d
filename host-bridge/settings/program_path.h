/* Where our other programs are. */
#ifndef HOST_BRIDGE_SETTINGS_PROGRAM_PATH_H
#define HOST_BRIDGE_SETTINGS_PROGRAM_PATH_H

#include <limits.h>

/*
 * The path of the program @name, for @found: beside this one, or (in a build tree) below its
 * directory @room, or where it was installed.
 */
void program_path(char found[PATH_MAX], const char *room, const char *name);

#endif
