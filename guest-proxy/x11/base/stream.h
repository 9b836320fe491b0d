/* A Wayland socket, one end of the relay: what it says goes to the relay, what it is told waits. */
#ifndef GUEST_PROXY_X11_BASE_STREAM_H
#define GUEST_PROXY_X11_BASE_STREAM_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "protocol/relay/relay.h"
#include "protocol/streams/byte_queue.h"

struct stream {
	int fd;
	struct wl_event_source *source;
	uint32_t mask; /* what the source waits for */
	struct relay *relay;
	enum relay_end end; /* that it is of the relay */
	bool hung_up;
	struct byte_queue out;
};

/* Takes @fd, also on error; borrows @relay. 0 or -errno. */
int stream_init(struct stream *stream, struct wl_event_loop *loop, struct relay *relay,
	enum relay_end end, int fd);
/* Also for one whose init failed. */
void stream_finish(struct stream *stream);

/* Queues a message; takes its handles. 0 or -errno. */
int stream_send(struct stream *stream, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/* Sends what can be sent and waits for the rest; reads on only while @reading. */
void stream_update(struct stream *stream, bool reading);

/* So much waits that the other end should not be read for now. */
bool stream_is_full(const struct stream *stream);

#endif
