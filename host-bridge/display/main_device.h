/* Which GPU a compositor draws with. */
#ifndef HOST_BRIDGE_DISPLAY_MAIN_DEVICE_H
#define HOST_BRIDGE_DISPLAY_MAIN_DEVICE_H

#include <sys/types.h>

/*
 * Asks the compositor at @fd (borrowed, a connection that nothing was said on) for the main device
 * of its linux-dmabuf, and waits for the answer however long it takes. 0; -EOPNOTSUPP: it names
 * none (no linux-dmabuf of version 4, as where it draws without a GPU); or -errno.
 */
int main_device_ask(int fd, dev_t *device);

#endif
