/* x11-xi2: an X client that writes down what the second X Input Extension tells it, one event a
 * line: raw motion of all pointers, wherever they are, and what happens over its own window.
 *
 *   x11-xi2 WIDTH HEIGHT
 *
 *   raw DX DY unaccelerated DX DY
 *   touch begin|update|end X Y
 *   motion X Y DEVICE PRESSURE TILT_X TILT_Y
 *   press|release BUTTON X Y DEVICE
 *
 * Places are pixels of the window. "mapped" is printed when it is on the screen.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>
#include <xcb/xinput.h>

#define COLOUR 0x28b43c
#define AXES 5 /* of a pen: a place, pressure, how it is held */

struct client {
	xcb_connection_t *x;
	xcb_screen_t *screen;
	xcb_window_t window;
	uint8_t opcode; /* of the extension */
};

static double from_fp3232(xcb_input_fp3232_t value)
{
	return value.integral + value.frac / 4294967296.0;
}

static double from_fp1616(xcb_input_fp1616_t value)
{
	return value / 65536.0;
}

/* Prints the axes from @first to before @end, of which @mask says which are there; others are 0. */
static void print_axes(
	const uint32_t *mask, int words, const xcb_input_fp3232_t *values, int first, int end)
{
	for (int axis = 0; axis < end && axis < words * 32; axis++) {
		bool there = mask[axis / 32] & 1u << axis % 32;
		double value = there ? from_fp3232(*values++) : 0;
		if (axis >= first)
			printf(" %g", value);
	}
}

static void print_raw(const xcb_input_raw_motion_event_t *event)
{
	const uint32_t *mask = xcb_input_raw_button_press_valuator_mask(event);
	int words = xcb_input_raw_button_press_valuator_mask_length(event);
	printf("raw");
	print_axes(mask, words, xcb_input_raw_button_press_axisvalues(event), 0, 2);
	printf(" unaccelerated");
	print_axes(mask, words, xcb_input_raw_button_press_axisvalues_raw(event), 0, 2);
	printf("\n");
}

static void print_device(const struct client *client, xcb_input_device_id_t id)
{
	xcb_input_xi_query_device_reply_t *reply = xcb_input_xi_query_device_reply(
		client->x, xcb_input_xi_query_device(client->x, id), NULL);
	if (!reply)
		return;
	xcb_input_xi_device_info_iterator_t info = xcb_input_xi_query_device_infos_iterator(reply);
	if (info.rem > 0) {
		/* Without what tells devices of one kind apart. */
		const char *name = xcb_input_xi_device_info_name(info.data);
		int length = xcb_input_xi_device_info_name_length(info.data);
		const char *end = memchr(name, ':', (size_t)length);
		printf(" %.*s", end ? (int)(end - name) : length, name);
	}
	free(reply);
}

static void print_pointer(
	const struct client *client, const xcb_input_button_press_event_t *event, const char *what)
{
	printf("%s", what);
	if (event->event_type != XCB_INPUT_MOTION)
		printf(" %u", event->detail);
	printf(" %g %g", from_fp1616(event->event_x), from_fp1616(event->event_y));
	print_device(client, event->sourceid);
	if (event->event_type == XCB_INPUT_MOTION)
		print_axes(xcb_input_button_press_valuator_mask(event),
			xcb_input_button_press_valuator_mask_length(event),
			xcb_input_button_press_axisvalues(event), 2, AXES);
	printf("\n");
}

static void print_touch(const xcb_input_touch_begin_event_t *event, const char *what)
{
	/* A touch screen's axes have 16 bits: the places are next to those of pixels. */
	printf("touch %s %.0f %.0f\n", what, from_fp1616(event->event_x),
		from_fp1616(event->event_y));
}

