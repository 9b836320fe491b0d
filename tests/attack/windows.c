/*
 * windows MODE [SIZE]: an application that would be more on the screen than its window. What it has
 * done is on standard output once the compositor has heard all of it ("done").
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/clients/keyboard.h"
#include "tests/clients/window.h"
#include "text-input-unstable-v1-client-protocol.h"

#define RED 0xffff0000u

static struct window window;
static struct wl_data_device_manager *data_devices;
static struct zwp_text_input_manager_v1 *text_inputs;
static int32_t image_size; /* pixels each way, of a cursor or a drag's icon */
static bool has_pointer, entered, pressed, left;
static uint32_t enter_serial, press_serial;

static void handle_global(
	struct window *unused, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wl_data_device_manager_interface.name) == 0)
		data_devices = wl_registry_bind(
			window.registry, name, &wl_data_device_manager_interface, 1);
	else if (strcmp(interface, zwp_text_input_manager_v1_interface.name) == 0)
		text_inputs = wl_registry_bind(
			window.registry, name, &zwp_text_input_manager_v1_interface, 1);
}

static void begin(void)
{
	window.handle_global = handle_global;
	window_connect(&window);
	window_needs(window.seat, "seat");
}

static void done(void)
{
	if (wl_display_roundtrip(window.display) < 0)
		window_die(&window, "ended");
	puts("done");
	window_rest(&window, 60000);
}

/* A title of characters that move or hide what stands around them, and of bytes that are none. */
static void run_title(void)
{
	begin();
	window_create(&window,
		"a\xe2\x80\xae" /* from right to left */
		"b\xc2\x9b"     /* C1: the start of a terminal's command */
		"c\xe2\x80\xa8" /* a line's end */
		"d\xed\xa0\x80" /* half of a surrogate pair */
		"e\xe2\x81\xa6" /* an isolate without its end */
		"f\x1b"         /* C0 */
		"g\xc3\xa4",    /* a letter */
		200, 150);
	xdg_toplevel_set_app_id(window.toplevel,
		"h\xe2\x80\xae"
		"i");
	window_show(&window);
	done();
}

/* --- images that move with the pointer --- */

static void handle_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	enter_serial = serial;
	entered = true;
}

static void handle_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	left = true;
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time,
	uint32_t button, uint32_t state)
{
	if (state != WL_POINTER_BUTTON_STATE_PRESSED)
		return;
	press_serial = serial;
	pressed = true;
}

static void handle_axis(
	void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value)
{
}

static void handle_frame(void *data, struct wl_pointer *pointer)
{
}

static void handle_axis_source(void *data, struct wl_pointer *pointer, uint32_t source)
{
}

static void handle_axis_stop(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis)
{
}

static void handle_axis_discrete(
	void *data, struct wl_pointer *pointer, uint32_t axis, int32_t discrete)
{
}

static void handle_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	has_pointer = capabilities & WL_SEAT_CAPABILITY_POINTER;
}

static void handle_name(void *data, struct wl_seat *seat, const char *name)
{
}

static struct wl_pointer *open_window_with_pointer(void)
{
	static const struct wl_seat_listener seat_listener = {
		.capabilities = handle_capabilities, .name = handle_name};
	static const struct wl_pointer_listener listener = {.enter = handle_enter,
		.leave = handle_leave,
		.motion = handle_motion,
		.button = handle_button,
		.axis = handle_axis,
		.frame = handle_frame,
		.axis_source = handle_axis_source,
		.axis_stop = handle_axis_stop,
		.axis_discrete = handle_axis_discrete};

	begin();
	wl_seat_add_listener(window.seat, &seat_listener, NULL);
	window_await(&window, &has_pointer, "a pointer");
	struct wl_pointer *pointer = wl_seat_get_pointer(window.seat);
	wl_pointer_add_listener(pointer, &listener, NULL);
	window_create(&window, "windows", 400, 300);
	window_show(&window);
	window_await(&window, &entered, "the pointer");
	puts("entered");
	return pointer;
}

/* Red, and square. */
static void show_image(struct wl_surface *surface)
{
	const int32_t bytes = image_size * image_size * (int32_t)sizeof(uint32_t);
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint32_t *pixels = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, bytes) == 0)
		pixels = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pixels == MAP_FAILED)
		exit(2);
	for (int32_t i = 0; i < image_size * image_size; i++)
		pixels[i] = RED;
	struct wl_shm_pool *pool = wl_shm_create_pool(window.shm, fd, bytes);
	wl_surface_attach(surface,
		wl_shm_pool_create_buffer(
			pool, 0, image_size, image_size, image_size * 4, WL_SHM_FORMAT_XRGB8888),
		0, 0);
	wl_surface_damage(surface, 0, 0, image_size, image_size);
	wl_surface_commit(surface);
}

