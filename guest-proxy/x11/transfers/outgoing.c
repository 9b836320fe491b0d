/*
 * Selections of X clients on their way out.
 *
 * Each has a window of its own as requestor, so that many may be under way. The owner answers with
 * a property: the data, or INCR, after which it writes the data piece by piece, each when the one
 * before was deleted.
 *
 * A pipe can only end, and to its reader all ends are alike: so what comes in pieces is collected
 * in a file in memory, and the pipe gets it when it is whole. If the owner dies before, the reader
 * gets nothing. One that only loses the selection goes on serving (ICCCM 2.2).
 *
 * Each may take as long as it likes, until its reader or the selection's owner goes. Where there
 * are too many, the one that has stood still for the longest time is given up.
 */
#include "guest-proxy/x11/transfers/outgoing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest-proxy/x11/base/latin1.h"
#include "guest-proxy/x11/transfers/watch.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"
#include "protocol/streams/shared_write.h"

#define OUTGOING_MAX 64
#define PIECE_BYTES (256 << 10)
#define SPOOL_BYTES (UINT64_C(256) << 20) /* of all that come in pieces */

struct outgoing {
	struct wl_list link; /* session::outgoing, the last that moved first */
	struct session *session;
	xcb_window_t window, owner; /* the requestor that is ours; who answers */
	xcb_atom_t selection, target;
	bool asked, answered; /* the owner; has it */
	bool orphaned;        /* the owner has died since */
	int fd;
	struct wl_event_source *source;
	uint8_t *piece;
	size_t piece_bytes, written_bytes;
	uint32_t offset_bytes; /* in the property */
	bool more;             /* the property has more behind this piece */
	bool incremental;
	int spool; /* the pieces so far; -1: none */
	uint64_t spooled_bytes, spool_at;
	bool whole;   /* the spool has all, and goes into the pipe */
	bool changed; /* the owner has written since the last question */
	bool waiting; /* for the owner to write */
};

static void fetch(struct outgoing *outgoing);

static void destroy(struct outgoing *outgoing)
{
	wl_list_remove(&outgoing->link);
	watch_end(outgoing->session, outgoing->owner);
	event_source_remove(&outgoing->source);
	if (outgoing->session->x)
		xcb_destroy_window(outgoing->session->x, outgoing->window);
	fd_close(&outgoing->fd);
	fd_close(&outgoing->spool);
	free(outgoing->piece);
	free(outgoing);
}

static struct outgoing *find(struct session *session, xcb_window_t window)
{
	struct outgoing *outgoing;
	wl_list_for_each(outgoing, &session->outgoing, link)
	{
		if (outgoing->window == window)
			return outgoing;
	}
	return NULL;
}

static void touch(struct outgoing *outgoing)
{
	wl_list_remove(&outgoing->link);
	wl_list_insert(&outgoing->session->outgoing, &outgoing->link);
}

static void make_room(struct session *session)
{
	if (wl_list_length(&session->outgoing) < OUTGOING_MAX)
		return;
	struct outgoing *oldest = wl_container_of(session->outgoing.prev, oldest, link);
	log_limited(LOG_LEVEL_WARN,
		"too many pastes from X: the one that stands still longest is given up");
	destroy(oldest);
}

/* The next piece of the spool; false: there is none, or memory is short. */
static bool load_piece(struct outgoing *outgoing)
{
	uint64_t bytes = min_u64(outgoing->spooled_bytes - outgoing->spool_at, PIECE_BYTES);
	outgoing->piece = bytes > 0 ? malloc(bytes) : NULL;
	if (!outgoing->piece ||
		pread(outgoing->spool, outgoing->piece, bytes, (off_t)outgoing->spool_at) !=
			(ssize_t)bytes)
		return false;
	outgoing->piece_bytes = bytes;
	outgoing->written_bytes = 0;
	outgoing->spool_at += bytes;
	return true;
}

/* The pipe has taken a piece, or the spool has. */
static void piece_done(struct outgoing *outgoing)
{
	free(outgoing->piece);
	outgoing->piece = NULL;
	if (outgoing->whole) {
		if (load_piece(outgoing))
			wl_event_source_fd_update(outgoing->source, WL_EVENT_WRITABLE);
		else
			destroy(outgoing);
	} else if (outgoing->more) {
		fetch(outgoing);
	} else if (!outgoing->incremental) {
		destroy(outgoing);
	} else {
		outgoing->offset_bytes = 0;
		outgoing->waiting = true;
		if (outgoing->changed)
			fetch(outgoing);
	}
}

