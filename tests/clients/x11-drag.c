/* x11-drag: an X window that can be dragged from, as toolkits do it (XDND, version 5), and writes
 * down what it is told of that, one event a line.
 *
 *   x11-drag BYTES [TYPE [Copy|Move [late]]]
 *
 * The left button drags BYTES bytes as application/x-wayferry-drag, or TYPE, for copying or moving,
 * with a small orange window beside the pointer; late: which it draws and moves there when it hears
 * that somebody takes what is dragged. SIGUSR1 is the user's Escape.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

#define COLOUR 0xc81e5a
#define ICON_COLOUR 0xff8800
#define ICON_PX 24
#define ICON_OFFSET 16

struct drag {
	xcb_connection_t *x;
	xcb_screen_t *screen;
	xcb_window_t window, icon, target; /* the target: 0: none */
	unsigned char *content;
	uint32_t size;
	xcb_atom_t type, action; /* that are offered */
	xcb_timestamp_t time;    /* of the last position, or the drop */
	bool dragging, accepted;
	bool late;
	int16_t x_px, y_px; /* of the pointer, when it moved last */
};

static volatile sig_atomic_t escaped;

static void handle_escape(int number)
{
	escaped = 1;
}

static xcb_atom_t atom(struct drag *drag, const char *name)
{
	xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
		drag->x, xcb_intern_atom(drag->x, 0, (uint16_t)strlen(name), name), NULL);
	xcb_atom_t value = reply ? reply->atom : 0;
	free(reply);
	return value;
}

static const char *action_name(struct drag *drag, xcb_atom_t action)
{
	static const char *const names[] = {"Copy", "Move", "Ask"};
	char full[32];
	for (int i = 0; i < 3; i++) {
		snprintf(full, sizeof(full), "XdndAction%s", names[i]);
		if (action == atom(drag, full))
			return names[i];
	}
	return "none";
}

/* To the target */

static void tell(
	struct drag *drag, const char *type, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	const xcb_client_message_event_t event = {
		.response_type = XCB_CLIENT_MESSAGE,
		.format = 32,
		.window = drag->target,
		.type = atom(drag, type),
		.data.data32 = {drag->window, a, b, c, d},
	};
	if (drag->target)
		xcb_send_event(drag->x, 0, drag->target, 0, (const char *)&event);
}

static bool is_aware(struct drag *drag, xcb_window_t window)
{
	xcb_get_property_reply_t *reply = xcb_get_property_reply(drag->x,
		xcb_get_property(drag->x, 0, window, atom(drag, "XdndAware"), 0, 0, 1), NULL);
	bool aware = reply && xcb_get_property_value_length(reply) == 4;
	free(reply);
	return aware;
}

static void change_target(struct drag *drag, xcb_window_t target)
{
	if (target == drag->target)
		return;
	tell(drag, "XdndLeave", 0, 0, 0, 0);
	drag->target = target;
	drag->accepted = false;
	tell(drag, "XdndEnter", 5u << 24, drag->type, atom(drag, "UTF8_STRING"), 0);
}

static void move_icon(struct drag *drag)
{
	const uint32_t place[] = {
		(uint32_t)(drag->x_px + ICON_OFFSET), (uint32_t)(drag->y_px + ICON_OFFSET)};
	xcb_configure_window(drag->x, drag->icon, XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y, place);
}

static void draw_icon(struct drag *drag)
{
	const uint32_t colour = ICON_COLOUR;
	const xcb_rectangle_t all = {0, 0, ICON_PX, ICON_PX};
	xcb_gcontext_t gc = xcb_generate_id(drag->x);
	xcb_create_gc(drag->x, gc, drag->icon, XCB_GC_FOREGROUND, &colour);
	xcb_poly_fill_rectangle(drag->x, drag->icon, gc, 1, &all);
	xcb_free_gc(drag->x, gc);
}

