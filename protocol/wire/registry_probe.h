/*
 * Asks a compositor which globals it has, with the two requests that it takes. For `doctor`; the
 * caller carries the bytes.
 */
#ifndef PROTOCOL_WIRE_REGISTRY_PROBE_H
#define PROTOCOL_WIRE_REGISTRY_PROBE_H

#include "protocol/wire/wire_talk.h"

struct registry_probe {
	/* Called for each global; the text lives during the call. */
	void (*global)(void *data, const char *interface, uint32_t version);
	void *data;
	bool done;       /* all globals were told */
	char error[256]; /* an error of the compositor's, or why it was not understood */
	struct wire_events events;
};

/* The requests to send: *@size bytes, static. */
const uint8_t *registry_probe_requests(size_t *size);

/* Bytes of the compositor. False when it is over: done, or an error. */
bool registry_probe_feed(struct registry_probe *probe, const uint8_t *bytes, size_t size);

#endif
