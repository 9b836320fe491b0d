/*
 * Where machines can be asked what they are: $XDG_RUNTIME_DIR/wayferry/NAME.PID.control, or
 * PID.control of a machine without a name, PID being that of its wayferry-host. So two of one name
 * do not meet. Names have no dots.
 */
#ifndef HOST_BRIDGE_CONTROL_CONTROL_NAMES_H
#define HOST_BRIDGE_CONTROL_CONTROL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define CONTROL_NAME_BYTES 65 /* of a machine, with the NUL */
#define CONTROL_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

struct control_name {
	char vm[CONTROL_NAME_BYTES]; /* "": it has no name */
	pid_t pid;
};

/* The directory. 0; -ENOENT: there is no $XDG_RUNTIME_DIR; -ENAMETOOLONG. */
int control_directory(char path[CONTROL_PATH_BYTES]);

/* The socket's path. 0, or as control_directory. */
int control_path(const struct control_name *name, char path[CONTROL_PATH_BYTES]);

/* From the name of the file alone. False: it is no such socket's. */
bool control_name_parse(const char *file, struct control_name *name);

/* Whether a person means this machine by @word: its name, or its process. */
bool control_name_is(const struct control_name *name, const char *word);

#endif