static uint64_t spooled_by_all(const struct session *session)
{
	const struct outgoing *outgoing;
	uint64_t sum = 0;
	wl_list_for_each(outgoing, &session->outgoing, link) sum += outgoing->spooled_bytes;
	return sum;
}

/* True when @outgoing's piece is in the spool. */
static bool spool_piece(struct outgoing *outgoing)
{
	if (outgoing->spool < 0)
		outgoing->spool = memfd_create("wayferry-x11-selection", MFD_CLOEXEC);
	if (spooled_by_all(outgoing->session) + outgoing->piece_bytes > SPOOL_BYTES) {
		log_limited(LOG_LEVEL_WARN,
			"a paste from X is given up: those under way have more than %u MiB",
			(unsigned)(SPOOL_BYTES >> 20));
		return false;
	}
	ssize_t n = pwrite(outgoing->spool, outgoing->piece, outgoing->piece_bytes,
		(off_t)outgoing->spooled_bytes);
	if (n < 0 || (size_t)n != outgoing->piece_bytes)
		return false;
	outgoing->spooled_bytes += outgoing->piece_bytes;
	return true;
}

static int handle_writable(int fd, uint32_t mask, void *data)
{
	struct outgoing *outgoing = data;
	touch(outgoing);
	while (outgoing->piece && outgoing->written_bytes < outgoing->piece_bytes) {
		ssize_t n = shared_write(outgoing->fd, outgoing->piece + outgoing->written_bytes,
			outgoing->piece_bytes - outgoing->written_bytes);
		if (n == -EAGAIN) {
			wl_event_source_fd_update(outgoing->source, WL_EVENT_WRITABLE);
			return 0;
		}
		if (n < 0) {
			destroy(outgoing);
			return 0;
		}
		outgoing->written_bytes += (size_t)n;
	}
	wl_event_source_fd_update(outgoing->source, 0);
	if (outgoing->piece)
		piece_done(outgoing);
	else if (mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR))
		destroy(outgoing); /* nobody reads */
	return 0;
}

/* Types with a slash say themselves what they are. */
static bool is_latin1(const struct outgoing *outgoing, xcb_atom_t type)
{
	const struct session *session = outgoing->session;
	return type == SESSION_ATOM(session, STRING) &&
		(outgoing->target == SESSION_ATOM(session, STRING) ||
			outgoing->target == SESSION_ATOM(session, TEXT));
}

/* A piece with something in it. */
static void take_piece(
	struct outgoing *outgoing, const xcb_get_property_reply_t *reply, size_t bytes)
{
	const void *value = xcb_get_property_value(reply);
	bool latin1 = is_latin1(outgoing, reply->type);
	outgoing->piece = malloc(latin1 ? 2 * bytes : bytes);
	if (!outgoing->piece) {
		destroy(outgoing);
		return;
	}
	outgoing->piece_bytes = latin1 ? latin1_to_utf8(value, bytes, outgoing->piece) : bytes;
	if (!latin1)
		memcpy(outgoing->piece, value, bytes);
	outgoing->written_bytes = 0;
	outgoing->offset_bytes += (uint32_t)bytes;
	if (!outgoing->incremental)
		handle_writable(outgoing->fd, 0, outgoing);
	else if (spool_piece(outgoing))
		piece_done(outgoing);
	else
		destroy(outgoing);
}

static void handle_piece(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_get_property_reply_t *reply = answer;
	struct outgoing *outgoing = find(session, subject.id);
	if (!outgoing)
		return;
	size_t bytes = reply ? (size_t)xcb_get_property_value_length(reply) : 0;
	if (!reply || reply->type == XCB_NONE) {
		destroy(outgoing);
		return;
	}
	if (!outgoing->incremental && reply->type == SESSION_ATOM(session, INCR)) {
		if (outgoing->orphaned) {
			destroy(outgoing);
			return;
		}
		outgoing->incremental = true;
		outgoing->more = false;
		piece_done(outgoing);
		return;
	}
	outgoing->more = reply->bytes_after > 0;
	if (bytes == 0) { /* empty, or the end of the pieces */
		outgoing->whole = outgoing->incremental;
		piece_done(outgoing);
		return;
	}
	take_piece(outgoing, reply, bytes);
}

