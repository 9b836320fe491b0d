/*
 * The steps by which a process gives up what it does not need, and which of them this machine does
 * not offer. wayferry-host and wayferry-renderer make them, the doctor tries them.
 */
#ifndef HOST_BRIDGE_CONFINE_STEPS_H
#define HOST_BRIDGE_CONFINE_STEPS_H

#include <stdbool.h>

enum sandbox_mode {
	SANDBOX_ON, /* all steps that this machine offers; without a filter there is no start */
	SANDBOX_REQUIRE, /* all steps, or no start */
	SANDBOX_OFF,
	SANDBOX_N_MODES,
};

enum confine_step {
	CONFINE_FILTER,
	CONFINE_LANDLOCK,
	CONFINE_NAMESPACES,
	CONFINE_ROOT,
	CONFINE_PROCESSES,
	CONFINE_EXEC,
	CONFINE_N_STEPS,
};

struct confinement {
	int errors[CONFINE_N_STEPS]; /* 0, or why the step was not made: -errno */
};

/* What a step is called in the log and in the doctor's report, what its absence means and what
 * helps. Static texts. */
struct confine_step_text {
	const char *name, *without, *remedy;
};
const struct confine_step_text *confine_step_text(enum confine_step step);

/*
 * Whether a process with this confinement may go on in @mode. Says in the log which steps are
 * missing. A step that failed half-way (-ENOTRECOVERABLE) ends the process in any mode.
 */
bool confinement_suffices(const struct confinement *confinement, enum sandbox_mode mode);

/* "on", "require", "off". The name of a mode, and the mode of a name; false: it is none. */
const char *sandbox_mode_name(enum sandbox_mode mode);
bool sandbox_mode_from_name(const char *name, enum sandbox_mode *mode);

#endif
