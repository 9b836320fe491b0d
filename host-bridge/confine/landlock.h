/* Landlock: which files this process and its children may use. */
#ifndef HOST_BRIDGE_CONFINE_LANDLOCK_H
#define HOST_BRIDGE_CONFINE_LANDLOCK_H

#include <stddef.h>

#include "host-bridge/confine/places.h"

/*
 * From here on this process opens, makes, changes and removes nothing but what @places allow. It
 * also neither uses TCP nor reaches abstract sockets, signals or traces processes that are not its
 * children, as far as the kernel's version of Landlock goes. Places that do not exist are left out.
 * Sets no_new_privs. 0 or -errno (-ENOSYS, -EOPNOTSUPP: the kernel has no Landlock).
 */
int landlock_enter(const struct place *places, size_t n_places);

/* The kernel's version of Landlock, or -errno. */
int landlock_version(void);

#endif
