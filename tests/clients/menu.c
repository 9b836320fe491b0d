/* menu: a window with menus, that is popups which take the input (grabs), and a log of what they
 * are told, one event a line.
 *
 * The right button, pressed, opens a menu at the pointer, over the window or over the topmost menu;
 * the left button, released over the topmost menu, closes that one. Serials, times and ids are left
 * out, as they differ from run to run. "mapped" is printed when the window is on the screen, "menu
 * N mapped" when that menu is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pointer.h"
#include "window.h"

#define MENU_WIDTH 200
#define MENU_HEIGHT 150
#define MENUS_MAX 4 /* as many as fit into a buffer */
#define WINDOW_WIDTH 900
#define WINDOW_HEIGHT (MENUS_MAX * MENU_HEIGHT)

struct menu {
	unsigned number; /* from 1 on: how many are open with it */
	struct menus *all;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_popup *popup;
	bool drawn;
};

struct menus {
	struct window window;
	struct menu open[MENUS_MAX];
	unsigned n_open;
	unsigned under_pointer; /* 0: the window */
	wl_fixed_t x, y;
};

static unsigned number_of(const struct menus *menus, const struct wl_surface *surface)
{
	for (unsigned i = 0; i < menus->n_open; i++) {
		if (menus->open[i].surface == surface)
			return i + 1;
	}
	return 0;
}

/* The topmost one, as the protocol wants it. */
static void close_top(struct menus *menus)
{
	struct menu *menu = &menus->open[--menus->n_open];
	printf("menu %u closed\n", menu->number);
	xdg_popup_destroy(menu->popup);
	xdg_surface_destroy(menu->xdg_surface);
	wl_surface_destroy(menu->surface);
}

static void handle_mapped(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	const struct menu *menu = data;
	printf("menu %u mapped\n", menu->number);
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener mapped_listener = {.done = handle_mapped};

/* Each menu has a colour of its own, and some rows of a buffer that the window does not use. */
static void draw(struct menu *menu)
{
	struct window *window = &menu->all->window;
	int32_t stride_px = window->width, rows = MENU_HEIGHT;
	uint32_t *pixels =
		window->buffers[1].pixels + (menu->number - 1) * (size_t)(rows * stride_px);
	struct wl_buffer *part = wl_shm_pool_create_buffer(window->pool,
		(int32_t)((pixels - window->pool_pixels) * (ptrdiff_t)sizeof(*pixels)), MENU_WIDTH,
		MENU_HEIGHT, stride_px * (int32_t)sizeof(*pixels), WL_SHM_FORMAT_XRGB8888);
	for (int32_t i = 0; i < rows * stride_px; i++)
		pixels[i] = 0x203040 * menu->number;
	wl_callback_add_listener(wl_surface_frame(menu->surface), &mapped_listener, menu);
	wl_surface_attach(menu->surface, part, 0, 0);
	wl_surface_damage(menu->surface, 0, 0, MENU_WIDTH, MENU_HEIGHT);
	wl_surface_commit(menu->surface);
	wl_buffer_destroy(part);
}

static void popup_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct menu *menu = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	if (!menu->drawn)
		draw(menu);
	menu->drawn = true;
}

static const struct xdg_surface_listener popup_surface_listener = {
	.configure = popup_surface_configure};

static void popup_configure(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
	const struct menu *menu = data;
	printf("menu %u configure %" PRId32 " %" PRId32 " %" PRId32 " %" PRId32 "\n", menu->number,
		x, y, width, height);
}

static void popup_done(void *data, struct xdg_popup *popup)
{
	struct menu *menu = data;
	struct menus *menus = menu->all;
	printf("menu %u done\n", menu->number);
	while (menus->n_open >= menu->number)
		close_top(menus);
}

static const struct xdg_popup_listener popup_listener = {
	.configure = popup_configure,
	.popup_done = popup_done,
};

static void open_menu(struct menus *menus, uint32_t serial)
{
	struct window *window = &menus->window;
	if (menus->n_open == MENUS_MAX)
		return;
	struct menu *parent = menus->n_open > 0 ? &menus->open[menus->n_open - 1] : NULL;
	struct menu *menu = &menus->open[menus->n_open++];
	*menu = (struct menu){.number = menus->n_open, .all = menus};
	printf("menu %u opened\n", menu->number);

	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(window->wm_base);
	xdg_positioner_set_size(positioner, MENU_WIDTH, MENU_HEIGHT);
	xdg_positioner_set_anchor_rect(
		positioner, wl_fixed_to_int(menus->x), wl_fixed_to_int(menus->y), 1, 1);
	xdg_positioner_set_anchor(positioner, XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT);
	xdg_positioner_set_gravity(positioner, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	xdg_positioner_set_constraint_adjustment(positioner,
		XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_X |
			XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_Y);
	menu->surface = wl_compositor_create_surface(window->compositor);
	menu->xdg_surface = xdg_wm_base_get_xdg_surface(window->wm_base, menu->surface);
	xdg_surface_add_listener(menu->xdg_surface, &popup_surface_listener, menu);
	menu->popup = xdg_surface_get_popup(
		menu->xdg_surface, parent ? parent->xdg_surface : window->xdg_surface, positioner);
	xdg_popup_add_listener(menu->popup, &popup_listener, menu);
	xdg_popup_grab(menu->popup, window->seat, serial);
	wl_surface_commit(menu->surface);
	xdg_positioner_destroy(positioner);
}

/* ---- input */

static const char *surface_name(void *data, struct wl_surface *surface)
{
	static const char *const names[MENUS_MAX + 1] = {"0", "1", "2", "3", "4"};
	return names[number_of(data, surface)];
}

static void handle_moved(void *data, struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct menus *menus = data;
	menus->under_pointer = number_of(menus, surface);
	menus->x = x;
	menus->y = y;
}

static void handle_button(void *data, uint32_t serial, uint32_t button, bool pressed)
{
	struct menus *menus = data;
	if (menus->under_pointer != menus->n_open)
		return;
	if (button == POINTER_RIGHT && pressed)
		open_menu(menus, serial);
	else if (button == POINTER_LEFT && !pressed && menus->n_open > 0)
		close_top(menus);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct menus menus = {0};
	struct window *window = &menus.window;
	window_connect(window);
	window_needs(window->seat, "seat");
	struct pointer pointer = {.surface_name = surface_name,
		.moved = handle_moved,
		.button = handle_button,
		.data = &menus};
	pointer_listen(&pointer, window->seat);
	window_create(window, "menu", WINDOW_WIDTH, WINDOW_HEIGHT);
	window_show(window);
	window_run(window);
	return 0;
}
