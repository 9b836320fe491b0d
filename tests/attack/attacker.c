/*
 * attacker MODE: one client of a hostile guest, which takes what it can of the compositor. Says on
 * standard output when it is under way ("ready"), and how far it came ("N times"); what the
 * protocol error was that ended it, if one did, is on standard error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/clients/keyboard.h"
#include "tests/clients/mode.h"
#include "tests/clients/window.h"

#define BATCH 10 /* requests between round trips */
#define RED 0xffff0000u

static struct window window;
static struct wl_data_device_manager *data_devices;
static struct wl_subcompositor *subcompositor;
static unsigned times;

static void handle_global(
	struct window *unused, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wl_data_device_manager_interface.name) == 0)
		data_devices = wl_registry_bind(
			window.registry, name, &wl_data_device_manager_interface, 1);
	else if (strcmp(interface, wl_subcompositor_interface.name) == 0)
		subcompositor =
			wl_registry_bind(window.registry, name, &wl_subcompositor_interface, 1);
}

static void begin(void)
{
	window.handle_global = handle_global;
	window_connect(&window);
	puts("ready");
}

/* After each request of many. */
static void count(void)
{
	if (++times % BATCH == 0 && wl_display_roundtrip(window.display) < 0) {
		printf("%u times\n", times);
		window_die(&window, "ended");
	}
}

/* Types of one data source, each of four kilobytes. */
static void run_mime_types(void)
{
	static char type[4000];

	begin();
	struct wl_data_source *source = wl_data_device_manager_create_data_source(data_devices);
	memset(type, 'x', sizeof(type) - 1);
	for (int i = 0; i < 500000; i++, count())
		wl_data_source_offer(source, type);
}

/* Types of many sources. */
static void run_sources(void)
{
	static char type[4000];

	begin();
	memset(type, 'x', sizeof(type) - 1);
	for (int i = 0; i < 50000; i++, count())
		wl_data_source_offer(wl_data_device_manager_create_data_source(data_devices), type);
}

/* A region of a million and a half rectangles. */
static void run_rectangles(void)
{
	begin();
	struct wl_region *region = wl_compositor_create_region(window.compositor);
	for (int i = 0; i < 1500000; i++, count())
		wl_region_add(region, i % 1000 * 2, i / 1000 * 2, 1, 1);
}

static void run_surfaces(void)
{
	begin();
	for (int i = 0; i < 65000; i++, count())
		wl_compositor_create_surface(window.compositor);
}

/* Subsurfaces, each below the one before. */
static void run_nested(void)
{
	begin();
	struct wl_surface *parent = wl_compositor_create_surface(window.compositor);
	for (int i = 0; i < 32000; i++, count()) {
		struct wl_surface *surface = wl_compositor_create_surface(window.compositor);
		wl_subcompositor_get_subsurface(subcompositor, surface, parent);
		parent = surface;
	}
}

/* Pools on memory of one page, each with a buffer, which keeps it. */
static void run_pools(void)
{
	begin();
	for (int i = 0; i < 65000; i++, count()) {
		FILE *file = tmpfile();
		if (!file || ftruncate(fileno(file), 4096) < 0)
			exit(2);
		struct wl_shm_pool *pool = wl_shm_create_pool(window.shm, fileno(file), 4096);
		wl_shm_pool_create_buffer(pool, 0, 16, 16, 64, WL_SHM_FORMAT_XRGB8888);
		wl_shm_pool_destroy(pool);
		wl_display_flush(window.display);
		fclose(file);
	}
}

/* As many connections as can be had, and more. */
static void run_connections(void)
{
	uint32_t unexplained = 0;
	puts("ready");
	for (int i = 0; i < 1100; i++) {
		struct wl_display *display = wl_display_connect(NULL);
		if (display && wl_display_roundtrip(display) >= 0) {
			times++;
			continue;
		}
		/* What libwayland makes of an error that says "no memory", as all limits do. */
		unexplained += !display || wl_display_get_error(display) != ENOMEM;
		if (display)
			wl_display_disconnect(display);
	}
	printf("%u were not told why\n", unexplained);
	printf("%u times\n", times);
	sleep(2);
}

