/* `wayferry-host libvirt-xml`: what makes a machine of libvirt one with wayferry. */
#ifndef HOST_BRIDGE_MACHINES_LIBVIRT_XML_H
#define HOST_BRIDGE_MACHINES_LIBVIRT_XML_H

#include "host-bridge/machines/libvirt.h"

/*
 * Prints commands for the way by a socket, and elements for the way in which libvirt starts
 * wayferry-host (docs/libvirt.md). @vm: the machine's name for wayferry. Exit status.
 */
int libvirt_xml_print(const struct libvirt_machine *machine, const char *vm);

/*
 * Runs these commands; if one of them fails the machine gets its old definition back. A machine
 * that has the device already is left as it is. Exit status.
 */
int libvirt_xml_apply(const struct libvirt_machine *machine, const char *vm);

#endif
