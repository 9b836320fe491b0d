/* `wayferry-host list` and `wayferry-host show`: every machine of the user is asked at once. */
#ifndef HOST_BRIDGE_CONTROL_MACHINES_ASKED_H
#define HOST_BRIDGE_CONTROL_MACHINES_ASKED_H

#include <stdbool.h>
#include <stdio.h>

#define MACHINES_SILENCE_MS 5000

/*
 * One line for each machine, or with @json one object a line. A machine that does not answer is
 * listed all the same, and why: its process is stopped, or has said nothing for
 * MACHINES_SILENCE_MS. Sockets that nobody listens on any more are removed. 0; 1: some have not
 * answered, or, with a line on standard error, nobody can be asked.
 */
int machines_list(bool json, FILE *out);

/* All there is of the machines that are called @word, by name or by process. 1 also: none is. */
int machines_show(const char *word, bool json, FILE *out);

#endif
