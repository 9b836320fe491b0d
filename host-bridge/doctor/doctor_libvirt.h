/* What `wayferry-host doctor` says of libvirt. */
#ifndef HOST_BRIDGE_DOCTOR_DOCTOR_LIBVIRT_H
#define HOST_BRIDGE_DOCTOR_DOCTOR_LIBVIRT_H

#include "protocol/program/checks.h"

/* They use neither world nor argument; without libvirt they are skipped. */
enum check_result check_libvirt(void *world, struct finding *finding, int argument);
/* Whether it can run QEMU's machines. */
enum check_result check_libvirt_driver(void *world, struct finding *finding, int argument);
/* Whether this user may use qemu:///system. */
enum check_result check_libvirt_group(void *world, struct finding *finding, int argument);
/* Whose description of a back end for GPUs libvirt would take. */
enum check_result check_libvirt_description(void *world, struct finding *finding, int argument);
enum check_result check_libvirt_confinement(void *world, struct finding *finding, int argument);

#endif