static void run_cursor(void)
{
	struct wl_pointer *pointer = open_window_with_pointer();
	struct wl_surface *image = wl_compositor_create_surface(window.compositor);

	wl_pointer_set_cursor(pointer, enter_serial, image, 0, 0);
	show_image(image);
	done();
}

static void handle_target(void *data, struct wl_data_source *source, const char *type)
{
}

static void handle_send(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
	close(fd);
}

static void handle_cancelled(void *data, struct wl_data_source *source)
{
}

static void run_drag(void)
{
	static const struct wl_data_source_listener listener = {
		.target = handle_target, .send = handle_send, .cancelled = handle_cancelled};

	wl_pointer_set_cursor(open_window_with_pointer(), enter_serial, NULL, 0, 0);
	window_await(&window, &pressed, "a button");
	struct wl_surface *image = wl_compositor_create_surface(window.compositor);
	struct wl_data_source *source = wl_data_device_manager_create_data_source(data_devices);
	wl_data_source_add_listener(source, &listener, NULL);
	wl_data_source_offer(source, "text/plain");
	wl_data_device_start_drag(wl_data_device_manager_get_data_device(data_devices, window.seat),
		source, window.surface, image, press_serial);
	show_image(image);
	done();
}

/* --- menus --- */

struct menu {
	struct wl_surface *surface;
	bool shown, dismissed;
};

static void handle_menu_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct menu *menu = data;

	xdg_surface_ack_configure(xdg_surface, serial);
	if (!menu->shown)
		show_image(menu->surface);
	menu->shown = true;
}

static void handle_place(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
}

static void handle_popup_done(void *data, struct xdg_popup *popup)
{
	((struct menu *)data)->dismissed = true; /* and it stays as long as it can */
}

/* A menu that wants the pointer and the keyboard, as if the event @serial had asked for it. */
static void open_menu(struct menu *menu, uint32_t serial)
{
	static const struct xdg_surface_listener surface_listener = {
		.configure = handle_menu_configure};
	static const struct xdg_popup_listener listener = {
		.configure = handle_place, .popup_done = handle_popup_done};
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(window.wm_base);

	xdg_positioner_set_size(positioner, image_size, image_size);
	xdg_positioner_set_anchor_rect(positioner, 10, 10, 1, 1);
	menu->surface = wl_compositor_create_surface(window.compositor);
	struct xdg_surface *xdg_surface =
		xdg_wm_base_get_xdg_surface(window.wm_base, menu->surface);
	xdg_surface_add_listener(xdg_surface, &surface_listener, menu);
	struct xdg_popup *popup =
		xdg_surface_get_popup(xdg_surface, window.xdg_surface, positioner);
	xdg_popup_add_listener(popup, &listener, menu);
	xdg_popup_grab(popup, window.seat, serial);
	wl_surface_commit(menu->surface);
	window_await(&window, &menu->shown, "a menu");
}

/* Once its user has clicked on it and gone elsewhere, it opens two menus that want the input. */
static void run_grab(void)
{
	struct menu menus[2] = {{0}};

	open_window_with_pointer();
	window_await(&window, &pressed, "a button");
	left = false;
	puts("pressed");
	window_await(&window, &left, "the pointer to leave");
	open_menu(&menus[0], 0);
	open_menu(&menus[1], press_serial);
	if (wl_display_roundtrip(window.display) < 0)
		window_die(&window, "ended");
	printf("dismissed %d %d\n", menus[0].dismissed, menus[1].dismissed);
	done();
}

/* --- text input --- */

/* Wants the keyboard's text for a surface without the focus, nine times, then for the one with it.
 */
static void run_text_input(void)
{
	static struct keyboard_state keyboard;

	begin();
	window_needs(text_inputs, zwp_text_input_manager_v1_interface.name);
	struct zwp_text_input_v1 *input = zwp_text_input_manager_v1_create_text_input(text_inputs);
	struct wl_surface *other = wl_compositor_create_surface(window.compositor);
	for (int i = 0; i < 9; i++) {
		zwp_text_input_v1_activate(input, window.seat, other);
		zwp_text_input_v1_show_input_panel(input);
	}
	keyboard_listen(wl_seat_get_keyboard(window.seat), &keyboard);
	window_create(&window, "windows", 200, 150);
	window_show(&window);
	window_await(&window, &keyboard.focused, "the keyboard");
	zwp_text_input_v1_activate(input, window.seat, other);
	zwp_text_input_v1_activate(input, window.seat, window.surface);
	zwp_text_input_v1_show_input_panel(input);
	done();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{"title", run_title},
	{"cursor", run_cursor},
	{"drag", run_drag},
	{"grab", run_grab},
	{"text-input", run_text_input},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	image_size = argc == 3 ? atoi(argv[2]) : 0;
	for (size_t i = 0; argc >= 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 0;
		}
	}
	return 2;
}
