/* Which compositor: where its socket may be, and where it was found last. */
#ifndef HOST_BRIDGE_DISPLAY_COMPOSITOR_PLACE_H
#define HOST_BRIDGE_DISPLAY_COMPOSITOR_PLACE_H

#include <stdbool.h>

#include "host-bridge/display/display_search.h"

#define COMPOSITOR_PATH_BYTES 108

/*
 * Where the compositor's socket may be: @display, a name in $XDG_RUNTIME_DIR or a path; NULL:
 * $WAYLAND_DISPLAY, else wayland-0, and any other wayland-N of that directory. 0 or -errno.
 */
int compositor_places(const char *display, struct display_search *places);

/*
 * A new connection to that, by way of the connector. Does not wait for the compositor. The fd is
 * the caller's; or -errno. @path gets the path of the socket that answered, or else of the first
 * one that was tried ("": there is no such path).
 */
int compositor_open_socket(const char *display, char path[COMPOSITOR_PATH_BYTES]);

/* Says in the log that the compositor is at @path, unless that was said last. */
void compositor_note(const char *path);

/* What compositor_note has said last, and whether connections are in a context. "": nothing yet. */
const char *compositor_noted(bool *in_context);

#endif
