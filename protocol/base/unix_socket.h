/* Connections to Unix sockets. */
#ifndef PROTOCOL_BASE_UNIX_SOCKET_H
#define PROTOCOL_BASE_UNIX_SOCKET_H

#include <sys/socket.h> /* SOCK_* */

/*
 * A close-on-exec socket of @type (SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK) that is connected to
 * @path; or -errno: -ECONNREFUSED: nobody is there any more; -ENAMETOOLONG.
 */
int unix_connect(const char *path, int type);

#endif
