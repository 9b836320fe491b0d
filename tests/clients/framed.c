/*
 * framed: a window of one colour that does what it is told on standard input, a command a line, and
 * says what it is told by the compositor, for tests of what is around windows.
 *
 *   size W H            draws itself at this size
 *   shadow N            has N pixels of another colour around itself, outside of its geometry
 *   maximize, fullscreen, unmaximize, unfullscreen
 *   limits W H W H      set_min_size and set_max_size
 *   popup X Y W H       opens a popup whose corner is to be at X, Y of the window
 *   submenu X Y W H     the same, for the popup's own popup
 *   dialog W H          opens a window that belongs to this one
 *   cover X Y W H       a subsurface on top of all, which does not wait for the window
 *   close               ends what was opened last
 *   commit              of the window, with nothing new
 *
 * It prints "configure W H STATE..." for the window, "popup X Y W H" for popups. usage: framed W H
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "window.h"

#define OPENED_MAX 8

enum {
	WINDOW_COLOUR = 0x00aa00,
	SHADOW_COLOUR = 0x888888,
	POPUP_COLOUR = 0x0000ff,
	DIALOG_COLOUR = 0xffff00,
	COVER_COLOUR = 0xff00ff
};

struct piece { /* a window, popup or subsurface */
	struct wl_surface *surface;
	struct wl_subsurface *subsurface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct xdg_popup *popup;
	int32_t width, height, shadow;
	int32_t wanted_width, wanted_height; /* by the compositor; 0: nothing */
	uint32_t colour;
};

static struct {
	struct window base; /* the globals */
	struct wl_subcompositor *subcompositor;
	struct piece window, opened[OPENED_MAX];
	unsigned n_opened;
} t;

static void handle_release(void *data, struct wl_buffer *buffer)
{
	wl_buffer_destroy(buffer);
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static struct wl_buffer *picture(const struct piece *piece, int32_t width, int32_t height)
{
	size_t size = (size_t)width * (size_t)height * sizeof(uint32_t);
	int fd = memfd_create("framed", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		window_die(&t.base, "memfd");
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pixels == MAP_FAILED)
		window_die(&t.base, "mmap");
	for (int32_t y = 0; y < height; y++) {
		for (int32_t x = 0; x < width; x++) {
			bool inside = x >= piece->shadow && y >= piece->shadow &&
				x < width - piece->shadow && y < height - piece->shadow;
			pixels[(size_t)y * (size_t)width + (size_t)x] =
				inside ? piece->colour : SHADOW_COLOUR;
		}
	}
	struct wl_shm_pool *pool = wl_shm_create_pool(t.base.shm, fd, (int32_t)size);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
	wl_buffer_add_listener(buffer, &buffer_listener, NULL);
	wl_shm_pool_destroy(pool);
	munmap(pixels, size);
	close(fd);
	return buffer;
}

static void draw(struct piece *piece)
{
	int32_t width = piece->width + 2 * piece->shadow,
		height = piece->height + 2 * piece->shadow;

	if (piece->xdg_surface && piece->shadow > 0)
		xdg_surface_set_window_geometry(piece->xdg_surface, piece->shadow, piece->shadow,
			piece->width, piece->height);
	wl_surface_attach(piece->surface, picture(piece, width, height), 0, 0);
	wl_surface_damage(piece->surface, 0, 0, width, height);
	wl_surface_commit(piece->surface);
}

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct piece *piece = data;

	xdg_surface_ack_configure(xdg_surface, serial);
	if (piece->wanted_width > 0)
		piece->width = piece->wanted_width;
	if (piece->wanted_height > 0)
		piece->height = piece->wanted_height;
	draw(piece);
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct piece *piece = data;
	uint32_t *state;

	piece->wanted_width = width;
	piece->wanted_height = height;
	printf("%s %" PRId32 " %" PRId32, piece == &t.window ? "configure" : "dialog", width,
		height);
	wl_array_for_each(state, states) printf(" %" PRIu32, *state);
	printf("\n");
}

static void toplevel_close(void *data, struct xdg_toplevel *toplevel)
{
	exit(0);
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = toplevel_configure, .close = toplevel_close};

static void popup_configure(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
	struct piece *piece = data;

	piece->wanted_width = width;
	piece->wanted_height = height;
	printf("popup %" PRId32 " %" PRId32 " %" PRId32 " %" PRId32 "\n", x, y, width, height);
}

static void popup_done(void *data, struct xdg_popup *popup)
{
	printf("popup done\n");
}

static const struct xdg_popup_listener popup_listener = {
	.configure = popup_configure, .popup_done = popup_done};

static struct piece make_piece(int32_t width, int32_t height, uint32_t colour)
{
	return (struct piece){.surface = wl_compositor_create_surface(t.base.compositor),
		.width = width,
		.height = height,
		.colour = colour};
}

static void make_xdg_surface(struct piece *piece)
{
	piece->xdg_surface = xdg_wm_base_get_xdg_surface(t.base.wm_base, piece->surface);
	xdg_surface_add_listener(piece->xdg_surface, &xdg_surface_listener, piece);
}

static void make_toplevel(struct piece *piece, const char *title)
{
	make_xdg_surface(piece);
	piece->toplevel = xdg_surface_get_toplevel(piece->xdg_surface);
	xdg_toplevel_add_listener(piece->toplevel, &toplevel_listener, piece);
	xdg_toplevel_set_title(piece->toplevel, title);
	xdg_toplevel_set_app_id(piece->toplevel, title);
}

