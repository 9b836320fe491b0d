/* shm-client: maps a window, draws a number of frames of a known pattern, and ends.
 *
 * The picture is a function of the seed and the frame's number alone, so two runs can be compared.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "window.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-toplevel-icon-v1-client-protocol.h"

#define ICON_PX 64

struct options {
	int32_t width, height;
	uint32_t frames;
	uint32_t seed;
	bool solid;       /* one colour, the seed */
	bool row_only;    /* after the first frame only one row changes */
	bool unpaced;     /* frames do not wait for their callbacks */
	bool hold;        /* stay after the last frame until closed or killed */
	bool unsealed;    /* the pool could be truncated, and so has to be copied */
	uint32_t format;  /* one with several planes; 0: XRGB8888 */
	bool decorated;   /* asks the compositor for a title bar */
	const char *icon; /* a colour, as 0xRRGGBB; or NULL */
	const char *title;
};

/* What the compositor has beyond the least. */
static struct {
	struct xdg_toplevel_icon_manager_v1 *icons;
	struct zxdg_decoration_manager_v1 *decorations;
} globals;

static const char usage[] = "usage: shm-client [OPTION...]\n"
			    "  --size WxH     of the buffers (default 256x256)\n"
			    "  --frames N     to draw, each on a frame callback (default 3)\n"
			    "  --seed N       chooses the pattern (default 1)\n"
			    "  --solid        fill with one colour instead: the seed, as 0xRRGGBB\n"
			    "  --row          change one row a frame, with damage to match\n"
			    "  --unpaced      do not wait for frame callbacks, only for the "
			    "compositor every hundred frames\n"
			    "  --hold         stay mapped after the last frame\n"
			    "  --unsealed     its pool could be truncated, and has to be copied\n"
			    "  --format NAME  NV12, YU12 or another with planes of bytes, or "
			    "P010, in the same memory\n"
			    "  --decorated    with the compositor's title bar\n"
			    "  --icon COLOUR  of the window, as 0xRRGGBB\n"
			    "  --title TEXT   title and app id (default shm-client)\n";

static void draw_rows(
	const struct options *options, uint32_t *pixels, uint32_t frame, int32_t first, int32_t end)
{
	for (int32_t y = first; y < end; y++) {
		for (int32_t x = 0; x < options->width; x++) {
			pixels[(size_t)y * options->width + x] = options->solid
				? options->seed
				: picture_pixel(options->seed + frame * 7919, x, y);
		}
	}
}

/* Every buffer must show the whole of the picture, so rows drawn in earlier frames are drawn again
 * where a buffer has not seen them; the damage is only what differs from the frame before. */
static void draw_frame(struct window *window, const struct options *options, uint32_t frame)
{
	struct window_buffer *buffer = window_next_buffer(window);
	int32_t damage_y = 0, damage_rows = options->height;
	if (options->row_only && frame > 0) {
		damage_y = frame % options->height;
		damage_rows = 1;
		draw_rows(options, buffer->pixels, 0, 0, options->height);
		uint32_t rows =
			frame < (uint32_t)options->height ? frame : (uint32_t)options->height;
		for (uint32_t past = frame - rows + 1; past <= frame; past++) {
			int32_t y = past % options->height;
			draw_rows(options, buffer->pixels, past, y, y + 1);
		}
	} else {
		draw_rows(options, buffer->pixels, frame, 0, options->height);
	}

	if (options->unpaced) {
		window_commit(window, buffer, 0, damage_y, options->width, damage_rows);
		if (frame % 100 == 99 && wl_display_roundtrip(window->display) < 0)
			window_die(window, "committing");
		return;
	}
	bool shown;
	window_want_frame(window, &shown);
	window_commit(window, buffer, 0, damage_y, options->width, damage_rows);
	window_await(window, &shown, "waiting for a frame");
}

