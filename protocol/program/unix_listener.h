/* A listening UNIX socket in the file system. */
#ifndef PROTOCOL_PROGRAM_UNIX_LISTENER_H
#define PROTOCOL_PROGRAM_UNIX_LISTENER_H

#include <sys/types.h>

/*
 * Listens at @path, with room for @backlog who wait, and without the permissions of @mask besides
 * the process's own umask. The name appears when connections are taken, not before: who waits for
 * the file may connect to it at once.
 *
 * Returns the socket, not blocking, close-on-exec, the caller's; or -errno: -EADDRINUSE when @path
 * is there, -ENAMETOOLONG.
 */
int unix_listener_create(const char *path, mode_t mask, int backlog);

/* What an error of it says to people. */
const char *unix_listener_why(int error);

#endif
