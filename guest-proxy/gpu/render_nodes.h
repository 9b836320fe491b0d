/* The DRM render nodes of this machine. */
#ifndef GUEST_PROXY_GPU_RENDER_NODES_H
#define GUEST_PROXY_GPU_RENDER_NODES_H

#include <stdbool.h>

/*
 * Opens the render nodes in /dev/dri one after the other, the lowest number first, until @visit
 * returns true. @visit: takes @fd, or gets the -errno of opening @path.
 */
void render_nodes_visit(bool (*visit)(void *data, const char *path, int fd), void *data);

#endif
