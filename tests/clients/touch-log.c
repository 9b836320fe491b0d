/* touch-log: a window of 300x200 that writes down what touch screens and pens tell it, one event a
 * line, without serials, times and ids; places as they come. "bound" is printed when the compositor
 * knows what we listen to, "mapped" when the window is on the screen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tablet-client-protocol.h"
#include "window.h"

struct log {
	struct window window;
	struct zwp_tablet_manager_v2 *tablets;
};

/* wl_touch */

static void touch_down(void *data, struct wl_touch *touch, uint32_t serial, uint32_t time_ms,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	printf("touch down %s %" PRId32 " %g %g\n", window_name(data, surface), id,
		wl_fixed_to_double(x), wl_fixed_to_double(y));
}

static void touch_up(
	void *data, struct wl_touch *touch, uint32_t serial, uint32_t time_ms, int32_t id)
{
	printf("touch up %" PRId32 "\n", id);
}

static void touch_motion(void *data, struct wl_touch *touch, uint32_t time_ms, int32_t id,
	wl_fixed_t x, wl_fixed_t y)
{
	printf("touch motion %" PRId32 " %g %g\n", id, wl_fixed_to_double(x),
		wl_fixed_to_double(y));
}

static void touch_frame(void *data, struct wl_touch *touch)
{
	printf("touch frame\n");
}

static void touch_cancel(void *data, struct wl_touch *touch)
{
	printf("touch cancel\n");
}

static const struct wl_touch_listener touch_listener = {
	.down = touch_down,
	.up = touch_up,
	.motion = touch_motion,
	.frame = touch_frame,
	.cancel = touch_cancel,
};

/* zwp_tablet_tool_v2 */

static void pen_number(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t number)
{
}

static void pen_pair(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t high, uint32_t low)
{
}

static void pen_done(void *data, struct zwp_tablet_tool_v2 *pen)
{
	printf("pen known\n");
}

static void pen_removed(void *data, struct zwp_tablet_tool_v2 *pen)
{
	printf("pen removed\n");
}

static void pen_in(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t serial,
	struct zwp_tablet_v2 *tablet, struct wl_surface *surface)
{
	printf("pen in %s\n", window_name(data, surface));
}

static void pen_out(void *data, struct zwp_tablet_tool_v2 *pen)
{
	printf("pen out\n");
}

static void pen_down(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t serial)
{
	printf("pen down\n");
}

static void pen_up(void *data, struct zwp_tablet_tool_v2 *pen)
{
	printf("pen up\n");
}

static void pen_motion(void *data, struct zwp_tablet_tool_v2 *pen, wl_fixed_t x, wl_fixed_t y)
{
	printf("pen motion %g %g\n", wl_fixed_to_double(x), wl_fixed_to_double(y));
}

static void pen_pressure(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t pressure)
{
	printf("pen pressure %" PRIu32 "\n", pressure);
}

static void pen_tilt(void *data, struct zwp_tablet_tool_v2 *pen, wl_fixed_t x, wl_fixed_t y)
{
	printf("pen tilt %g %g\n", wl_fixed_to_double(x), wl_fixed_to_double(y));
}

static void pen_rotation(void *data, struct zwp_tablet_tool_v2 *pen, wl_fixed_t degrees)
{
}

static void pen_slider(void *data, struct zwp_tablet_tool_v2 *pen, int32_t position)
{
}

static void pen_wheel(
	void *data, struct zwp_tablet_tool_v2 *pen, wl_fixed_t degrees, int32_t clicks)
{
}

static void pen_button(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t serial, uint32_t button,
	uint32_t state)
{
	printf("pen button %" PRIu32 " %" PRIu32 "\n", button, state);
}

static void pen_frame(void *data, struct zwp_tablet_tool_v2 *pen, uint32_t time_ms)
{
	printf("pen frame\n");
}

static const struct zwp_tablet_tool_v2_listener pen_listener = {
	.type = pen_number,
	.hardware_serial = pen_pair,
	.hardware_id_wacom = pen_pair,
	.capability = pen_number,
	.done = pen_done,
	.removed = pen_removed,
	.proximity_in = pen_in,
	.proximity_out = pen_out,
	.down = pen_down,
	.up = pen_up,
	.motion = pen_motion,
	.pressure = pen_pressure,
	.distance = pen_number,
	.tilt = pen_tilt,
	.rotation = pen_rotation,
	.slider = pen_slider,
	.wheel = pen_wheel,
	.button = pen_button,
	.frame = pen_frame,
};

static void tablet_added(void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_v2 *tablet)
{
	printf("tablet\n");
}

static void tool_added(void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_tool_v2 *pen)
{
	zwp_tablet_tool_v2_add_listener(pen, &pen_listener, data);
}

static void pad_added(void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_pad_v2 *pad)
{
}

static const struct zwp_tablet_seat_v2_listener seat_listener = {
	.tablet_added = tablet_added,
	.tool_added = tool_added,
	.pad_added = pad_added,
};

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct log *log = window->data;
	if (strcmp(interface, zwp_tablet_manager_v2_interface.name) == 0)
		log->tablets = wl_registry_bind(
			window->registry, name, &zwp_tablet_manager_v2_interface, 1);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct log log = {.window = {.handle_global = handle_global}};
	struct window *window = &log.window;
	window->data = &log;
	window_connect(window);
	window_needs(window->seat, "seat");
	window_needs(log.tablets, "tablets");
	wl_touch_add_listener(wl_seat_get_touch(window->seat), &touch_listener, window);
	zwp_tablet_seat_v2_add_listener(
		zwp_tablet_manager_v2_get_tablet_seat(log.tablets, window->seat), &seat_listener,
		window);
	if (wl_display_roundtrip(window->display) < 0 || wl_display_roundtrip(window->display) < 0)
		window_die(window, "binding");
	printf("bound\n");
	window_create(window, "touch", 300, 200);
	window_show(window);
	window_run(window);
	return 0;
}
