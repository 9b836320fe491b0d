/* x11-window: X windows that do what they are told and write down what happens to them.
 *
 * Reads commands from stdin, one a line, until its end. Windows are numbers from 1:
 *
 *   create N X Y W H COLOUR [override]   #rrggbb
 *   map N | unmap N | destroy N | raise N | focus N
 *   configure N X Y W H
 *   title N TEXT | class N TEXT | transient N OTHER
 *   atoms N PROPERTY ATOM... | words N PROPERTY WORD...
 *   icon N SIZE COLOUR                   _NET_WM_ICON, all of one colour, SIZE pixels each way
 *   bytes N PROPERTY COUNT               a text of that many bytes
 *   message N TYPE WORD...               to the root; words may be atoms' names
 *   grab N | ungrab                      the pointer
 *   confine N                            likewise, and it cannot leave the window
 *   cursor N shown|hidden                over the window
 *   cursor N COLOUR...                   of CURSOR_PX each way; several come one after the other
 *   warp N X Y                           the pointer, to a place in the window
 *   own N SELECTION                      and never answers for it; "disowned": lost
 *   ask N SELECTION TARGET PROPERTY      and never takes the answer
 *   askall N SELECTION TARGET...         by MULTIPLE; the answers' sizes are printed, -1: none
 *   shape N bounding|input X Y W H ...   of these boxes; of none: unshaped
 *   checker N bounding|input W H         of every other pixel
 *   flood N COUNT                        changes its title so often
 *   sleep MILLISECONDS | sync
 *
 * Prints "N EVENT ..." lines: button, motion, key, focus, configure, map, unmap, and the messages
 * of WM_PROTOCOLS, of which it answers _NET_WM_PING unless a window was given "mute N".
 */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xcb/shape.h>
#include <xcb/xcb.h>
#include <xcb/xcbext.h>

#define WINDOWS 1100
#define WORDS 24
#define CURSOR_PX 24
#define CURSOR_MS 700 /* that each of several is shown */
#define CREATE_ANIM_CURSOR 31

struct client {
	xcb_window_t drag_source; /* XDND */
	xcb_atom_t drag_type, drag_action;
	xcb_connection_t *x;
	xcb_screen_t *screen;
	xcb_window_t windows[WINDOWS];
	bool mute[WINDOWS];
};

/* As in drag.c. */
static int wrong_bytes(const unsigned char *bytes, int count)
{
	int wrong = 0;
	for (int i = 0; i < count; i++)
		wrong += bytes[i] != (unsigned char)((size_t)i * 2654435761u >> 13);
	return wrong;
}

static xcb_atom_t atom(struct client *client, const char *name)
{
	xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
		client->x, xcb_intern_atom(client->x, 0, (uint16_t)strlen(name), name), NULL);
	xcb_atom_t value = reply ? reply->atom : 0;
	free(reply);
	return value;
}

static int number_of(const struct client *client, xcb_window_t id)
{
	for (int i = 1; i < WINDOWS; i++) {
		if (client->windows[i] == id && id != 0)
			return i;
	}
	return 0;
}

/* Events */

static bool is_text(struct client *client, xcb_atom_t type)
{
	xcb_get_atom_name_reply_t *reply =
		xcb_get_atom_name_reply(client->x, xcb_get_atom_name(client->x, type), NULL);
	bool text = reply &&
		(!memchr(xcb_get_atom_name_name(reply), '/',
			 (size_t)xcb_get_atom_name_name_length(reply)) ||
			strncmp(xcb_get_atom_name_name(reply), "text/plain", 10) == 0);
	free(reply);
	return text;
}

/* The first of three that is more than a text, or else the first. */
static xcb_atom_t best_type(struct client *client, const uint32_t *types)
{
	for (int i = 0; i < 3; i++) {
		if (types[i] && !is_text(client, types[i]))
			return types[i];
	}
	return types[0];
}

