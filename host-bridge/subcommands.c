/* The words of wayferry-host's command line that have it do something else than serve a device. */
#include "host-bridge/subcommands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-bridge/capabilities.h"
#include "host-bridge/control/machines_asked.h"
#include "host-bridge/doctor/doctor.h"
#include "host-bridge/settings/helper.h"
#include "host-bridge/machines/libvirt_xml.h"
#include "host-bridge/machines/replace.h"
#include "host-bridge/setup.h"

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
		.json = settings->json,
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

static struct libvirt_machine named_machine(const struct host_settings *settings)
{
	return (struct libvirt_machine){
		.name = settings->subcommand_argument,
		.system_user = settings->system_user,
	};
}

static int run_libvirt_xml(void *data)
{
	const struct host_settings *settings = data;
	const struct libvirt_machine machine = named_machine(settings);
	char vm[POLICY_VM_NAME_BYTES + 1];

	helper_own_name(machine.name, strlen(machine.name), vm);
	return settings->apply ? libvirt_xml_apply(&machine, vm) : libvirt_xml_print(&machine, vm);
}

static int run_replace(void *data)
{
	const struct host_settings *settings = data;
	const struct libvirt_machine machine = named_machine(settings);

	return replace_run(&machine, settings->qmp);
}

static int run_setup(void *data)
{
	const struct host_settings *settings = data;

	return setup_run(settings->subcommand_argument, settings->undo);
}

static int run_list(void *data)
{
	const struct host_settings *settings = data;

	return machines_list(settings->json, stdout);
}

static int run_show(void *data)
{
	const struct host_settings *settings = data;

	return machines_show(settings->subcommand_argument, settings->json, stdout);
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
	{"list", NULL,
		"Lists the machines that are served: name, process, windows, for how long, and the "
		"compositor. One whose wayferry-host does not answer is listed, and why. Heeds "
		"--json.",
		run_list},
	{"show", "NAME",
		"Shows what there is of the machine NAME (or of that process): its windows, what "
		"crosses by clipboards and drags, its border, its limits and what is in use of "
		"them. Heeds --json.",
		run_show},
	{"setup", "NAME",
		"Makes the configuration file of the machine NAME, enables its socket, and says "
		"what is to be done in the machine; --undo takes that back.",
		run_setup},
	{"libvirt-xml", "NAME",
		"Prints the commands, and the elements, that make NAME of libvirt a machine with "
		"wayferry; with --apply it runs those commands. Heeds --system.",
		run_libvirt_xml},
	{"replace", "NAME",
		"Gives the running machine NAME a new device, in place of one whose wayferry-host "
		"has ended. Heeds --system, or --qmp.",
		run_replace},
	{0},
};
