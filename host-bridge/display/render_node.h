/* Which GPU: what --render-node may say, and the node in /dev/dri that it means. */
#ifndef HOST_BRIDGE_DISPLAY_RENDER_NODE_H
#define HOST_BRIDGE_DISPLAY_RENDER_NODE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct main_device_wait;

#define RENDER_NODE_FORMS                                                                          \
	"a node's path (/dev/dri/renderD128), pci-0000:03:00.0 or auto (the compositor's GPU)"

/* Whether @name has one of these forms; nothing is looked up. */
bool render_node_good(const char *name);

/*
 * Finds the node that @name means. A path is taken as it is, without symbolic links. A PCI address
 * is written as in /dev/dri/by-path, or with '_' as Mesa's DRI_PRIME has it. For auto the
 * compositor at @display (NULL: the usual one) is asked, and waited for as @wait (main_device.h,
 * may be NULL) has it. False: @why says what is wrong, and what there is instead.
 */
bool render_node_find(const char *name, const char *display, const struct main_device_wait *wait,
	char path[PATH_MAX], char *why, size_t why_bytes);

/* For tests: the tree in the place of /sys. */
void render_node_set_sys(const char *path);

#endif