static void move(struct drag *drag, const xcb_motion_notify_event_t *event)
{
	xcb_query_pointer_reply_t *reply = xcb_query_pointer_reply(
		drag->x, xcb_query_pointer(drag->x, drag->screen->root), NULL);
	if (!reply)
		return;
	change_target(drag, reply->child && is_aware(drag, reply->child) ? reply->child : 0);
	free(reply);
	drag->x_px = event->root_x;
	drag->y_px = event->root_y;
	if (!drag->late)
		move_icon(drag);
	drag->time = event->time;
	tell(drag, "XdndPosition", 0, (uint32_t)event->root_x << 16 | (uint16_t)event->root_y,
		event->time, drag->action);
}

static void begin(struct drag *drag, const xcb_button_press_event_t *event)
{
	xcb_set_selection_owner(drag->x, drag->window, atom(drag, "XdndSelection"), event->time);
	xcb_grab_pointer(drag->x, 0, drag->window,
		XCB_EVENT_MASK_BUTTON_RELEASE | XCB_EVENT_MASK_POINTER_MOTION, XCB_GRAB_MODE_ASYNC,
		XCB_GRAB_MODE_ASYNC, XCB_NONE, XCB_NONE, event->time);
	xcb_map_window(drag->x, drag->icon);
	drag->dragging = true;
	drag->accepted = false;
	drag->target = 0;
	printf("begins\n");
}

static void end(struct drag *drag)
{
	xcb_ungrab_pointer(drag->x, XCB_CURRENT_TIME);
	xcb_unmap_window(drag->x, drag->icon);
	drag->dragging = false;
}

static void drop(struct drag *drag, const xcb_button_release_event_t *event)
{
	drag->time = event->time;
	tell(drag, drag->accepted ? "XdndDrop" : "XdndLeave", 0, drag->accepted ? event->time : 0,
		0, 0);
	printf("%s\n", drag->accepted ? "drops" : "drops nothing");
	end(drag);
}

static void escape(struct drag *drag)
{
	escaped = 0;
	tell(drag, "XdndLeave", 0, 0, 0, 0);
	drag->target = 0;
	xcb_set_selection_owner(drag->x, XCB_NONE, atom(drag, "XdndSelection"), XCB_CURRENT_TIME);
	end(drag);
	printf("escapes\n");
}

/* From the target */

static void handle_message(struct drag *drag, const xcb_client_message_event_t *event)
{
	const uint32_t *data = event->data.data32;
	if (data[0] != drag->target)
		return;
	if (event->type == atom(drag, "XdndStatus")) {
		bool accepted = data[1] & 1;
		if (accepted != drag->accepted)
			printf("%s %s\n", accepted ? "accepted" : "refused",
				action_name(drag, data[4]));
		drag->accepted = accepted;
		if (drag->late && accepted) {
			draw_icon(drag);
			move_icon(drag);
		}
	} else if (event->type == atom(drag, "XdndFinished")) {
		printf("finished %u %s\n", data[1] & 1, action_name(drag, data[2]));
		drag->target = 0;
	}
}

/* Only for who names the drag's time, as some toolkits insist. */
static void answer(struct drag *drag, const xcb_selection_request_event_t *event)
{
	xcb_selection_notify_event_t notify = {
		.response_type = XCB_SELECTION_NOTIFY,
		.time = event->time,
		.requestor = event->requestor,
		.selection = event->selection,
		.target = event->target,
		.property = event->property,
	};
	if (event->target == drag->type && event->time == drag->time) {
		printf("gives\n");
		xcb_change_property(drag->x, XCB_PROP_MODE_REPLACE, event->requestor,
			event->property, event->target, 8, drag->size, drag->content);
	} else {
		printf("gives nothing\n");
		notify.property = XCB_NONE;
	}
	xcb_send_event(drag->x, 0, event->requestor, 0, (const char *)&notify);
}

