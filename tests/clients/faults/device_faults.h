/* What the parts of device-faults share. */
#ifndef TESTS_FAULTS_DEVICE_FAULTS_H
#define TESTS_FAULTS_DEVICE_FAULTS_H

#include "tests/clients/faults/raw_device.h"

/* Prints and counts one case; @fault NULL: it is well. */
void report(const char *name, const char *fault);

bool start_working(struct raw_device *device);

/* Bad commands on the control queue, and bad cross-domain commands; a context that behaves looks
 * on. */
void check_commands(struct raw_device *device);

#endif
