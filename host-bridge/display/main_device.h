/* Which GPU a compositor draws with. */
#ifndef HOST_BRIDGE_DISPLAY_MAIN_DEVICE_H
#define HOST_BRIDGE_DISPLAY_MAIN_DEVICE_H

#include <stdbool.h>
#include <sys/types.h>

#define MAIN_DEVICE_LOOK_S 5

struct main_device_wait {
	/* The compositor has not said a word for so long; called every MAIN_DEVICE_LOOK_S. False:
	 * it is not waited for any longer. */
	bool (*still)(void *data, unsigned silent_s);
	void *data;
};

/*
 * Asks the compositor at @fd (borrowed, a connection that nothing was said on) for the main device
 * of its linux-dmabuf, and waits for the answer however long it takes, or as long as @wait (NULL is
 * fine) has it. 0; -EOPNOTSUPP: it names none (no linux-dmabuf of version 4, as where it draws
 * without a GPU); -ETIMEDOUT: @wait has given up; or -errno.
 */
int main_device_ask(int fd, dev_t *device, const struct main_device_wait *wait);

#endif