static void handle_event(struct drag *drag, const xcb_generic_event_t *event)
{
	switch (event->response_type & 0x7f) {
	case XCB_BUTTON_PRESS:
		if (!drag->dragging)
			begin(drag, (const xcb_button_press_event_t *)event);
		break;
	case XCB_BUTTON_RELEASE:
		if (drag->dragging)
			drop(drag, (const xcb_button_release_event_t *)event);
		break;
	case XCB_MOTION_NOTIFY:
		if (drag->dragging)
			move(drag, (const xcb_motion_notify_event_t *)event);
		break;
	case XCB_CLIENT_MESSAGE:
		handle_message(drag, (const xcb_client_message_event_t *)event);
		break;
	case XCB_SELECTION_REQUEST:
		answer(drag, (const xcb_selection_request_event_t *)event);
		break;
	}
}

/* The window */

/* @override: the icon. */
static xcb_window_t create(struct drag *drag, uint16_t size, uint32_t colour, bool override)
{
	bool bare = override && drag->late;
	const uint32_t values[] = {bare ? XCB_BACK_PIXMAP_NONE : colour, override,
		override ? 0
			 : XCB_EVENT_MASK_BUTTON_PRESS | XCB_EVENT_MASK_BUTTON_RELEASE |
				XCB_EVENT_MASK_POINTER_MOTION};
	xcb_window_t window = xcb_generate_id(drag->x);
	xcb_create_window(drag->x, XCB_COPY_FROM_PARENT, window, drag->screen->root, 0, 0, size,
		size, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
		(bare ? XCB_CW_BACK_PIXMAP : XCB_CW_BACK_PIXEL) | XCB_CW_OVERRIDE_REDIRECT |
			XCB_CW_EVENT_MASK,
		values);
	return window;
}

static void create_all(struct drag *drag)
{
	static const char title[] = "Source";
	drag->window = create(drag, 300, COLOUR, false);
	drag->icon = create(drag, ICON_PX, ICON_COLOUR, true);
	const uint32_t type = atom(drag, "_NET_WM_WINDOW_TYPE_DND");
	xcb_change_property(drag->x, XCB_PROP_MODE_REPLACE, drag->icon,
		atom(drag, "_NET_WM_WINDOW_TYPE"), XCB_ATOM_ATOM, 32, 1, &type);
	xcb_change_property(drag->x, XCB_PROP_MODE_REPLACE, drag->window, XCB_ATOM_WM_NAME,
		XCB_ATOM_STRING, 8, sizeof(title) - 1, title);
	xcb_map_window(drag->x, drag->window);
}

static void run(struct drag *drag)
{
	xcb_generic_event_t *event;
	struct pollfd pollfd = {.fd = xcb_get_file_descriptor(drag->x), .events = POLLIN};
	while (!xcb_connection_has_error(drag->x)) {
		while ((event = xcb_poll_for_event(drag->x))) {
			handle_event(drag, event);
			free(event);
		}
		if (escaped && drag->dragging)
			escape(drag);
		xcb_flush(drag->x);
		if (poll(&pollfd, 1, -1) < 0 && errno != EINTR)
			break;
	}
}

int main(int argc, char **argv)
{
	struct drag drag = {.x = xcb_connect(NULL, NULL)};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || argc > 5 || xcb_connection_has_error(drag.x)) {
		fprintf(stderr, "usage: x11-drag BYTES [TYPE [Copy|Move [late]]], with $DISPLAY\n");
		return 2;
	}
	drag.screen = xcb_setup_roots_iterator(xcb_get_setup(drag.x)).data;
	drag.size = (uint32_t)strtoul(argv[1], NULL, 10);
	drag.type = atom(&drag, argc > 2 ? argv[2] : "application/x-wayferry-drag");
	drag.action = atom(&drag,
		argc > 3 && strcmp(argv[3], "Move") == 0 ? "XdndActionMove" : "XdndActionCopy");
	drag.late = argc > 4 && strcmp(argv[4], "late") == 0;
	drag.content = malloc(drag.size + 1);
	if (!drag.content)
		return 1;
	/* As in drag.c. */
	for (size_t i = 0; i < drag.size; i++)
		drag.content[i] = (unsigned char)(i * 2654435761u >> 13);
	signal(SIGUSR1, handle_escape);
	create_all(&drag);
	run(&drag);
	free(drag.content);
	xcb_disconnect(drag.x);
	return 0;
}
