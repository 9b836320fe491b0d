/* x11-paste SELECTION TARGET PIECES: an X client that pastes a selection that comes by INCR.
 *
 * It takes that many pieces and says "pauses", takes no more until it reads a line from stdin, and
 * then the others. What it got is on stdout, what it says on stderr: "piece" for each, "end" at the
 * empty one that is the last; "refused", or "at once" if all of it came in one property.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

#define LONGEST_WORDS (16u << 20) /* of one piece */

static xcb_connection_t *x;

static xcb_atom_t atom(const char *name)
{
	xcb_intern_atom_reply_t *reply =
		xcb_intern_atom_reply(x, xcb_intern_atom(x, 0, (uint16_t)strlen(name), name), NULL);
	xcb_atom_t value = reply ? reply->atom : XCB_NONE;
	free(reply);
	return value;
}

static xcb_window_t create_window(void)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	xcb_window_t window = xcb_generate_id(x);
	xcb_create_window(x, XCB_COPY_FROM_PARENT, window,
		xcb_setup_roots_iterator(xcb_get_setup(x)).data->root, 0, 0, 1, 1, 0,
		XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &mask);
	return window;
}

/* Waits for the owner's answer: false, it refuses. */
static bool is_answered(void)
{
	xcb_generic_event_t *event;
	while ((event = xcb_wait_for_event(x))) {
		bool answer = (event->response_type & 0x7f) == XCB_SELECTION_NOTIFY;
		bool ok = ((xcb_selection_notify_event_t *)event)->property != XCB_NONE;
		free(event);
		if (answer)
			return ok;
	}
	return false;
}

/* Waits until the owner has written something to the property. */
static bool is_written(xcb_atom_t property)
{
	xcb_generic_event_t *event;
	while ((event = xcb_wait_for_event(x))) {
		const xcb_property_notify_event_t *notify = (void *)event;
		bool written = (event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY &&
			notify->atom == property && notify->state == XCB_PROPERTY_NEW_VALUE;
		free(event);
		if (written)
			return true;
	}
	return false;
}

static xcb_get_property_reply_t *take(xcb_window_t window, xcb_atom_t property)
{
	xcb_get_property_reply_t *reply = xcb_get_property_reply(x,
		xcb_get_property(
			x, 1, window, property, XCB_GET_PROPERTY_TYPE_ANY, 0, LONGEST_WORDS),
		NULL);
	if (!reply)
		exit(1);
	return reply;
}

/* Passes the piece on: false, it is empty. */
static bool write_piece(const xcb_get_property_reply_t *reply)
{
	size_t bytes = (size_t)xcb_get_property_value_length(reply);
	fwrite(xcb_get_property_value(reply), 1, bytes, stdout);
	return bytes > 0;
}

static void take_pieces(xcb_window_t window, xcb_atom_t property, int before_pause)
{
	for (int i = 1; is_written(property); i++) {
		xcb_get_property_reply_t *reply = take(window, property);
		bool more = write_piece(reply);
		free(reply);
		fprintf(stderr, more ? "piece\n" : "end\n");
		if (!more)
			return;
		if (i == before_pause) {
			fprintf(stderr, "pauses\n");
			getchar();
		}
	}
}

int main(int argc, char **argv)
{
	x = xcb_connect(NULL, NULL);
	if (argc != 4 || xcb_connection_has_error(x)) {
		fprintf(stderr, "wrong usage, or no X display\n");
		return 2;
	}
	xcb_window_t window = create_window();
	xcb_atom_t property = atom("_PASTED"), incr = atom("INCR");
	xcb_convert_selection(x, window, atom(argv[1]), atom(argv[2]), property, XCB_CURRENT_TIME);
	xcb_flush(x);
	if (!is_answered()) {
		fprintf(stderr, "refused\n");
		return 1;
	}
	xcb_get_property_reply_t *reply = take(window, property);
	if (reply->type == incr) {
		take_pieces(window, property, atoi(argv[3]));
	} else {
		write_piece(reply);
		fprintf(stderr, "at once\n");
	}
	free(reply);
	xcb_disconnect(x);
	return fflush(stdout) != 0;
}