/* A red buffer. */
static struct wl_buffer *red_buffer(int32_t width, int32_t height)
{
	const uint32_t red = RED;
	FILE *file = tmpfile();
	for (int32_t i = 0; file && i < width * height; i++)
		fwrite(&red, sizeof(red), 1, file);
	if (!file || fflush(file) != 0)
		exit(2);
	struct wl_shm_pool *pool = wl_shm_create_pool(window.shm, fileno(file), width * height * 4);
	return wl_shm_pool_create_buffer(pool, 0, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
}

/* A red window of 200 x 150. */
static void open_red_window(void)
{
	window_create(&window, "attacker", 200, 150);
	for (size_t i = 0; i < 200 * 150; i++)
		window.buffers[0].pixels[i] = RED;
	window_commit(&window, &window.buffers[0], 0, 0, 200, 150);
}

static void show_red_window(void)
{
	begin();
	open_red_window();
}

static struct wl_data_offer *offer;

static void handle_offer(void *data, struct wl_data_device *device, struct wl_data_offer *new_offer)
{
	offer = new_offer;
}

static void handle_selection(
	void *data, struct wl_data_device *device, struct wl_data_offer *selected)
{
}

static void handle_send(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
	/* Nothing is ever written, and nothing closed. */
}

static void handle_cancelled(void *data, struct wl_data_source *source)
{
}

/* Pastes of its own selection, which never come to an end. */
static void run_pipes(void)
{
	static const struct wl_data_device_listener device_listener = {
		.data_offer = handle_offer, .selection = handle_selection};
	static const struct wl_data_source_listener source_listener = {
		.send = handle_send, .cancelled = handle_cancelled};
	static struct keyboard_state keyboard;
	int ends[2];

	begin();
	keyboard_listen(wl_seat_get_keyboard(window.seat), &keyboard);
	struct wl_data_device *device =
		wl_data_device_manager_get_data_device(data_devices, window.seat);
	wl_data_device_add_listener(device, &device_listener, NULL);
	open_red_window();
	while (!keyboard.focused && wl_display_dispatch(window.display) >= 0)
		;
	struct wl_data_source *source = wl_data_device_manager_create_data_source(data_devices);
	wl_data_source_add_listener(source, &source_listener, NULL);
	wl_data_source_offer(source, "text/plain");
	offer = NULL;
	wl_data_device_set_selection(device, source, keyboard.focus_serial);
	while (!offer && wl_display_dispatch(window.display) >= 0)
		;
	for (int i = 0; i < 5000 && pipe(ends) == 0; i++, count()) {
		wl_data_offer_receive(offer, "text/plain", ends[1]);
		wl_display_flush(window.display);
		close(ends[1]);
	}
}

/* With a subsurface that would cover all of the screen. */
static void run_cover(void)
{
	show_red_window();
	struct wl_surface *surface = wl_compositor_create_surface(window.compositor);
	struct wl_subsurface *subsurface =
		wl_subcompositor_get_subsurface(subcompositor, surface, window.surface);
	wl_subsurface_set_desync(subsurface);
	wl_subsurface_set_position(subsurface, -1000, -700);
	wl_surface_attach(surface, red_buffer(2400, 1600), 0, 0);
	wl_surface_damage(surface, 0, 0, 2400, 1600);
	wl_surface_commit(surface);
	wl_surface_commit(window.surface);
	wl_display_roundtrip(window.display);
	puts("shown");
	window_rest(&window, 60000);
}

static struct wl_buffer *popup_buffer;

static void handle_popup_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct wl_surface *surface = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	wl_surface_attach(surface, popup_buffer, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
}

static void handle_popup_place(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
}

static void handle_popup_done(void *data, struct xdg_popup *popup)
{
}

/* A red popup of this size, @x, @y away from the window. */
static void show_popup(int32_t width, int32_t height, int32_t x, int32_t y)
{
	static const struct xdg_surface_listener listener = {.configure = handle_popup_configure};
	static const struct xdg_popup_listener popup_listener = {
		.configure = handle_popup_place, .popup_done = handle_popup_done};
	struct wl_surface *surface = wl_compositor_create_surface(window.compositor);
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(window.wm_base);
	struct xdg_surface *role = xdg_wm_base_get_xdg_surface(window.wm_base, surface);

	popup_buffer = red_buffer(width, height);
	xdg_positioner_set_size(positioner, 50, 50);
	xdg_positioner_set_anchor_rect(positioner, 0, 0, 1, 1);
	xdg_positioner_set_anchor(positioner, XDG_POSITIONER_ANCHOR_TOP_LEFT);
	xdg_positioner_set_gravity(positioner, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	xdg_positioner_set_offset(positioner, x, y);
	xdg_surface_add_listener(role, &listener, surface);
	xdg_popup_add_listener(
		xdg_surface_get_popup(role, window.xdg_surface, positioner), &popup_listener, NULL);
	wl_surface_commit(surface);
	wl_display_roundtrip(window.display);
	wl_display_roundtrip(window.display);
}

/* With a popup that would cover all of the screen, and small ones that are far away. */
static void run_cover_popup(void)
{
	show_red_window();
	wl_display_roundtrip(window.display);
	show_popup(2400, 1600, -1000, -700);
	show_popup(50, 50, 900, 0);
	show_popup(50, 50, -900, 0);
	show_popup(50, 50, 0, 500);
	puts("shown");
	window_rest(&window, 60000);
}

static const struct mode modes[] = {
	{"mime-types", run_mime_types},
	{"sources", run_sources},
	{"rectangles", run_rectangles},
	{"surfaces", run_surfaces},
	{"nested", run_nested},
	{"pools", run_pools},
	{"connections", run_connections},
	{"pipes", run_pipes},
	{"cover", run_cover},
	{"cover-popup", run_cover_popup},
};

int main(int argc, char **argv)
{
	int status = mode_run(modes, sizeof(modes) / sizeof(modes[0]), argc, argv);
	if (status == 0)
		printf("%u times\n", times);
	return status;
}
