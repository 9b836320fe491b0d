/* Two connected sockets made one: what either end says, bytes and fds, goes to the other. */
#ifndef TESTS_WLCS_PUMP_H
#define TESTS_WLCS_PUMP_H

#include <stddef.h>
#include <stdint.h>

struct pump_listener {
	/* Bytes from @near to @far, before they go on; called by a thread of its own. */
	void (*sent)(void *data, const uint8_t *bytes, size_t n);
	/* Both directions have ended: the last call. The sockets are the caller's again. */
	void (*ended)(void *data);
};

/* Starts two threads; 0 or an errno value. The sockets are borrowed until they have ended. */
int pump_start(int near, int far, const struct pump_listener *listener, void *data);

#endif
