/*
 * Selections of Wayland clients on their way to X.
 *
 * What fits in one property is written at once. More goes by INCR: a piece each time the requestor
 * has deleted the one before, and an empty one at the end. Meanwhile the pipe is read on, up to
 * SPOOL_BYTES for all: an owner that serves one after the other does not wait for a requestor that
 * never answers, and nor do the others.
 *
 * Each may take as long as it likes. Only where there are too many, one that waits for its
 * requestor is given up, the one that has stood still for the longest time.
 */
#include "guest-proxy/x11/transfers/incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/x11/base/latin1.h"
#include "guest-proxy/x11/transfers/watch.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define INCOMING_MAX 64
#define PIECE_BYTES (128 << 10) /* below what a request may have */
#define SPOOL_BYTES (64 << 20)

struct incoming {
	struct wl_list link; /* session::incoming, the last that moved first */
	struct session *session;
	struct incoming_request *request; /* NULL: answered, the pieces follow */
	xcb_window_t requestor;
	xcb_atom_t property, type;
	int fd;
	struct wl_event_source *source; /* NULL: nothing is read for now */
	uint8_t *data;
	size_t room, start, bytes;   /* of data; what has yet to be written */
	struct latin1_reader reader; /* of a STRING */
	bool end;                    /* of the pipe */
	bool watching;               /* the requestor */
	bool deleted;                /* the requestor is ready for a piece */
};

static struct incoming *find_idle(struct session *session)
{
	struct incoming *incoming;
	wl_list_for_each_reverse(incoming, &session->incoming, link)
	{
		if (!incoming->request)
			return incoming;
	}
	return wl_list_empty(&session->incoming)
		? NULL
		: wl_container_of(session->incoming.prev, incoming, link);
}

static void give_up(struct incoming *incoming);

static void make_room(struct session *session, const struct wl_list *list)
{
	struct incoming *idle;
	if (wl_list_length(list) < INCOMING_MAX || !(idle = find_idle(session)))
		return;
	log_limited(LOG_LEVEL_WARN,
		"too many pastes in X: the one that stands still longest is given up");
	give_up(idle);
}

/* Requests */

static void answer(struct session *session, const xcb_selection_request_event_t *event, bool ok)
{
	const xcb_selection_notify_event_t notify = {
		.response_type = XCB_SELECTION_NOTIFY,
		.time = event->time,
		.requestor = event->requestor,
		.selection = event->selection,
		.target = event->target,
		.property = ok ? event->property : XCB_NONE,
	};
	if (session->x)
		xcb_send_event(session->x, 0, event->requestor, XCB_EVENT_MASK_NO_EVENT,
			(const char *)&notify);
}

void incoming_refuse(struct session *session, const xcb_selection_request_event_t *event)
{
	answer(session, event, false);
}

struct incoming_request *incoming_request_create(
	struct session *session, const xcb_selection_request_event_t *event)
{
	static uint32_t number;
	struct incoming_request *request = NULL;
	make_room(session, &session->requests);
	if (wl_list_length(&session->requests) < INCOMING_MAX)
		request = malloc(sizeof(*request));
	if (!request) {
		incoming_refuse(session, event);
		return NULL;
	}
	*request = (struct incoming_request){
		.session = session, .number = ++number, .event = *event, .pending = 1};
	wl_list_insert(&session->requests, &request->link);
	return request;
}

struct incoming_request *incoming_request_find(struct session *session, uint32_t number)
{
	struct incoming_request *request;
	wl_list_for_each(request, &session->requests, link)
	{
		if (request->number == number)
			return request;
	}
	return NULL;
}

static void fail_pair(struct incoming_request *request, xcb_atom_t property)
{
	for (uint32_t i = 0; i < request->n_pairs; i++) {
		if (request->pairs[2 * i + 1] == property)
			request->pairs[(size_t)2 * i] = XCB_NONE;
	}
	request->pairs_failed++;
}

void incoming_request_done(struct incoming_request *request, xcb_atom_t property, bool ok)
{
	if (!ok && request->n_pairs > 0)
		fail_pair(request, property);
	else
		request->failed |= !ok;
	if (--request->pending > 0)
		return;
	if (request->pairs_failed > 0 && request->session->x)
		xcb_change_property(request->session->x, XCB_PROP_MODE_REPLACE,
			request->event.requestor, request->event.property, request->pairs_type, 32,
			2 * request->n_pairs, request->pairs);
	answer(request->session, &request->event, !request->failed);
	wl_list_remove(&request->link);
	free(request);
}

/* Conversions */

static void done(struct incoming *incoming, bool ok)
{
	if (incoming->request)
		incoming_request_done(incoming->request, incoming->property, ok);
	incoming->request = NULL;
}

static void destroy(struct incoming *incoming)
{
	struct session *session = incoming->session;
	done(incoming, false);
	event_source_remove(&incoming->source);
	fd_close(&incoming->fd);
	session->spooled_bytes -= incoming->room;
	free(incoming->data);
	wl_list_remove(&incoming->link);
	if (incoming->watching)
		watch_end(session, incoming->requestor);
	free(incoming);
}

static void write_piece(struct incoming *incoming)
{
	size_t bytes = incoming->bytes < PIECE_BYTES ? incoming->bytes : PIECE_BYTES;
	xcb_change_property(incoming->session->x, XCB_PROP_MODE_REPLACE, incoming->requestor,
		incoming->property, incoming->type, 8, (uint32_t)bytes,
		incoming->data + incoming->start);
	incoming->start += bytes;
	incoming->bytes -= bytes;
	incoming->deleted = false;
	if (incoming->bytes == 0)
		incoming->start = 0;
}

