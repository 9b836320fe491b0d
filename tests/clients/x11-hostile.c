/* x11-hostile: an X client that does all that X lets it, in no sensible order: messages of XDND and
 * of window managers to whichever window, selections and what belongs to them, properties of any
 * size and type on its own windows and on those of others, windows that come and go.
 *
 *   x11-hostile SEED COUNT
 *
 * The same seed gives the same requests, but for the windows that it finds. It destroys and kills
 * nothing of others: X lets every client do that, and no window manager can keep it from it. It has
 * no menus: sway 1.7 ends who draws one just when the focus goes (wlroots 0.15 takes a popup that
 * it has dismissed for one that was never configured).
 * "mapped": its window is there, which stays, and it begins with SIGUSR1; "done COUNT" at the end.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

#define OWN 6
#define FOUND_MAX 64
#define WORDS_MAX 65000
#define SYNC_EVERY 64

static const char *const names[] = {
	"XdndEnter",
	"XdndPosition",
	"XdndStatus",
	"XdndLeave",
	"XdndDrop",
	"XdndFinished",
	"XdndSelection",
	"XdndAware",
	"XdndTypeList",
	"XdndActionList",
	"XdndActionCopy",
	"XdndActionMove",
	"XdndActionAsk",
	"CLIPBOARD",
	"PRIMARY",
	"TARGETS",
	"MULTIPLE",
	"TIMESTAMP",
	"INCR",
	"UTF8_STRING",
	"text/uri-list",
	"text/plain",
	"ATOM_PAIR",
	"ATOM",
	"WINDOW",
	"CARDINAL",
	"WM_HINTS",
	"WM_NORMAL_HINTS",
	"WM_TRANSIENT_FOR",
	"WM_CLASS",
	"WM_PROTOCOLS",
	"WM_CHANGE_STATE",
	"_NET_WM_NAME",
	"_NET_WM_ICON",
	"_NET_WM_STATE",
	"_NET_WM_WINDOW_TYPE",
	"_NET_WM_MOVERESIZE",
	"_NET_ACTIVE_WINDOW",
	"_MOTIF_WM_HINTS",
	"_GTK_FRAME_EXTENTS",
	"WL_SURFACE_ID",
	"WL_SURFACE_SERIAL",
	"RESOURCE_MANAGER",
};

#define NAMES (sizeof(names) / sizeof(names[0]))
#define XDND_NAMES 6

struct hostile {
	xcb_connection_t *x;
	xcb_screen_t *screen;
	uint64_t random;
	xcb_atom_t atoms[NAMES];
	xcb_window_t own[OWN], found[FOUND_MAX];
	size_t found_count;
};

/* xorshift */
static uint32_t below(struct hostile *hostile, uint32_t limit)
{
	hostile->random ^= hostile->random << 13;
	hostile->random ^= hostile->random >> 7;
	hostile->random ^= hostile->random << 17;
	return (uint32_t)(hostile->random >> 16) % limit;
}

static xcb_atom_t any_atom(struct hostile *hostile)
{
	return hostile->atoms[below(hostile, NAMES)];
}

static xcb_window_t own_window(struct hostile *hostile)
{
	return hostile->own[below(hostile, OWN)];
}

static xcb_window_t any_window(struct hostile *hostile)
{
	if (hostile->found_count == 0 || below(hostile, 3) == 0)
		return own_window(hostile);
	return hostile->found[below(hostile, (uint32_t)hostile->found_count)];
}

/* As what messages are made of. */
static uint32_t any_word(struct hostile *hostile)
{
	switch (below(hostile, 6)) {
	case 0:
		return any_window(hostile);
	case 1:
		return any_atom(hostile);
	case 2:
		return below(hostile, 12);
	case 3:
		return 5u << 24 | below(hostile, 2);
	case 4:
		return UINT32_MAX - below(hostile, 3);
	}
	return (uint32_t)hostile->random;
}

/* What it does */

static void message(struct hostile *hostile)
{
	static const uint8_t formats[] = {32, 32, 32, 32, 8, 16};
	xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = formats[below(hostile, sizeof(formats))],
		.window = any_window(hostile),
		.type = below(hostile, 3) ? hostile->atoms[below(hostile, XDND_NAMES)]
					  : any_atom(hostile),
	};
	for (int i = 0; i < 5; i++)
		event.data.data32[i] = any_word(hostile);
	/* Mostly it is who it says. */
	if (below(hostile, 4))
		event.data.data32[0] = own_window(hostile);
	xcb_window_t to = below(hostile, 4) ? event.window : hostile->screen->root;
	xcb_send_event(hostile->x, 0, to,
		to == hostile->screen->root
			? XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY | XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT
			: 0,
		(const char *)&event);
}

static void own_selection(struct hostile *hostile)
{
	static const size_t selections[] = {6, 6, 6, 13, 14};
	xcb_window_t owner = below(hostile, 4) ? own_window(hostile) : XCB_NONE;
	if (below(hostile, 20) == 0)
		owner = hostile->screen->root;
	xcb_set_selection_owner(hostile->x, owner, hostile->atoms[selections[below(hostile, 5)]],
		below(hostile, 3) ? XCB_CURRENT_TIME : any_word(hostile));
}

static void set_property(struct hostile *hostile)
{
	static uint32_t words[WORDS_MAX];
	static const uint8_t formats[] = {32, 32, 8, 16};
	uint8_t format = formats[below(hostile, 4)];
	uint32_t count = below(hostile, 8) ? below(hostile, 12) : below(hostile, WORDS_MAX);
	for (uint32_t i = 0; i < count && i < 64; i++)
		words[i] = any_word(hostile);
	xcb_change_property(hostile->x, (uint8_t)below(hostile, 3), any_window(hostile),
		any_atom(hostile), any_atom(hostile), format, count, words);
}

