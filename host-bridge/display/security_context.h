/*
 * Connections by way of a security context (security-context-v1), where the compositor has it: it
 * then knows that they are a machine's, and applies its own policy as well, whatever ours lets
 * through.
 *
 * A context is a listening socket that the compositor is given, with the names of what will connect
 * there. The socket is made once, before confinement, in a directory that only the user can enter;
 * each compositor that comes is given it anew, over a connection that lasts as long as the
 * compositor and so tells when that is gone.
 */
#ifndef HOST_BRIDGE_DISPLAY_SECURITY_CONTEXT_H
#define HOST_BRIDGE_DISPLAY_SECURITY_CONTEXT_H

#include "host-bridge/display/display_search.h"
#include "protocol/wire/wire_talk.h"

enum security_context_mode {
	SECURITY_CONTEXT_AUTO,    /* where the compositor has it */
	SECURITY_CONTEXT_REQUIRE, /* or no connections */
	SECURITY_CONTEXT_OFF,
	SECURITY_CONTEXT_N_MODES,
};

/* "auto", "require", "off". The mode of a name; false: it is none. */
bool security_context_mode_from_name(const char *name, enum security_context_mode *mode);

#define SECURITY_CONTEXT_ENGINE "wayferry"
#define SECURITY_CONTEXT_TEXT_BYTES 128

struct security_context_config {
	enum security_context_mode mode;
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* made, if it is missing */
	char app_id[SECURITY_CONTEXT_TEXT_BYTES], instance_id[SECURITY_CONTEXT_TEXT_BYTES];
};

struct security_context {
	const struct security_context_config *config;
	struct sockaddr_un address; /* of the listening socket */
	int listener;               /* -1: there is none */
	enum {
		CONTEXT_NO_COMPOSITOR,
		CONTEXT_ASKED, /* whether it has the protocol */
		CONTEXT_GIVEN, /* not yet known whether it takes the context */
		CONTEXT_IN_EFFECT,
		CONTEXT_MISSING, /* the compositor has no such protocol */
		CONTEXT_REFUSED, /* it ended the connection that asked for it */
	} state;
	int fd;                /* the connection to the compositor; -1: none */
	int close_fd;          /* when it closes, the compositor forgets the context */
	uint32_t manager_name; /* the global's; 0: none was announced */
	struct wire_events events;
};

/* Makes the socket; @config is borrowed. What fails is told by security_context_connect. */
void security_context_open(
	struct security_context *context, const struct security_context_config *config);
/* Removes the socket's file and closes all. */
void security_context_close(struct security_context *context);

/* A connection as display_search_connect makes it, in the context where there is one; -EAGAIN also
 * while the compositor is asked, -EPROTONOSUPPORT: it has no contexts, and one is required. */
int security_context_connect(struct security_context *context, const struct display_search *search,
	struct sockaddr_un *taken, uid_t uid, pid_t not_pid);

/* context->fd, if there is one, can be read or has hung up. */
void security_context_handle(struct security_context *context);

#endif