/* XDND: takes everything. */
static void answer_drag(struct client *client, const xcb_client_message_event_t *event)
{
	const uint32_t *data = event->data.data32;
	int number = number_of(client, event->window);
	xcb_client_message_event_t answer = {.response_type = XCB_CLIENT_MESSAGE, .format = 32};
	if (event->type == atom(client, "XdndEnter")) {
		client->drag_source = data[0];
		client->drag_type = best_type(client, data + 2);
		printf("%d drag enter\n", number);
	} else if (event->type == atom(client, "XdndLeave")) {
		printf("%d drag leave\n", number);
	} else if (event->type == atom(client, "XdndPosition")) {
		printf("%d drag at %d,%d %s\n", number, data[2] >> 16, data[2] & 0xffff,
			data[4] == atom(client, "XdndActionMove") ? "move" : "copy");
		client->drag_action = data[4];
		answer.window = client->drag_source;
		answer.type = atom(client, "XdndStatus");
		answer.data.data32[0] = event->window;
		answer.data.data32[1] = 1;
		answer.data.data32[4] = data[4];
		xcb_send_event(client->x, 0, client->drag_source, 0, (const char *)&answer);
	} else if (event->type == atom(client, "XdndDrop")) {
		printf("%d drag drop\n", number);
		xcb_convert_selection(client->x, event->window, atom(client, "XdndSelection"),
			client->drag_type, atom(client, "_DROPPED"), data[2]);
	}
}

static void take_drop(struct client *client, const xcb_selection_notify_event_t *event)
{
	xcb_client_message_event_t answer = {.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = client->drag_source,
		.type = atom(client, "XdndFinished"),
		.data.data32 = {event->requestor, event->property != 0, client->drag_action}};
	xcb_get_property_reply_t *reply = xcb_get_property_reply(client->x,
		xcb_get_property(
			client->x, 1, event->requestor, atom(client, "_DROPPED"), 0, 0, 1 << 20),
		NULL);
	int count = reply ? xcb_get_property_value_length(reply) : 0;
	printf("%d dropped %d bytes, %d of them wrong\n", number_of(client, event->requestor),
		count, count ? wrong_bytes(xcb_get_property_value(reply), count) : 0);
	free(reply);
	xcb_send_event(client->x, 0, client->drag_source, 0, (const char *)&answer);
}

/* MULTIPLE: the pairs that were not converted have no target any more. */
static void print_answers(struct client *client, const xcb_selection_notify_event_t *event)
{
	printf("%d %s", number_of(client, event->requestor),
		event->property ? "answers" : "refused");
	xcb_get_property_reply_t *pairs = xcb_get_property_reply(client->x,
		xcb_get_property(client->x, 0, event->requestor, event->property, 0, 0, 2 * WORDS),
		NULL);
	uint32_t count = event->property && pairs ? pairs->value_len / 2 : 0;
	const xcb_atom_t *atoms = count > 0 ? xcb_get_property_value(pairs) : NULL;
	for (uint32_t i = 0; i < count; i++) {
		xcb_get_property_reply_t *reply = xcb_get_property_reply(client->x,
			xcb_get_property(
				client->x, 1, event->requestor, atoms[2 * i + 1], 0, 0, 1 << 20),
			NULL);
		printf(" %d", atoms[2 * i] && reply ? xcb_get_property_value_length(reply) : -1);
		free(reply);
	}
	printf("\n");
	free(pairs);
}

static void take_selection(struct client *client, const xcb_selection_notify_event_t *event)
{
	if (event->selection == atom(client, "XdndSelection"))
		take_drop(client, event);
	else if (event->target == atom(client, "MULTIPLE"))
		print_answers(client, event);
	else
		printf("%d %s\n", number_of(client, event->requestor),
			event->property ? "answered" : "refused");
}