static bool options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"size", required_argument, NULL, 's'},
		{"frames", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 'e'},
		{"solid", no_argument, NULL, 'o'},
		{"row", no_argument, NULL, 'r'},
		{"hold", no_argument, NULL, 'h'},
		{"unpaced", no_argument, NULL, 'u'},
		{"unsealed", no_argument, NULL, 'l'},
		{"format", required_argument, NULL, 'f'},
		{"decorated", no_argument, NULL, 'd'},
		{"icon", required_argument, NULL, 'i'},
		{"title", required_argument, NULL, 't'},
		{0},
	};
	for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (option) {
		case 's':
			if (!window_parse_size(optarg, &options->width, &options->height))
				return false;
			break;
		case 'n':
			options->frames = strtoul(optarg, NULL, 0);
			break;
		case 'e':
			options->seed = strtoul(optarg, NULL, 0);
			break;
		case 'o':
			options->solid = true;
			break;
		case 'r':
			options->row_only = true;
			break;
		case 'u':
			options->unpaced = true;
			break;
		case 'h':
			options->hold = true;
			break;
		case 'l':
			options->unsealed = true;
			break;
		case 'f':
			if (strlen(optarg) != 4)
				return false;
			memcpy(&options->format, optarg, 4); /* wl_shm's numbers are such names */
			break;
		case 'd':
			options->decorated = true;
			break;
		case 'i':
			options->icon = optarg;
			break;
		case 't':
			options->title = optarg;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	if (strcmp(interface, xdg_toplevel_icon_manager_v1_interface.name) == 0)
		globals.icons = wl_registry_bind(
			window->registry, name, &xdg_toplevel_icon_manager_v1_interface, 1);
	if (strcmp(interface, zxdg_decoration_manager_v1_interface.name) == 0)
		globals.decorations = wl_registry_bind(
			window->registry, name, &zxdg_decoration_manager_v1_interface, 1);
}

static void demand(const void *global, const char *what)
{
	if (global)
		return;
	fprintf(stderr, "the compositor has no %s\n", what);
	exit(1);
}

/* Of one colour, in a corner of a buffer that is drawn over later; the icon is gone by then. */
static void set_icon(struct window *window, uint32_t colour)
{
	demand(globals.icons, "icons");
	size_t pixels = (size_t)window->width * window->height;
	uint32_t *corner = window->buffers[WINDOW_BUFFERS - 1].pixels;
	for (int i = 0; i < ICON_PX * ICON_PX; i++)
		corner[i] = 0xff000000 | colour;
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(window->pool,
		(WINDOW_BUFFERS - 1) * pixels * sizeof(uint32_t), ICON_PX, ICON_PX, ICON_PX * 4,
		WL_SHM_FORMAT_ARGB8888);
	struct xdg_toplevel_icon_v1 *icon = xdg_toplevel_icon_manager_v1_create_icon(globals.icons);
	xdg_toplevel_icon_v1_add_buffer(icon, buffer, 1);
	xdg_toplevel_icon_manager_v1_set_icon(globals.icons, window->toplevel, icon);
	wl_surface_commit(window->surface);
	xdg_toplevel_icon_v1_destroy(icon);
	wl_buffer_destroy(buffer);
	if (wl_display_roundtrip(window->display) < 0)
		window_die(window, "icon");
}

/* The window has been configured, so the compositor configures it once more. */
static void decorate(struct window *window)
{
	demand(globals.decorations, "title bars");
	struct zxdg_toplevel_decoration_v1 *decoration =
		zxdg_decoration_manager_v1_get_toplevel_decoration(
			globals.decorations, window->toplevel);
	zxdg_toplevel_decoration_v1_set_mode(
		decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	if (wl_display_roundtrip(window->display) < 0)
		window_die(window, "decoration");
}

int main(int argc, char **argv)
{
	struct options options = {
		.width = 256,
		.height = 256,
		.frames = 3,
		.seed = 1,
		.title = "shm-client",
	};
	if (!options_parse(&options, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}

	struct window window = {.may_shrink = options.unsealed, .format = options.format};
	window.handle_global = handle_global;
	if (options.format)
		window.stride = options.width * (memcmp(&options.format, "P0", 2) == 0 ? 2 : 1);
	window_connect(&window);
	window_create(&window, options.title, options.width, options.height);
	if (options.decorated)
		decorate(&window);
	if (options.icon)
		set_icon(&window, strtoul(options.icon, NULL, 16));
	for (uint32_t frame = 0; frame < options.frames; frame++)
		draw_frame(&window, &options, frame);
	printf("%" PRIu32 " frames\n", options.frames);
	fflush(stdout);
	if (options.hold)
		window_run(&window);
	else
		window_finish(&window);
	return 0;
}
