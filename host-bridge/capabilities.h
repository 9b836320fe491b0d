/* What this wayferry-host offers: to guests, and to those who look for back ends. */
#ifndef HOST_BRIDGE_CAPABILITIES_H
#define HOST_BRIDGE_CAPABILITIES_H

#include "host-bridge/settings/settings.h"

/*
 * "name value" lines on standard output: the device, the compositor, and what the policy, which is
 * initialized, has guests see of it. @renderer: NULL where there is no 3D.
 */
void capabilities_print(const struct host_settings *settings, const struct renderer *renderer);

/*
 * The JSON of QEMU's "vhost-user backend conventions" (vhost-user.rst, vhost-user.json), on
 * standard output. Options for 3D are among the features where wayferry-renderer is installed.
 */
void capabilities_print_backend(const struct host_settings *settings);

#endif
