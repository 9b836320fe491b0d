/* wayferry-host as a helper that libvirt starts for a machine: what it finds out by itself. */
#ifndef HOST_BRIDGE_SETTINGS_HELPER_H
#define HOST_BRIDGE_SETTINGS_HELPER_H

#include <stdbool.h>

#include "host-bridge/policy/policy.h"

/*
 * The machine's name, as far as it may be one here (policy_vm_name_good; other characters become
 * '-'). libvirt says it nowhere but in the name of the process id file that it leaves open. Its
 * file names have the first 20 characters of the name. False: there is no such file.
 */
bool helper_machine_name(char name[POLICY_VM_NAME_BYTES + 1]);

/*
 * The same from that file's path, "…/ID-NAME-ALIAS-vhost-user-gpu.pid". Aliases are videoN, or
 * begin with "ua-". False: the path is not of this form.
 */
bool helper_name_from_path(const char *path, char name[POLICY_VM_NAME_BYTES + 1]);

/* What a machine of libvirt is called here: @name, cut, with '-' for what may not be in it. */
void helper_own_name(const char *name, size_t length, char own[POLICY_VM_NAME_BYTES + 1]);

/* Sets $XDG_RUNTIME_DIR, where it is not set, to /run/user/UID, if that is this user's. */
void helper_find_runtime_directory(void);

#endif
