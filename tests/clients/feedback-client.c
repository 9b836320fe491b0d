/*
 * feedback-client: prints linux-dmabuf's feedback, the default one and that of a window which then
 * has the whole screen, and has it no longer. Its frames are wl_shm's, so it needs no device.
 *
 * "window", "screen" and "window" stand before what was heard while the window drew frames so:
 * until the feedback is what it can be expected to become, or FRAMES were drawn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmabuf_print.h"
#include "linux-dmabuf-client-protocol.h"
#include "window.h"

#define WIDTH 320
#define HEIGHT 240
#define VERSION 5
#define FRAMES 200 /* wlroots tells what the screen can show after 30 in which nothing else was */

struct client {
	struct window window;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t version;
	struct dmabuf_heard heard;
};

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
}

static void handle_modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo)
{
	dmabuf_print_pair(format, (uint64_t)modifier_hi << 32 | modifier_lo);
}

static const struct zwp_linux_dmabuf_v1_listener dmabuf_listener = {
	.format = handle_format,
	.modifier = handle_modifier,
};

static void handle_global(
	struct window *window, uint32_t name, const char *interface, uint32_t version)
{
	struct client *client = window->data;

	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) != 0 || client->dmabuf)
		return;
	client->version = version < VERSION ? version : VERSION;
	/* The headers of Debian 12 have version 4. */
	const uint32_t known = (uint32_t)zwp_linux_dmabuf_v1_interface.version;
	client->dmabuf = wl_registry_bind(window->registry, name, &zwp_linux_dmabuf_v1_interface,
		client->version < known ? client->version : known);
	zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &dmabuf_listener, client);
}

/* Shows a grey frame of this size, and hears all that was said before it was shown. */
static void show_frame(struct window *window, int32_t width, int32_t height)
{
	const size_t bytes = (size_t)width * (size_t)height * 4;
	const int fd = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool shown;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		window_die(window, "memfd");
	struct wl_shm_pool *pool = wl_shm_create_pool(window->shm, fd, (int32_t)bytes);
	struct window_buffer buffer = {.buffer = wl_shm_pool_create_buffer(pool, 0, width, height,
					       width * 4, WL_SHM_FORMAT_XRGB8888)};
	window_want_frame(window, &shown);
	window_commit(window, &buffer, 0, 0, width, height);
	window_await(window, &shown, "waiting for a frame");
	wl_display_roundtrip(window->display);
	wl_buffer_destroy(buffer.buffer);
	wl_shm_pool_destroy(pool);
	close(fd);
}

/* @on_screen: the window has the whole of it, in the size that the compositor says. */
static void show_frames(struct client *client, bool on_screen)
{
	struct window *window = &client->window;
	const struct dmabuf_heard *heard = &client->heard;
	int frames = 0;

	do {
		show_frame(window, on_screen ? window->told_width : WIDTH,
			on_screen ? window->told_height : HEIGHT);
	} while (++frames < FRAMES && (!heard->done || heard->names_screen != on_screen));
	fprintf(stderr, "%d frames\n", frames);
	fflush(stdout);
}

static void show_phases(struct client *client)
{
	struct window *window = &client->window;

	printf("window\n");
	show_frames(client, false);
	printf("screen\n");
	window->told_width = 0;
	xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	while (window->told_width <= WIDTH)
		if (!window_dispatch(window))
			window_die(window, "waiting for the whole screen");
	show_frames(client, true);
	printf("window\n");
	window->configured = false;
	xdg_toplevel_unset_fullscreen(window->toplevel);
	window_await(window, &window->configured, "waiting for a part of the screen");
	show_frames(client, false);
}

int main(void)
{
	struct client client = {.window = {.handle_global = handle_global}};
	struct window *window = &client.window;

	window->data = &client;
	window_connect(window);
	window_needs(client.dmabuf, "linux-dmabuf");
	printf("version %u\n", client.version);
	wl_display_roundtrip(window->display); /* the pairs of version 3 */
	if (client.version < ZWP_LINUX_DMABUF_V1_GET_DEFAULT_FEEDBACK_SINCE_VERSION)
		return 0;
	dmabuf_print_feedback(window, client.dmabuf);
	window_create(window, "feedback-client", WIDTH, HEIGHT);
	struct zwp_linux_dmabuf_feedback_v1 *feedback =
		dmabuf_print_surface_feedback(window, client.dmabuf, &client.heard);
	show_phases(&client);
	zwp_linux_dmabuf_feedback_v1_destroy(feedback);
	window_finish(window);
	return 0;
}