static struct piece *open_piece(int32_t width, int32_t height, uint32_t colour)
{
	if (t.n_opened == OPENED_MAX)
		exit(1);
	t.opened[t.n_opened] = make_piece(width, height, colour);
	return &t.opened[t.n_opened++];
}

static void open_popup(const struct piece *parent, const int32_t *n)
{
	struct piece *piece = open_piece(n[2], n[3], POPUP_COLOUR);
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(t.base.wm_base);

	make_xdg_surface(piece);
	xdg_positioner_set_size(positioner, n[2], n[3]);
	xdg_positioner_set_anchor_rect(positioner, n[0], n[1], 1, 1);
	xdg_positioner_set_anchor(positioner, XDG_POSITIONER_ANCHOR_TOP_LEFT);
	xdg_positioner_set_gravity(positioner, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	piece->popup = xdg_surface_get_popup(piece->xdg_surface, parent->xdg_surface, positioner);
	xdg_popup_add_listener(piece->popup, &popup_listener, piece);
	xdg_positioner_destroy(positioner);
	wl_surface_commit(piece->surface);
}

static void open_dialog(const int32_t *n)
{
	struct piece *piece = open_piece(n[0], n[1], DIALOG_COLOUR);

	make_toplevel(piece, "framed-dialog");
	xdg_toplevel_set_parent(piece->toplevel, t.window.toplevel);
	wl_surface_commit(piece->surface);
}

static void open_cover(const int32_t *n)
{
	struct piece *piece = open_piece(n[2], n[3], COVER_COLOUR);

	piece->subsurface =
		wl_subcompositor_get_subsurface(t.subcompositor, piece->surface, t.window.surface);
	wl_subsurface_set_position(piece->subsurface, n[0], n[1]);
	draw(piece); /* kept for the window's commit */
	wl_surface_commit(t.window.surface);
	wl_subsurface_set_desync(piece->subsurface);
	draw(piece);
}

static void close_last(void)
{
	struct piece *piece = &t.opened[--t.n_opened];

	if (piece->popup)
		xdg_popup_destroy(piece->popup);
	if (piece->toplevel)
		xdg_toplevel_destroy(piece->toplevel);
	if (piece->xdg_surface)
		xdg_surface_destroy(piece->xdg_surface);
	if (piece->subsurface)
		wl_subsurface_destroy(piece->subsurface);
	wl_surface_destroy(piece->surface);
	wl_surface_commit(t.window.surface);
}

static void obey(const char *line)
{
	char word[32];
	int32_t n[4] = {0};
	struct piece *window = &t.window;

	if (sscanf(line, "%31s %" SCNd32 " %" SCNd32 " %" SCNd32 " %" SCNd32, word, &n[0], &n[1],
		    &n[2], &n[3]) < 1)
		return;
	if (strcmp(word, "size") == 0) {
		window->width = n[0];
		window->height = n[1];
		draw(window);
	} else if (strcmp(word, "shadow") == 0) {
		window->shadow = n[0];
		draw(window);
	} else if (strcmp(word, "maximize") == 0) {
		xdg_toplevel_set_maximized(window->toplevel);
	} else if (strcmp(word, "unmaximize") == 0) {
		xdg_toplevel_unset_maximized(window->toplevel);
	} else if (strcmp(word, "fullscreen") == 0) {
		xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	} else if (strcmp(word, "unfullscreen") == 0) {
		xdg_toplevel_unset_fullscreen(window->toplevel);
	} else if (strcmp(word, "limits") == 0) {
		xdg_toplevel_set_min_size(window->toplevel, n[0], n[1]);
		xdg_toplevel_set_max_size(window->toplevel, n[2], n[3]);
		wl_surface_commit(window->surface);
	} else if (strcmp(word, "popup") == 0) {
		open_popup(window, n);
	} else if (strcmp(word, "submenu") == 0 && t.n_opened > 0) {
		open_popup(&t.opened[t.n_opened - 1], n);
	} else if (strcmp(word, "dialog") == 0) {
		open_dialog(n);
	} else if (strcmp(word, "cover") == 0) {
		open_cover(n);
	} else if (strcmp(word, "close") == 0 && t.n_opened > 0) {
		close_last();
	} else if (strcmp(word, "commit") == 0) {
		wl_surface_commit(window->surface);
	} else {
		fprintf(stderr, "framed: what is %s?\n", word);
		exit(2);
	}
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, wl_subcompositor_interface.name) == 0)
		t.subcompositor =
			wl_registry_bind(window->registry, name, &wl_subcompositor_interface, 1);
}

/* Until standard input ends. */
static void run(void)
{
	struct pollfd ready[] = {{.fd = wl_display_get_fd(t.base.display), .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN}};
	char line[128];

	for (;;) {
		if (wl_display_flush(t.base.display) < 0 || poll(ready, 2, -1) < 0)
			window_die(&t.base, "waiting");
		if (ready[0].revents && !window_dispatch(&t.base))
			window_die(&t.base, "waiting for events");
		if (!ready[1].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		obey(line);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: framed WIDTH HEIGHT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() is to know what is left */
	t.base.handle_global = handle_global;
	window_connect(&t.base);
	window_needs(t.subcompositor, "wl_subcompositor");
	t.window = make_piece(atoi(argv[1]), atoi(argv[2]), WINDOW_COLOUR);
	make_toplevel(&t.window, "framed");
	wl_surface_commit(t.window.surface);
	run();
	return 0;
}
