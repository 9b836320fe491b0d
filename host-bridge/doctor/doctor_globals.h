/* What `wayferry-host doctor` says of interfaces that a compositor lacks: what guests' windows then
 * go without. */
#ifndef HOST_BRIDGE_DOCTOR_DOCTOR_GLOBALS_H
#define HOST_BRIDGE_DOCTOR_DOCTOR_GLOBALS_H

#include <stdint.h>

#include "protocol/program/checks.h"

struct doctor_globals {
	uint32_t found; /* a bit for each of the table's interfaces */
};

/* The compositor has the interface @name. */
void doctor_globals_note(struct doctor_globals *globals, const char *name);
/* CHECK_OK, with the interfaces that are missing and what they are for. */
enum check_result doctor_globals_tell(
	const struct doctor_globals *globals, struct finding *finding);

#endif
