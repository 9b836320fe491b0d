/* What there is of this wayferry-host's machine, for the user who asks over the control socket. */
#ifndef HOST_BRIDGE_MACHINE_REPORT_H
#define HOST_BRIDGE_MACHINE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "host-bridge/policy/policy.h"

struct machine_report {
	const struct policy *policy; /* initialized */
	int pid;
	uint64_t up_s;
	bool running;           /* the machine's driver runs */
	const char *compositor; /* "": none was found yet */
	bool in_context;
};

/* A line of columns, or with @json an object. */
void machine_report_list(const struct machine_report *report, bool json, FILE *out);

/* All: lines for people, or with @json an object in one line. */
void machine_report_show(const struct machine_report *report, bool json, FILE *out);

#endif