static void print_message(struct client *client, const xcb_client_message_event_t *event)
{
	if (event->type != atom(client, "WM_PROTOCOLS")) {
		answer_drag(client, event);
		return;
	}
	xcb_get_atom_name_reply_t *name = xcb_get_atom_name_reply(
		client->x, xcb_get_atom_name(client->x, event->data.data32[0]), NULL);
	int number = number_of(client, event->window);
	if (!name)
		return;
	printf("%d message %.*s\n", number, xcb_get_atom_name_name_length(name),
		xcb_get_atom_name_name(name));
	if (strncmp(xcb_get_atom_name_name(name), "_NET_WM_PING", 12) == 0 &&
		!client->mute[number]) {
		xcb_client_message_event_t answer = *event;
		answer.window = client->screen->root;
		xcb_send_event(client->x, 0, client->screen->root,
			XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY,
			(const char *)&answer);
	}
	free(name);
}

static void print_event(struct client *client, const xcb_generic_event_t *any)
{
	const union {
		const xcb_generic_event_t *any;
		const xcb_button_press_event_t *button;
		const xcb_motion_notify_event_t *motion;
		const xcb_key_press_event_t *key;
		const xcb_focus_in_event_t *focus;
		const xcb_configure_notify_event_t *configure;
		const xcb_map_notify_event_t *map;
		const xcb_client_message_event_t *message;
	} event = {.any = any};
	uint8_t type = any->response_type & 0x7f;
	switch (type) {
	case XCB_BUTTON_PRESS:
	case XCB_BUTTON_RELEASE:
		printf("%d %s %d at %d,%d root %d,%d\n", number_of(client, event.button->event),
			type == XCB_BUTTON_PRESS ? "button" : "release", event.button->detail,
			event.button->event_x, event.button->event_y, event.button->root_x,
			event.button->root_y);
		break;
	case XCB_MOTION_NOTIFY:
		printf("%d motion %d,%d root %d,%d\n", number_of(client, event.motion->event),
			event.motion->event_x, event.motion->event_y, event.motion->root_x,
			event.motion->root_y);
		break;
	case XCB_KEY_PRESS:
	case XCB_KEY_RELEASE:
		printf("%d key%s %d state %d\n", number_of(client, event.key->event),
			type == XCB_KEY_PRESS ? "" : "-release", event.key->detail,
			event.key->state);
		break;
	case XCB_FOCUS_IN:
	case XCB_FOCUS_OUT:
		if (event.focus->detail != XCB_NOTIFY_DETAIL_POINTER)
			printf("%d focus %s\n", number_of(client, event.focus->event),
				type == XCB_FOCUS_IN ? "in" : "out");
		break;
	case XCB_CONFIGURE_NOTIFY:
		printf("%d configure %d,%d %dx%d\n", number_of(client, event.configure->window),
			event.configure->x, event.configure->y, event.configure->width,
			event.configure->height);
		break;
	case XCB_MAP_NOTIFY:
	case XCB_UNMAP_NOTIFY:
		printf("%d %s\n", number_of(client, event.map->window),
			type == XCB_MAP_NOTIFY ? "map" : "unmap");
		break;
	case XCB_CLIENT_MESSAGE:
		print_message(client, event.message);
		break;
	case XCB_SELECTION_CLEAR:
		printf("%d disowned\n",
			number_of(client, ((const xcb_selection_clear_event_t *)any)->owner));
		break;
	case XCB_SELECTION_NOTIFY:
		take_selection(client, (const xcb_selection_notify_event_t *)any);
		break;
	case 0:
		printf("error %d\n", ((const xcb_generic_error_t *)any)->error_code);
		break;
	}
}

/* Commands */

