/* `wayferry-host replace`: gives a running machine a new device in place of one that has died. */
#ifndef HOST_BRIDGE_MACHINES_REPLACE_H
#define HOST_BRIDGE_MACHINES_REPLACE_H

#include "host-bridge/machines/libvirt.h"

/* QEMU's generic vhost-user device, and how libvirt_xml names its parts. */
#define MACHINE_DEVICE "vhost-user-test-device-pci"
#define LIBVIRT_DEVICE "wayferry-gpu"
#define LIBVIRT_CHARDEV "wayferry"
#define LIBVIRT_PORT "wayferry-port"

/*
 * Takes the device away, waits for the guest to let go of it, however long that takes, and plugs in
 * one with the same names at the same socket, where a wayferry-host listens. The monitor is QEMU's
 * at the socket @qmp_path; NULL: by way of virsh. Exit status.
 */
int replace_run(const struct libvirt_machine *machine, const char *qmp_path);

#endif
