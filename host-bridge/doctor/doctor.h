/* `wayferry-host doctor`: checks what guests need on this machine to have windows. */
#ifndef HOST_BRIDGE_DOCTOR_DOCTOR_H
#define HOST_BRIDGE_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

#include "host-bridge/display/security_context.h"
#include "host-bridge/confine/steps.h"

struct policy;
struct renderer_config;

struct host_doctor_settings {
	const struct policy *policy;
	const char *socket_path; /* as of --socket; NULL: the unit's is checked, if the machine has
				    a name */
	const struct renderer_config *renderer;
	bool wants_renderer; /* --renderer is not none */
	enum sandbox_mode sandbox;
	enum security_context_mode security_context;
	bool json; /* the report is for programs */
};

/* Writes a line for each check to @out. The exit status: 0 when guests would have windows, else 1.
 */
int host_doctor_run(const struct host_doctor_settings *settings, FILE *out);

#endif