static void print_event(const struct client *client, const xcb_generic_event_t *event)
{
	const xcb_ge_generic_event_t *generic = (const xcb_ge_generic_event_t *)event;
	if ((event->response_type & 0x7f) == XCB_MAP_NOTIFY)
		printf("mapped\n");
	if ((event->response_type & 0x7f) != XCB_GE_GENERIC || generic->extension != client->opcode)
		return;
	switch (generic->event_type) {
	case XCB_INPUT_RAW_MOTION:
		print_raw((const void *)event);
		break;
	case XCB_INPUT_TOUCH_BEGIN:
		print_touch((const void *)event, "begin");
		break;
	case XCB_INPUT_TOUCH_UPDATE:
		print_touch((const void *)event, "update");
		break;
	case XCB_INPUT_TOUCH_END:
		print_touch((const void *)event, "end");
		break;
	case XCB_INPUT_MOTION:
		print_pointer(client, (const void *)event, "motion");
		break;
	case XCB_INPUT_BUTTON_PRESS:
		print_pointer(client, (const void *)event, "press");
		break;
	case XCB_INPUT_BUTTON_RELEASE:
		print_pointer(client, (const void *)event, "release");
		break;
	}
}

static void listen_to(const struct client *client, xcb_window_t window, uint32_t events)
{
	const struct {
		xcb_input_event_mask_t head;
		uint32_t mask;
	} wanted = {{.deviceid = XCB_INPUT_DEVICE_ALL_MASTER, .mask_len = 1}, events};
	xcb_input_xi_select_events(client->x, window, 1, &wanted.head);
}

static bool find_extension(struct client *client)
{
	const xcb_query_extension_reply_t *extension =
		xcb_get_extension_data(client->x, &xcb_input_id);
	xcb_input_xi_query_version_reply_t *version = xcb_input_xi_query_version_reply(
		client->x, xcb_input_xi_query_version(client->x, 2, 2), NULL);
	bool found = extension && extension->present && version;
	client->opcode = found ? extension->major_opcode : 0;
	free(version);
	return found;
}

static void show(struct client *client, uint16_t width, uint16_t height)
{
	static const char title[] = "XI2";
	const uint32_t values[] = {COLOUR, XCB_EVENT_MASK_STRUCTURE_NOTIFY};
	client->window = xcb_generate_id(client->x);
	xcb_create_window(client->x, XCB_COPY_FROM_PARENT, client->window, client->screen->root, 0,
		0, width, height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
		XCB_CW_BACK_PIXEL | XCB_CW_EVENT_MASK, values);
	xcb_change_property(client->x, XCB_PROP_MODE_REPLACE, client->window, XCB_ATOM_WM_NAME,
		XCB_ATOM_STRING, 8, sizeof(title) - 1, title);
	listen_to(client, client->screen->root, XCB_INPUT_XI_EVENT_MASK_RAW_MOTION);
	listen_to(client, client->window,
		XCB_INPUT_XI_EVENT_MASK_MOTION | XCB_INPUT_XI_EVENT_MASK_BUTTON_PRESS |
			XCB_INPUT_XI_EVENT_MASK_BUTTON_RELEASE |
			XCB_INPUT_XI_EVENT_MASK_TOUCH_BEGIN | XCB_INPUT_XI_EVENT_MASK_TOUCH_UPDATE |
			XCB_INPUT_XI_EVENT_MASK_TOUCH_END);
	xcb_map_window(client->x, client->window);
	xcb_flush(client->x);
}

int main(int argc, char **argv)
{
	struct client client = {.x = xcb_connect(NULL, NULL)};
	xcb_generic_event_t *event;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3 || xcb_connection_has_error(client.x) || !find_extension(&client)) {
		fprintf(stderr, "usage: x11-xi2 WIDTH HEIGHT, with $DISPLAY\n");
		return 2;
	}
	client.screen = xcb_setup_roots_iterator(xcb_get_setup(client.x)).data;
	show(&client, (uint16_t)atoi(argv[1]), (uint16_t)atoi(argv[2]));
	while ((event = xcb_wait_for_event(client.x))) {
		print_event(&client, event);
		free(event);
	}
	xcb_disconnect(client.x);
	return 0;
}
