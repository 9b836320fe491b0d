/* Namespaces: a network, IPC objects, mounts and processes of this process's own. */
#ifndef HOST_BRIDGE_CONFINE_NAMESPACES_H
#define HOST_BRIDGE_CONFINE_NAMESPACES_H

#include <stddef.h>

#include "host-bridge/confine/places.h"

/*
 * Moves this process (of one thread) into new namespaces: a user namespace in which it keeps its
 * user and group, where one can be had, and mount, network, IPC and UTS namespaces. With
 * CLONE_NEWPID in @flags its children get a process namespace as well. 0; -errno: nothing has
 * changed; -ENOTRECOVERABLE: it has, and the process must end.
 */
int namespaces_enter(int flags);

/*
 * Replaces the root by an empty directory, to which nothing can be added, with @places in it,
 * read-only. Places that do not exist are left out. With @proc_error also /proc of the process
 * namespace that this process is in, as far as possible: *@proc_error is 0 or -errno. Needs
 * namespaces_enter. 0 or -errno.
 */
int namespaces_replace_root(const struct place *places, size_t n_places, int *proc_error);

/* Gives up all capabilities, those of the new user namespace included. */
void namespaces_drop_capabilities(void);

#endif