static void create(struct client *client, int number, char *rest)
{
	int x, y, w, h;
	unsigned colour;
	char more[16] = "";
	if (sscanf(rest, "%d %d %d %d #%x %15s", &x, &y, &w, &h, &colour, more) < 5)
		return;
	xcb_window_t id = xcb_generate_id(client->x);
	client->windows[number] = id;
	const uint32_t values[] = {colour, strcmp(more, "override") == 0,
		XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE |
			XCB_EVENT_MASK_POINTER_MOTION | XCB_EVENT_MASK_KEY_PRESS |
			XCB_EVENT_MASK_KEY_RELEASE | XCB_EVENT_MASK_FOCUS_CHANGE |
			XCB_EVENT_MASK_STRUCTURE_NOTIFY};
	xcb_create_window(client->x, XCB_COPY_FROM_PARENT, id, client->screen->root, (int16_t)x,
		(int16_t)y, (uint16_t)w, (uint16_t)h, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
		XCB_COPY_FROM_PARENT,
		XCB_CW_BACK_PIXEL | XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
}

static void set(struct client *client, int number, const char *property, const char *type,
	uint8_t format, uint32_t count, const void *data)
{
	xcb_change_property(client->x, XCB_PROP_MODE_REPLACE, client->windows[number],
		atom(client, property), atom(client, type), format, count, data);
}

static void set_title(struct client *client, int number, const char *text)
{
	set(client, number, "WM_NAME", "STRING", 8, (uint32_t)strlen(text), text);
	set(client, number, "_NET_WM_NAME", "UTF8_STRING", 8, (uint32_t)strlen(text), text);
}

/* Words of @rest: numbers, windows as @N, or atoms. */
static uint32_t words_of(struct client *client, char *rest, uint32_t *words)
{
	uint32_t count = 0;
	for (char *word = strtok(rest, " "); word && count < WORDS; word = strtok(NULL, " ")) {
		char *end;
		uint32_t value = (uint32_t)strtoll(word[0] == '@' ? word + 1 : word, &end, 0);
		if (*end)
			value = atom(client, word);
		else if (word[0] == '@')
			value = client->windows[value % WINDOWS];
		words[count++] = value;
	}
	return count;
}

static void set_words(struct client *client, int number, const char *type, char *rest)
{
	uint32_t words[WORDS];
	char *name = strtok(rest, " ");
	char *values = strtok(NULL, "");
	if (name && values) {
		uint32_t count = words_of(client, values, words);
		set(client, number, name, type, 32, count, words);
	}
}

static void set_bytes(struct client *client, int number, const char *rest)
{
	char name[64];
	unsigned count;
	if (sscanf(rest, "%63s %u", name, &count) != 2)
		return;
	char *text = malloc(count + 1);
	if (text) {
		memset(text, 'x', count);
		set(client, number, name, "UTF8_STRING", 8, count, text);
	}
	free(text);
}

static void set_icon(struct client *client, int number, const char *rest)
{
	unsigned size, colour;
	if (sscanf(rest, "%u #%x", &size, &colour) != 2 || size > 256)
		return;
	uint32_t count = 2 + size * size, *words = malloc(count * sizeof(*words));
	if (!words)
		return;
	words[0] = words[1] = size;
	for (uint32_t i = 2; i < count; i++)
		words[i] = 0xff000000 | colour;
	set(client, number, "_NET_WM_ICON", "CARDINAL", 32, count, words);
	free(words);
}

static void send_message(struct client *client, int number, char *rest)
{
	uint32_t words[WORDS] = {0};
	char *type = strtok(rest, " ");
	char *values = strtok(NULL, "");
	xcb_client_message_event_t event = {.response_type = XCB_CLIENT_MESSAGE, .format = 32};
	if (!type)
		return;
	event.type = atom(client, type);
	event.window = client->windows[number];
	if (values)
		words_of(client, values, words);
	memcpy(event.data.data32, words, sizeof(event.data.data32));
	xcb_send_event(client->x, 0, client->screen->root,
		XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY,
		(const char *)&event);
}

static void ask(struct client *client, int number, char *rest)
{
	uint32_t words[WORDS];
	if (words_of(client, rest, words) == 3)
		xcb_convert_selection(client->x, client->windows[number], words[0], words[1],
			words[2], XCB_CURRENT_TIME);
}

static void ask_all(struct client *client, int number, char *rest)
{
	uint32_t words[WORDS], pairs[2 * WORDS];
	char name[16];
	uint32_t count = words_of(client, rest, words);
	for (uint32_t i = 1; i < count; i++) {
		snprintf(name, sizeof(name), "_ANSWER_%u", i);
		pairs[2 * i - 2] = words[i];
		pairs[2 * i - 1] = atom(client, name);
	}
	if (count < 2)
		return;
	set(client, number, "_PAIRS", "ATOM_PAIR", 32, 2 * (count - 1), pairs);
	xcb_convert_selection(client->x, client->windows[number], words[0],
		atom(client, "MULTIPLE"), atom(client, "_PAIRS"), XCB_CURRENT_TIME);
}

static void grab(struct client *client, xcb_window_t id, xcb_window_t confine_to)
{
	xcb_grab_pointer(client->x, 1, id,
		XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE |
			XCB_EVENT_MASK_POINTER_MOTION,
		XCB_GRAB_MODE_ASYNC, XCB_GRAB_MODE_ASYNC, confine_to, XCB_NONE, XCB_CURRENT_TIME);
}

/* Of one colour; hidden, as games do it, by a mask that has no pixel. */
static xcb_cursor_t make_cursor(struct client *client, uint16_t px, uint32_t colour, bool shown)
{
	xcb_pixmap_t pixmap = xcb_generate_id(client->x);
	xcb_gcontext_t gc = xcb_generate_id(client->x);
	xcb_cursor_t cursor = xcb_generate_id(client->x);
	uint16_t red = (uint16_t)((colour >> 16 & 0xff) * 257);
	uint16_t green = (uint16_t)((colour >> 8 & 0xff) * 257);
	uint16_t blue = (uint16_t)((colour & 0xff) * 257);
	xcb_create_pixmap(client->x, 1, pixmap, client->screen->root, px, px);
	xcb_create_gc(client->x, gc, pixmap, XCB_GC_FOREGROUND, (uint32_t[]){shown});
	xcb_poly_fill_rectangle(client->x, pixmap, gc, 1, &(xcb_rectangle_t){0, 0, px, px});
	xcb_create_cursor(
		client->x, cursor, pixmap, pixmap, red, green, blue, red, green, blue, 0, 0);
	xcb_free_gc(client->x, gc);
	xcb_free_pixmap(client->x, pixmap);
	return cursor;
}

/* One that changes, of @count cursors. */
static xcb_cursor_t animate(struct client *client, const xcb_cursor_t *cursors, uint32_t count)
{
	static xcb_extension_t render = {.name = "RENDER"};
	static const xcb_protocol_request_t request = {
		.count = 1, .ext = &render, .opcode = CREATE_ANIM_CURSOR, .isvoid = 1};
	uint32_t words[2 + 2 * WORDS] = {0, xcb_generate_id(client->x)};
	struct iovec parts[3] = {[2] = {words, (2 + 2 * count) * sizeof(*words)}};
	for (uint32_t i = 0; i < count; i++) {
		words[2 + 2 * i] = cursors[i];
		words[3 + 2 * i] = CURSOR_MS;
	}
	xcb_send_request(client->x, 0, parts + 2, &request);
	return words[1];
}

static void set_cursor(struct client *client, xcb_window_t id, char *rest)
{
	xcb_cursor_t cursors[WORDS] = {0}, cursor;
	uint32_t count = 0;
	if (rest[0] != '#')
		cursors[count++] = make_cursor(client, 1, 0, strcmp(rest, "shown") == 0);
	else
		for (char *word = strtok(rest, " "); word && count < WORDS;
			word = strtok(NULL, " "))
			cursors[count++] = make_cursor(
				client, CURSOR_PX, (uint32_t)strtoul(word + 1, NULL, 16), true);
	cursor = count > 1 ? animate(client, cursors, count) : cursors[0];
	xcb_change_window_attributes(client->x, id, XCB_CW_CURSOR, &cursor);
	for (uint32_t i = 0; i < count; i++)
		xcb_free_cursor(client->x, cursors[i]);
	if (count > 1)
		xcb_free_cursor(client->x, cursor);
}

static void warp(struct client *client, xcb_window_t id, const char *rest)
{
	int x, y;
	if (sscanf(rest, "%d %d", &x, &y) == 2)
		xcb_warp_pointer(client->x, XCB_NONE, id, 0, 0, 0, 0, (int16_t)x, (int16_t)y);
}

static void configure(struct client *client, int number, const char *rest)
{
	int values[4];
	if (sscanf(rest, "%d %d %d %d", &values[0], &values[1], &values[2], &values[3]) == 4)
		xcb_configure_window(client->x, client->windows[number], 15, values);
}

static void set_shape(struct client *client, xcb_window_t id, xcb_shape_sk_t kind, uint32_t count,
	const xcb_rectangle_t *boxes)
{
	xcb_shape_rectangles(client->x, XCB_SHAPE_SO_SET, kind, XCB_CLIP_ORDERING_UNSORTED, id, 0,
		0, count, boxes);
}

static xcb_shape_sk_t shape_kind(const char *word)
{
	return word && strcmp(word, "input") == 0 ? XCB_SHAPE_SK_INPUT : XCB_SHAPE_SK_BOUNDING;
}

static void shape(struct client *client, xcb_window_t id, char *rest)
{
	xcb_rectangle_t boxes[WORDS];
	uint32_t words[WORDS], count;
	xcb_shape_sk_t kind = shape_kind(strtok(rest, " "));
	char *values = strtok(NULL, "");
	count = values ? words_of(client, values, words) / 4 : 0;
	for (uint32_t i = 0; i < count; i++)
		boxes[i] = (xcb_rectangle_t){(int16_t)words[4 * i], (int16_t)words[4 * i + 1],
			(uint16_t)words[4 * i + 2], (uint16_t)words[4 * i + 3]};
	if (count > 0)
		set_shape(client, id, kind, count, boxes);
	else
		xcb_shape_mask(client->x, XCB_SHAPE_SO_SET, kind, id, 0, 0, XCB_NONE);
}

static void checker(struct client *client, xcb_window_t id, char *rest)
{
	char word[16] = "";
	int width = 0, height = 0;
	if (sscanf(rest, "%15s %d %d", word, &width, &height) != 3)
		return;
	xcb_rectangle_t *boxes = calloc((size_t)width, (size_t)height * sizeof(*boxes));
	uint32_t count = 0;
	for (int y = 0; boxes && y < height; y++) {
		for (int x = y % 2; x < width; x += 2)
			boxes[count++] = (xcb_rectangle_t){(int16_t)x, (int16_t)y, 1, 1};
	}
	set_shape(client, id, shape_kind(word), count, boxes);
	free(boxes);
}

static void flood(struct client *client, int number, int count)
{
	char text[32];
	xcb_atom_t name = atom(client, "_NET_WM_NAME"), type = atom(client, "UTF8_STRING");
	for (int i = 0; i < count; i++) {
		int length = snprintf(text, sizeof(text), "flood %d", i);
		xcb_change_property(client->x, XCB_PROP_MODE_REPLACE, client->windows[number], name,
			type, 8, (uint32_t)length, text);
	}
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void run(struct client *client, char *line)
{
	char name[16] = "";
	int number = 0, used = 0;
	sscanf(line, "%15s %d %n", name, &number, &used);
	char *rest = line + used;
	rest[strcspn(rest, "\n")] = '\0';
	if (strcmp(name, "sleep") == 0) {
		xcb_flush(client->x);
		pause_ms(number);
		return;
	}
	if (number < 0 || number >= WINDOWS)
		return;
	xcb_window_t id = client->windows[number];
	if (strcmp(name, "create") == 0)
		create(client, number, rest);
	else if (strcmp(name, "map") == 0)
		xcb_map_window(client->x, id);
	else if (strcmp(name, "unmap") == 0)
		xcb_unmap_window(client->x, id);
	else if (strcmp(name, "destroy") == 0)
		xcb_destroy_window(client->x, id);
	else if (strcmp(name, "raise") == 0)
		xcb_configure_window(client->x, id, XCB_CONFIG_WINDOW_STACK_MODE,
			(uint32_t[]){XCB_STACK_MODE_ABOVE});
	else if (strcmp(name, "focus") == 0)
		xcb_set_input_focus(client->x, XCB_INPUT_FOCUS_PARENT, id, XCB_CURRENT_TIME);
	else if (strcmp(name, "configure") == 0)
		configure(client, number, rest);
	else if (strcmp(name, "title") == 0)
		set_title(client, number, rest);
	else if (strcmp(name, "class") == 0)
		set(client, number, "WM_CLASS", "STRING", 8, (uint32_t)strlen(rest) + 1, rest);
	else if (strcmp(name, "transient") == 0)
		set(client, number, "WM_TRANSIENT_FOR", "WINDOW", 32, 1,
			&client->windows[atoi(rest) % WINDOWS]);
	else if (strcmp(name, "atoms") == 0)
		set_words(client, number, "ATOM", rest);
	else if (strcmp(name, "words") == 0)
		set_words(client, number, "CARDINAL", rest);
	else if (strcmp(name, "icon") == 0)
		set_icon(client, number, rest);
	else if (strcmp(name, "bytes") == 0)
		set_bytes(client, number, rest);
	else if (strcmp(name, "message") == 0)
		send_message(client, number, rest);
	else if (strcmp(name, "grab") == 0)
		grab(client, id, XCB_NONE);
	else if (strcmp(name, "confine") == 0)
		grab(client, id, id);
	else if (strcmp(name, "cursor") == 0)
		set_cursor(client, id, rest);
	else if (strcmp(name, "warp") == 0)
		warp(client, id, rest);
	else if (strcmp(name, "ungrab") == 0)
		xcb_ungrab_pointer(client->x, XCB_CURRENT_TIME);
	else if (strcmp(name, "mute") == 0)
		client->mute[number] = true;
	else if (strcmp(name, "own") == 0)
		xcb_set_selection_owner(client->x, id, atom(client, rest), XCB_CURRENT_TIME);
	else if (strcmp(name, "ask") == 0)
		ask(client, number, rest);
	else if (strcmp(name, "askall") == 0)
		ask_all(client, number, rest);
	else if (strcmp(name, "shape") == 0)
		shape(client, id, rest);
	else if (strcmp(name, "checker") == 0)
		checker(client, id, rest);
	else if (strcmp(name, "sync") == 0)
		free(xcb_get_input_focus_reply(client->x, xcb_get_input_focus(client->x), NULL));
	else if (strcmp(name, "flood") == 0)
		flood(client, number, atoi(rest));
	else
		fprintf(stderr, "no such command: %s", line);
	printf("done %s %d\n", name, number);
}

static void dispatch(struct client *client)
{
	xcb_generic_event_t *event;
	while ((event = xcb_poll_for_event(client->x))) {
		print_event(client, event);
		free(event);
	}
	xcb_flush(client->x);
}

int main(void)
{
	static struct client client;
	char line[4096];
	client.x = xcb_connect(NULL, NULL);
	if (xcb_connection_has_error(client.x)) {
		fprintf(stderr, "no X display\n");
		return 1;
	}
	client.screen = xcb_setup_roots_iterator(xcb_get_setup(client.x)).data;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	printf("connected\n");
	struct pollfd fds[] = {{.fd = 0, .events = POLLIN},
		{.fd = xcb_get_file_descriptor(client.x), .events = POLLIN}};
	while (!xcb_connection_has_error(client.x)) {
		dispatch(&client);
		poll(fds, 2, -1);
		if (fds[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				break;
			run(&client, line);
		}
	}
	xcb_disconnect(client.x);
	return 0;
}
