/* What linux-dmabuf tells its clients, printed. */
#ifndef TESTS_CLIENTS_DMABUF_PRINT_H
#define TESTS_CLIENTS_DMABUF_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux-dmabuf-client-protocol.h"
#include "window.h"

struct dmabuf_heard {
	bool done;         /* a feedback is complete */
	bool names_screen; /* the newest one that is has formats that the screen can show */
	uint32_t flags;    /* of the tranches of the one that is not */
};

/* The default feedback, one event a line; dispatches until it is complete. */
void dmabuf_print_feedback(struct window *window, struct zwp_linux_dmabuf_v1 *dmabuf);

/* The feedback for the window's surface, likewise; it goes on, and changes *@heard, until it is
 * destroyed. */
struct zwp_linux_dmabuf_feedback_v1 *dmabuf_print_surface_feedback(
	struct window *window, struct zwp_linux_dmabuf_v1 *dmabuf, struct dmabuf_heard *heard);

/* A pair of the table that version 4 has, as version 3 tells it. */
void dmabuf_print_pair(uint32_t format, uint64_t modifier);

#endif