static void delete_property(struct hostile *hostile)
{
	xcb_delete_property(hostile->x, any_window(hostile), any_atom(hostile));
}

static void convert(struct hostile *hostile)
{
	xcb_convert_selection(hostile->x, own_window(hostile),
		hostile->atoms[below(hostile, 2) ? 6 : 13], any_atom(hostile),
		below(hostile, 8) ? any_atom(hostile) : XCB_NONE, any_word(hostile));
}

/* Answers and requests that nobody asked for. */
static void selection_event(struct hostile *hostile)
{
	const xcb_selection_request_event_t request = {
		.response_type = XCB_SELECTION_REQUEST,
		.time = any_word(hostile),
		.owner = any_window(hostile),
		.requestor = any_window(hostile),
		.selection = any_atom(hostile),
		.target = any_atom(hostile),
		.property = any_atom(hostile),
	};
	const xcb_selection_notify_event_t notify = {
		.response_type = XCB_SELECTION_NOTIFY,
		.time = any_word(hostile),
		.requestor = any_window(hostile),
		.selection = any_atom(hostile),
		.target = any_atom(hostile),
		.property = any_atom(hostile),
	};
	if (below(hostile, 2))
		xcb_send_event(hostile->x, 0, request.owner, 0, (const char *)&request);
	else
		xcb_send_event(hostile->x, 0, notify.requestor, 0, (const char *)&notify);
}

static xcb_window_t create(struct hostile *hostile, uint16_t width, uint16_t height)
{
	const uint32_t colour = 0x8040c0;
	xcb_window_t window = xcb_generate_id(hostile->x);
	xcb_create_window(hostile->x, XCB_COPY_FROM_PARENT, window, hostile->screen->root, 0, 0,
		width, height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
		XCB_CW_BACK_PIXEL, &colour);
	return window;
}

/* All but the first, which stays. */
static void change_window(struct hostile *hostile)
{
	xcb_window_t *window = &hostile->own[1 + below(hostile, OWN - 1)];
	uint32_t values[] = {below(hostile, 3000), below(hostile, 3000), 1 + below(hostile, 600),
		1 + below(hostile, 600)};
	switch (below(hostile, 5)) {
	case 0:
		xcb_map_window(hostile->x, *window);
		break;
	case 1:
		xcb_unmap_window(hostile->x, *window);
		break;
	case 2:
		xcb_configure_window(hostile->x, *window, 15, values);
		break;
	case 3:
		xcb_reparent_window(hostile->x, *window,
			below(hostile, 2) ? hostile->screen->root : hostile->own[0], 1, 1);
		break;
	case 4:
		xcb_destroy_window(hostile->x, *window);
		*window = create(hostile, (uint16_t)values[2], (uint16_t)values[3]);
		break;
	}
}

/* With those of the window manager. */
static void find_windows(struct hostile *hostile)
{
	xcb_query_tree_reply_t *tree = xcb_query_tree_reply(
		hostile->x, xcb_query_tree(hostile->x, hostile->screen->root), NULL);
	if (!tree)
		return;
	const xcb_window_t *children = xcb_query_tree_children(tree);
	size_t count = (size_t)xcb_query_tree_children_length(tree);
	hostile->found_count = count < FOUND_MAX ? count : FOUND_MAX;
	memcpy(hostile->found, children, hostile->found_count * sizeof(*children));
	free(tree);
}

static void (*const deeds[])(struct hostile *hostile) = {
	message,
	message,
	message,
	own_selection,
	set_property,
	set_property,
	delete_property,
	convert,
	selection_event,
	change_window,
};

#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

static void start(struct hostile *hostile)
{
	static const char title[] = "Hostile";
	for (size_t i = 0; i < NAMES; i++) {
		xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(hostile->x,
			xcb_intern_atom(hostile->x, 0, (uint16_t)strlen(names[i]), names[i]), NULL);
		hostile->atoms[i] = reply ? reply->atom : XCB_NONE;
		free(reply);
	}
	for (size_t i = 0; i < OWN; i++)
		hostile->own[i] = create(hostile, 300, 200);
	xcb_change_property(hostile->x, XCB_PROP_MODE_REPLACE, hostile->own[0], XCB_ATOM_WM_NAME,
		XCB_ATOM_STRING, 8, sizeof(title) - 1, title);
	xcb_map_window(hostile->x, hostile->own[0]);
	xcb_flush(hostile->x);
	printf("mapped\n");
}

int main(int argc, char **argv)
{
	struct hostile hostile = {.x = xcb_connect(NULL, NULL)};
	sigset_t begin;
	int signal;

	sigemptyset(&begin);
	sigaddset(&begin, SIGUSR1);
	sigprocmask(SIG_BLOCK, &begin, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3 || xcb_connection_has_error(hostile.x)) {
		fprintf(stderr, "usage: x11-hostile SEED COUNT, with $DISPLAY\n");
		return 2;
	}
	hostile.screen = xcb_setup_roots_iterator(xcb_get_setup(hostile.x)).data;
	hostile.random = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
	long count = strtol(argv[2], NULL, 10), done = 0;
	start(&hostile);
	sigwait(&begin, &signal);
	for (; done < count && !xcb_connection_has_error(hostile.x); done++) {
		xcb_generic_event_t *event;
		if (done % SYNC_EVERY == 0)
			find_windows(&hostile);
		deeds[below(&hostile, DEEDS)](&hostile);
		while ((event = xcb_poll_for_event(hostile.x)))
			free(event);
	}
	find_windows(&hostile); /* X has heard all of it */
	printf("done %ld\n", done);
	xcb_disconnect(hostile.x);
	return 0;
}
