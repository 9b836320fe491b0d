/* QEMU's monitor (QMP): at its own socket, or by way of virsh. */
#ifndef HOST_BRIDGE_MACHINES_MONITOR_H
#define HOST_BRIDGE_MACHINES_MONITOR_H

#include "host-bridge/machines/libvirt.h"

#define MONITOR_REPLY_BYTES (1u << 20)

struct monitor {
	const struct libvirt_machine *machine; /* with virsh */
	FILE *stream;                          /* else this */
	char *reply;                           /* of the last command, one line of JSON */
};

/* Connects to the socket @path; NULL: virsh is used. False, and said why; close it all the same. */
bool monitor_open(struct monitor *monitor, const struct libvirt_machine *machine, const char *path);
void monitor_close(struct monitor *monitor);

/*
 * Gives the monitor a command, JSON formatted as by printf, and waits for its reply. 0; -EREMOTEIO:
 * the reply is an error, which is in monitor->reply; or -errno, and said why.
 */
int monitor_execute(struct monitor *monitor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
