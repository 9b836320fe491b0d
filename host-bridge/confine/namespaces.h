/* Namespaces: a network, IPC objects, mounts and processes of this process's own. */
#ifndef HOST_BRIDGE_CONFINE_NAMESPACES_H
#define HOST_BRIDGE_CONFINE_NAMESPACES_H

#include <stddef.h>
#include <sys/types.h>

#include "host-bridge/confine/places.h"

/*
 * Which namespaces this process could make: a user namespace in which one keeps one's user and
 * group, where one can be had, and mount, network, IPC and UTS namespaces, with CLONE_NEWPID in
 * @flags a process namespace as well. What namespaces_fork takes, or -errno: none.
 */
int namespaces_find(int flags);

/*
 * fork(2) of a process of one thread, whose child is in new namespaces of these @kinds, 0 for none.
 * With a process namespace it is the first process there, and all others of it end with it. A
 * child that cannot keep its user and group ends with that errno as its status.
 */
pid_t namespaces_fork(int kinds);

/*
 * Moves this process (of one thread) into new namespaces, but for processes. 0; -errno: nothing has
 * changed; -ENOTRECOVERABLE: it has, and the process must end.
 */
int namespaces_enter(void);

/*
 * Replaces the root by an empty directory, to which nothing can be added, with @places in it,
 * read-only. Places that do not exist are left out. With @proc_error also /proc of the process
 * namespace that this process is in, as far as possible: *@proc_error is 0 or -errno. Needs
 * a mount namespace of its own. 0 or -errno.
 */
int namespaces_replace_root(const struct place *places, size_t n_places, int *proc_error);

/* Gives up all capabilities, those of the new user namespace included. */
void namespaces_drop_capabilities(void);

#endif
