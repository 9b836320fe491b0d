/* The words of wayferry-host's command line that have it do something else than serve a device. */
#include "host-bridge/subcommands.h"

#include <stdio.h>
#include <stdlib.h>

#include "host-bridge/capabilities.h"
#include "host-bridge/doctor.h"

static int run_doctor(void *data)
{
	const struct host_settings *settings = data;
	const struct host_doctor_settings doctor = {
		.policy = &settings->policy,
		.socket_path = settings->socket_path,
		.renderer = &settings->renderer,
		.wants_renderer = settings->wants_renderer,
		.sandbox = settings->renderer.sandbox,
		.security_context = settings->security_context.mode,
	};
	return host_doctor_run(&doctor, stdout);
}

static int run_capabilities(void *data)
{
	const struct host_settings *settings = data;
	struct renderer *renderer = NULL;

	if (settings->wants_renderer) {
		renderer = renderer_create(&settings->renderer);
		if (!renderer)
			return EXIT_FAILURE;
	}
	capabilities_print(settings, renderer);
	renderer_destroy(renderer);
	return EXIT_SUCCESS;
}

const struct options_command subcommands[] = {
	{"doctor", NULL,
		"Looks for what is missing on this machine, line by line, and says how to mend it. "
		"Exit status: 0 when guests would have windows, else 1. Heeds --wayland-display, "
		"--socket, --vm and --renderer.",
		run_doctor},
	{"capabilities", NULL,
		"Prints what a guest would be offered, line by line: the device, the compositor, "
		"which of its interfaces the policy allows, and the limits.",
		run_capabilities},
	{0},
};
