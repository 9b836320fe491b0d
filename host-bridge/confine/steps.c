/* The steps of confinement: their names, and what their absence means. */
#include "host-bridge/confine/steps.h"

#include <errno.h>
#include <string.h>

#include "protocol/base/log.h"
#include "protocol/base/words.h"

#define LOG_MODULE "sandbox"

static const struct confine_step_text texts[CONFINE_N_STEPS] = {
	[CONFINE_FILTER] = {"filter of system calls", "nothing would be confined",
		"use a kernel with CONFIG_SECCOMP_FILTER; a container must allow seccomp(2) or "
		"prctl(PR_SET_SECCOMP)"},
	[CONFINE_LANDLOCK] = {"Landlock", "files are guarded by the other steps alone",
		"boot with landlock among lsm= (lsm=landlock,lockdown,yama,...), or use a kernel "
		"with CONFIG_SECURITY_LANDLOCK (Debian's have it); a container must allow its "
		"system calls"},
	[CONFINE_NAMESPACES] = {"namespaces",
		"networks, IPC objects and mounts of the host stay in sight",
		"allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 and "
		"user.max_user_namespaces above 0, on Ubuntu "
		"kernel.apparmor_restrict_unprivileged_userns=0; a container must allow "
		"unshare(2)"},
	[CONFINE_ROOT] = {"private root", "the host's directories stay in sight",
		"it needs the namespaces, and in a container mount(2) and pivot_root(2)"},
	[CONFINE_PROCESSES] = {"process namespace", "processes of the host stay in sight",
		"it needs the namespaces, and in a container an unmasked /proc"},
	[CONFINE_EXEC] = {"end of exec",
		"renderers of Vulkan can start programs that they can read",
		"install wayferry whole: libwayferry-noexec.so stands beside wayferry-renderer"},
};

const struct confine_step_text *confine_step_text(enum confine_step step)
{
	return &texts[step];
}

bool confinement_suffices(const struct confinement *confinement, enum sandbox_mode mode)
{
	bool good = true;

	if (mode == SANDBOX_OFF)
		return true;
	for (enum confine_step step = 0; step < CONFINE_N_STEPS; step++) {
		int error = confinement->errors[step];
		if (error == 0)
			continue;
		bool fatal = mode == SANDBOX_REQUIRE || step == CONFINE_FILTER ||
			error == -ENOTRECOVERABLE;
		log_write(fatal ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, LOG_MODULE, "no %s (%s): %s",
			texts[step].name, strerror(-error), texts[step].without);
		good &= !fatal;
	}
	return good;
}

static const char *const mode_names[SANDBOX_N_MODES] = {
	[SANDBOX_ON] = "on",
	[SANDBOX_REQUIRE] = "require",
	[SANDBOX_OFF] = "off",
};

const char *sandbox_mode_name(enum sandbox_mode mode)
{
	return mode_names[mode];
}

bool sandbox_mode_from_name(const char *name, enum sandbox_mode *mode)
{
	size_t found = word_find(name, mode_names, SANDBOX_N_MODES);

	if (found == SANDBOX_N_MODES)
		return false;
	*mode = (enum sandbox_mode)found;
	return true;
}
