/*
 * What the COMMAND of the command line finds in its environment: our display, and nothing that
 * leads a toolkit past it, to a display of whoever started us.
 */
#ifndef GUEST_PROXY_COMMAND_ENVIRONMENT_H
#define GUEST_PROXY_COMMAND_ENVIRONMENT_H

enum environment_lead {
	ENVIRONMENT_WAYLAND, /* every toolkit to our display */
	ENVIRONMENT_X11,     /* COMMAND is wayferry-x11: no X display but the one that it makes */
	ENVIRONMENT_KEEP,    /* as it is */
};

/*
 * Changes this process's environment: @display (a name or an absolute path) is the Wayland display
 * in any case, and there is no inherited connection to another one.
 */
void environment_set(enum environment_lead lead, const char *display);

#endif
