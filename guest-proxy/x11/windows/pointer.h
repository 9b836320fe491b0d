/* Pointers, touch and pens: places in X pixels, on the window that is on top in X, too. */
#ifndef GUEST_PROXY_X11_WINDOWS_POINTER_H
#define GUEST_PROXY_X11_WINDOWS_POINTER_H

#include "protocol/relay/relay.h"

extern const struct relay_hook pointer_hooks[];

#endif
