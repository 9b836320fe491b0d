/* `wayferry-guest doctor`: what this machine lacks for applications to reach the host, and how to
 * get it. */
#ifndef GUEST_PROXY_DOCTOR_DOCTOR_H
#define GUEST_PROXY_DOCTOR_DOCTOR_H

#include <stdio.h>

struct doctor_settings {
	const char *socket;     /* as --socket; NULL: a name in $XDG_RUNTIME_DIR */
	const char *device;     /* as --device; NULL: the render node that fits best */
	const char *vhost_user; /* as --vhost-user; NULL: a render node */
};

/*
 * Writes a line for each check to @out. The exit status: 0 when applications would have windows, 1
 * when not. A device that never answers ends the process with 1, after it was said.
 */
int doctor_run(const struct doctor_settings *settings, FILE *out);

#endif
