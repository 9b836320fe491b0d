/*
 * The socket to the monitor that shows the machine's scanouts: one message out at a time, composed
 * when the last one has gone, so that a monitor that is slow holds up nothing and costs no more
 * memory; and questions, which it answers in its own time.
 */
#ifndef HOST_BRIDGE_CONSOLE_CONSOLE_LINK_H
#define HOST_BRIDGE_CONSOLE_CONSOLE_LINK_H

#include <linux/virtio_gpu.h>
#include <stdbool.h>
#include <stddef.h>
#include <wayland-server-core.h>

#include "host-bridge/console/console_protocol.h"

/* All messages that are composed at once, headers included. */
#define CONSOLE_LINK_OUT_BYTES ((256u << 10) + 4096)

union console_payload { /* of answers */
	uint64_t u64;
	struct virtio_gpu_resp_display_info info;
	struct virtio_gpu_resp_edid edid;
	uint8_t bytes[sizeof(struct virtio_gpu_resp_edid)];
};

/* @answer (what the question was for), or NULL: there is none. */
typedef void (*console_answer_fn)(void *data, const union console_payload *answer);

struct console_link {
	struct wl_event_loop *loop;
	/* Composes what is to be sent next, with console_link_put. False: nothing is. */
	bool (*next)(void *data);
	void *data;

	int socket; /* -1: there is none */
	struct wl_event_source *source;
	enum { LINK_NEW, LINK_GREETED, LINK_MET, LINK_READY } state; /* of the features' talk */
	uint64_t features;
	bool lost; /* it made no sense: nobody answers before the next socket */

	struct console_header in;
	union console_payload payload;
	size_t received; /* of both */

	struct wl_list questions; /* struct question, oldest first */
	bool asked;               /* the oldest is on its way, */
	bool orphaned;            /* or was, and is not there any more */
	bool edid_there;
	struct virtio_gpu_resp_edid edid;
	bool updating; /* a DMABUF_UPDATE is not answered yet */

	int out_fd; /* ours, goes with the first byte; -1: none */
	size_t out_size, out_sent;
	_Alignas(uint64_t) uint8_t out[CONSOLE_LINK_OUT_BYTES];
};

/* @next gets @data. */
void console_link_init(struct console_link *link, struct wl_event_loop *loop,
	bool (*next)(void *data), void *data);
/* Closes the socket, drops the questions. */
void console_link_finish(struct console_link *link);

/* Takes @socket, also on error, and closes the one before. What was asked and not answered is asked
 * again. 0 or -errno. */
int console_link_open(struct console_link *link, int socket);
/* Closes the socket. Questions wait for the next one. */
void console_link_close(struct console_link *link);

/* There may be something to send: @next is called from the event loop. */
void console_link_want(struct console_link *link);

/* Whether the monitor understands DMABUF_SCANOUT2. Once it is asked what is to be sent. */
bool console_link_knows_modifiers(const struct console_link *link);

/* Adds a message of @size bytes of payload, which the caller writes to where this points (as
 * aligned as the message before it has left it). */
void *console_link_put(struct console_link *link, uint32_t request, uint32_t size);

/* A copy of @fd (borrowed) goes with the message that is put next, the first that next() puts.
 * False: there is no fd for the copy. */
bool console_link_put_fd(struct console_link *link, int fd);

/*
 * Asks for the displays, or for the EDID of one (@request, GET_DISPLAY_INFO or GET_EDID). @done is
 * called from the event loop, once. 0; -ENOTCONN: there is nobody to ask (and @done is not called);
 * or -ENOMEM.
 */
int console_link_ask(struct console_link *link, enum console_request request, uint32_t scanout,
	console_answer_fn done, void *data);
/* All questions end without an answer. */
void console_link_drop_questions(struct console_link *link);

#endif