/* Who waits for pieces, or has yet to take one, is told the end: an empty one (ICCCM 2.7.2). */
static void give_up(struct incoming *incoming)
{
	incoming->bytes = 0;
	if (incoming->watching && incoming->session->x)
		write_piece(incoming);
	destroy(incoming);
}

/* Room behind what is there; false: there is none for now. */
static bool grow(struct incoming *incoming)
{
	struct session *session = incoming->session;
	if (incoming->start + incoming->bytes < incoming->room)
		return true;
	/* Not each time that a piece went: much would be moved for little. */
	if (incoming->start > 0 && incoming->start >= incoming->bytes) {
		memmove(incoming->data, incoming->data + incoming->start, incoming->bytes);
		incoming->start = 0;
		return true;
	}
	/* The first is everybody's. */
	size_t more = incoming->room > 0 ? incoming->room : PIECE_BYTES;
	if (incoming->room > 0 && session->spooled_bytes + more > SPOOL_BYTES)
		return false;
	uint8_t *data = realloc(incoming->data, incoming->room + more);
	if (!data)
		return false;
	incoming->data = data;
	incoming->room += more;
	session->spooled_bytes += more;
	return true;
}

/* Too much for one property: the requestor says when it wants the next piece. */
static void begin_pieces(struct incoming *incoming)
{
	struct session *session = incoming->session;
	const uint32_t least = (uint32_t)incoming->bytes;
	watch_begin(session, incoming->requestor);
	incoming->watching = true;
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, incoming->requestor,
		incoming->property, SESSION_ATOM(session, INCR), 32, 1, &least);
	done(incoming, true);
}

static int handle_readable(int fd, uint32_t mask, void *data);

/* A source that only asks for nothing would report a hang-up again and again. False: no memory. */
static bool watch(struct incoming *incoming, bool reading)
{
	if (!reading)
		event_source_remove(&incoming->source);
	else if (!incoming->source)
		incoming->source = wl_event_loop_add_fd(incoming->session->loop, incoming->fd,
			WL_EVENT_READABLE, handle_readable, incoming);
	return !reading || incoming->source;
}

/* What can be done with what was read. */
static void advance(struct incoming *incoming)
{
	wl_list_remove(&incoming->link);
	wl_list_insert(&incoming->session->incoming, &incoming->link);
	if (incoming->request && incoming->end && incoming->bytes <= PIECE_BYTES) {
		write_piece(incoming);
		done(incoming, true);
		destroy(incoming);
		return;
	}
	if (incoming->request && incoming->bytes >= PIECE_BYTES)
		begin_pieces(incoming);
	if (!incoming->request && incoming->deleted && (incoming->bytes > 0 || incoming->end)) {
		bool last = incoming->bytes == 0;
		write_piece(incoming);
		if (last) {
			destroy(incoming);
			return;
		}
	}
	if (!watch(incoming, !incoming->end && grow(incoming)))
		give_up(incoming);
}

/* There is room: advance has seen to that. */
static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct incoming *incoming = data;
	size_t used = incoming->start + incoming->bytes;
	ssize_t n = read(fd, incoming->data + used, incoming->room - used);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		give_up(incoming);
		return 0;
	}
	incoming->end = n == 0;
	incoming->bytes += incoming->type == SESSION_ATOM(incoming->session, STRING)
		? latin1_from_utf8(&incoming->reader, incoming->data + used, (size_t)n)
		: (size_t)n;
	advance(incoming);
	return 0;
}

void incoming_start(struct incoming_request *request, xcb_atom_t property, xcb_atom_t type, int fd)
{
	struct session *session = request->session;
	make_room(session, &session->incoming);
	struct incoming *incoming = calloc(1, sizeof(*incoming));
	if (!incoming) {
		fd_close(&fd);
		incoming_request_done(request, property, false);
		return;
	}
	*incoming = (struct incoming){
		.session = session,
		.request = request,
		.requestor = request->event.requestor,
		.property = property,
		.type = type,
		.fd = fd,
	};
	wl_list_insert(&session->incoming, &incoming->link);
	if (fd_set_nonblock(fd) < 0 || !grow(incoming) || !watch(incoming, true))
		destroy(incoming);
}

void incoming_property(struct session *session, const xcb_property_notify_event_t *event)
{
	struct incoming *incoming, *next;
	if (event->state != XCB_PROPERTY_DELETE)
		return;
	wl_list_for_each_safe(incoming, next, &session->incoming, link)
	{
		if (incoming->requestor != event->window || incoming->property != event->atom ||
			incoming->request)
			continue;
		incoming->deleted = true;
		advance(incoming);
	}
}

void incoming_window_gone(struct session *session, xcb_window_t window)
{
	struct incoming *incoming, *next;
	wl_list_for_each_safe(incoming, next, &session->incoming, link)
	{
		if (incoming->requestor == window)
			destroy(incoming);
	}
}

void incoming_finish(struct session *session)
{
	struct incoming *incoming, *next;
	wl_list_for_each_safe(incoming, next, &session->incoming, link) destroy(incoming);
	struct incoming_request *request, *after;
	wl_list_for_each_safe(request, after, &session->requests, link)
	{
		wl_list_remove(&request->link);
		free(request);
	}
}