/* Deleted with its last piece, for which the owner waits. */
static void fetch(struct outgoing *outgoing)
{
	struct session *session = outgoing->session;
	outgoing->waiting = outgoing->changed = false;
	touch(outgoing);
	xcb_get_property_cookie_t cookie = xcb_get_property(session->x, 1, outgoing->window,
		SESSION_ATOM(session, _WAYFERRY_SELECTION), XCB_GET_PROPERTY_TYPE_ANY,
		outgoing->offset_bytes / 4, PIECE_BYTES / 4);
	replies_expect(&session->replies, cookie.sequence, handle_piece,
		(struct reply_subject){.id = outgoing->window});
}

static void ask(struct outgoing *outgoing, xcb_timestamp_t time)
{
	struct session *session = outgoing->session;
	outgoing->asked = true;
	xcb_convert_selection(session->x, outgoing->window, outgoing->selection, outgoing->target,
		SESSION_ATOM(session, _WAYFERRY_SELECTION), time);
}

void outgoing_ask(struct session *session, xcb_atom_t selection, xcb_timestamp_t time)
{
	struct outgoing *outgoing;
	wl_list_for_each(outgoing, &session->outgoing, link)
	{
		if (outgoing->selection == selection && !outgoing->asked)
			ask(outgoing, time);
	}
}

void outgoing_refuse_unasked(struct session *session, xcb_atom_t selection)
{
	struct outgoing *outgoing, *next;
	wl_list_for_each_safe(outgoing, next, &session->outgoing, link)
	{
		if (outgoing->selection == selection && !outgoing->asked)
			destroy(outgoing);
	}
}

void outgoing_start(struct session *session, xcb_atom_t selection, xcb_atom_t target,
	xcb_window_t owner, int fd)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	struct outgoing *outgoing = NULL;
	make_room(session);
	if (session->managing)
		outgoing = calloc(1, sizeof(*outgoing));
	if (!outgoing) {
		fd_close(&fd);
		return;
	}
	outgoing->session = session;
	outgoing->fd = fd;
	outgoing->spool = -1;
	outgoing->selection = selection;
	outgoing->target = target;
	outgoing->owner = owner;
	watch_begin(session, owner);
	outgoing->window = xcb_generate_id(session->x);
	wl_list_insert(&session->outgoing, &outgoing->link);
	xcb_create_window(session->x, XCB_COPY_FROM_PARENT, outgoing->window, session_root(session),
		0, 0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK,
		&mask);
	outgoing->source = wl_event_loop_add_fd(session->loop, fd, 0, handle_writable, outgoing);
	if (!outgoing->source)
		destroy(outgoing);
}

bool outgoing_notified(struct session *session, const xcb_selection_notify_event_t *event)
{
	struct outgoing *outgoing = find(session, event->requestor);
	if (!outgoing)
		return false;
	/* There is one answer to a question; any client can send more. */
	if (!outgoing->asked || outgoing->answered)
		return true;
	if (event->property == XCB_NONE) {
		destroy(outgoing);
	} else {
		outgoing->answered = true;
		fetch(outgoing);
	}
	return true;
}

bool outgoing_property(struct session *session, const xcb_property_notify_event_t *event)
{
	struct outgoing *outgoing = find(session, event->window);
	if (!outgoing)
		return false;
	if (event->state != XCB_PROPERTY_NEW_VALUE)
		return true;
	outgoing->changed = true;
	if (outgoing->waiting)
		fetch(outgoing);
	return true;
}

/* What it has written stays: the property is of our window. */
static void owner_died(struct outgoing *outgoing)
{
	if (outgoing->answered && !outgoing->incremental)
		outgoing->orphaned = true;
	else if (!outgoing->whole)
		destroy(outgoing);
}

void outgoing_owner_gone(struct session *session, xcb_atom_t selection, bool died)
{
	struct outgoing *outgoing, *next;
	wl_list_for_each_safe(outgoing, next, &session->outgoing, link)
	{
		if (outgoing->selection != selection)
			continue;
		if (died)
			owner_died(outgoing);
		else if (!outgoing->answered)
			destroy(outgoing);
	}
}

void outgoing_window_gone(struct session *session, xcb_window_t window)
{
	struct outgoing *outgoing, *next;
	wl_list_for_each_safe(outgoing, next, &session->outgoing, link)
	{
		if (outgoing->owner == window)
			owner_died(outgoing);
	}
}

void outgoing_finish(struct session *session)
{
	struct outgoing *outgoing, *next;
	wl_list_for_each_safe(outgoing, next, &session->outgoing, link) destroy(outgoing);
}
