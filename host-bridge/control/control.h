/*
 * The control socket: the user asks a machine's wayferry-host what there is of the machine.
 *
 * A connection says one line, a request, gets an answer, lines of text with a line "." behind them,
 * and is closed. Whoever connects is checked (the user alone), and costs little: connections are
 * accepted at a bounded rate and kept in a bounded number, of which the oldest has to go; each may
 * say a few bytes and gets one answer, whose memory is bounded. Nobody is waited for.
 */
#ifndef HOST_BRIDGE_CONTROL_CONTROL_H
#define HOST_BRIDGE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdio.h>
#include <wayland-server-core.h>

#define CONTROL_REQUEST_BYTES 64
#define CONTROL_ANSWER_BYTES ((size_t)4 << 20)
#define CONTROL_CONNECTIONS 8
#define CONTROL_ACCEPT_MS 10 /* from one connection to the next */
#define CONTROL_END ".\n"

enum control_request {
	CONTROL_LIST, /* one line about the machine */
	CONTROL_SHOW, /* all there is */
	CONTROL_N_REQUESTS,
};

/* Writes lines, of which none is ".". */
typedef void control_answer(void *data, enum control_request request, bool json, FILE *out);

struct control;

/*
 * Listens at @path, in a directory that is the user's alone, and made if it is missing. @answer
 * gets @data. NULL, with a log line, when that cannot be: the machine works all the same.
 */
struct control *control_create(
	struct wl_event_loop *loop, const char *path, control_answer *answer, void *data);
/* The socket's file stays (see connector_start). NULL is fine. */
void control_destroy(struct control *control);

/* The word for @request, "show" or "show json". */
const char *control_request_text(enum control_request request, bool json);

#endif
