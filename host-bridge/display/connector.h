/*
 * What a process needs from outside once it is confined: a helper process, the connector, is
 * started before. It knows where compositors listen and the process's own socket, and nothing
 * else; it is told only which of three things to do.
 *
 * There is one connector, the process's. Until it is started, the functions here do their work
 * themselves.
 */
#ifndef HOST_BRIDGE_DISPLAY_CONNECTOR_H
#define HOST_BRIDGE_DISPLAY_CONNECTOR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host-bridge/display/display_search.h"
#include "host-bridge/display/security_context.h"

/*
 * Forks the connector, before the sandbox is entered and any thread is there. @compositor: the only
 * places that it connects to; NULL: none. @context: the security context in which it does; NULL:
 * none. @socket_path: the file of our own socket, which it
 * removes when told to; NULL: none. @control_path: that of another one, which it removes when it
 * ends, even if we did not get to say anything; NULL: none. @confined: it makes only the system
 * calls that it needs. 0 or -errno.
 */
int connector_start(const struct display_search *compositor,
	const struct security_context_config *context, const char *socket_path,
	const char *control_path, bool confined);

/*
 * A non-blocking connection to the compositor at one of the places of @compositor, which are those
 * that the connector knows; *@taken gets the one: an fd, -EAGAIN (its queue is full, or the
 * connector does not answer at once: ask again later), or -errno.
 */
int connector_connect(const struct display_search *compositor, struct sockaddr_un *taken);

/* Whether the last of these connections was made in a security context. */
bool connector_in_context(void);

/* Whether it was not, since the compositor has security contexts and refused us one. */
bool connector_context_refused(void);

/*
 * Who has connected @socket, as the host's user ids have it: in a user namespace of its own this
 * process sees only itself. 0 or -errno.
 */
int connector_peer(int socket, struct ucred *peer);

/* Ends the connector and waits for that; with @remove_socket it removes the socket's file, unless
 * that is somebody else's by now. */
void connector_finish(bool remove_socket);

#endif
