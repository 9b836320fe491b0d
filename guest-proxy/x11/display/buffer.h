/* How large Xwayland's wl_buffers are: noted when they are made, whatever they are made of. */
#ifndef GUEST_PROXY_X11_DISPLAY_BUFFER_H
#define GUEST_PROXY_X11_DISPLAY_BUFFER_H

#include "protocol/relay/relay.h"

extern const struct relay_hook buffer_hooks[];

/* 0x0 for none, or where it is not known. */
void buffer_size(const struct relay_object *buffer, int32_t *width, int32_t *height);

#endif
