/* A toplevel window drawn in shared memory: what the test clients have in common. */
#include "window.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SEAT_VERSION 7
#define COMPOSITOR_VERSION 4
#define SIZE_MAX_PX 16384

_Noreturn void window_die(const struct window *window, const char *what)
{
	int error = window->display ? wl_display_get_error(window->display) : errno;
	if (window->display && error == EPROTO) {
		const struct wl_interface *interface = NULL;
		uint32_t id = 0;
		uint32_t code = wl_display_get_protocol_error(window->display, &interface, &id);
		fprintf(stderr, "%s: protocol error %u of %s@%u\n", what, code,
			interface ? interface->name : "(unknown)", id);
	} else {
		fprintf(stderr, "%s: %s\n", what, strerror(error));
	}
	exit(1);
}

static uint32_t at_most(uint32_t version, uint32_t limit)
{
	return version < limit ? version : limit;
}

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct window *window = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0) {
		window->compositor = wl_registry_bind(registry, name, &wl_compositor_interface,
			at_most(version, COMPOSITOR_VERSION));
	} else if (strcmp(interface, wl_shm_interface.name) == 0) {
		window->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	} else if (strcmp(interface, wl_seat_interface.name) == 0 && !window->seat) {
		window->seat = wl_registry_bind(
			registry, name, &wl_seat_interface, at_most(version, SEAT_VERSION));
	} else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
		window->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(window->wm_base, &wm_base_listener, window);
	} else if (window->handle_global) {
		window->handle_global(window, name, interface, version);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

void window_connect(struct window *window)
{
	window->pool_fd = -1;
	window->display = wl_display_connect(NULL);
	if (!window->display)
		window_die(window, "connect");
	window->registry = wl_display_get_registry(window->display);
	wl_registry_add_listener(window->registry, &registry_listener, window);
	if (wl_display_roundtrip(window->display) < 0)
		window_die(window, "registry");
	if (!window->compositor || !window->shm || !window->wm_base) {
		fprintf(stderr, "wl_compositor, wl_shm or xdg_wm_base is missing\n");
		exit(1);
	}
}

static void handle_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->configured = true;
}

static const struct xdg_surface_listener xdg_surface_listener = {
	.configure = handle_surface_configure,
};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *window = data;
	window->told_width = width;
	window->told_height = height;
}

static void handle_toplevel_close(void *data, struct xdg_toplevel *toplevel)
{
	struct window *window = data;
	window->closed = true;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_toplevel_close,
};

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	struct window_buffer *buffer = data;
	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void buffers_create(struct window *window)
{
	size_t pixels = (size_t)window->width * window->height;
	window->pool_bytes = pixels * sizeof(uint32_t) * WINDOW_BUFFERS;
	/* Toolkits seal theirs. */
	window->pool_fd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (window->pool_fd < 0 || ftruncate(window->pool_fd, window->pool_bytes) < 0 ||
		(!window->may_shrink && fcntl(window->pool_fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0))
		window_die(window, "memfd");
	window->pool_pixels = mmap(
		NULL, window->pool_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, window->pool_fd, 0);
	if (window->pool_pixels == MAP_FAILED)
		window_die(window, "mmap");

	window->pool = wl_shm_create_pool(window->shm, window->pool_fd, window->pool_bytes);
	for (size_t i = 0; i < WINDOW_BUFFERS; i++) {
		struct window_buffer *buffer = &window->buffers[i];
		buffer->pixels = window->pool_pixels + i * pixels;
		buffer->buffer = wl_shm_pool_create_buffer(window->pool,
			i * pixels * sizeof(uint32_t), window->width, window->height,
			window->stride ? window->stride : window->width * (int32_t)sizeof(uint32_t),
			window->stride ? window->format : WL_SHM_FORMAT_XRGB8888);
		wl_buffer_add_listener(buffer->buffer, &buffer_listener, buffer);
	}
}

void window_create(struct window *window, const char *title, int32_t width, int32_t height)
{
	window->width = width;
	window->height = height;
	window->surface = wl_compositor_create_surface(window->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(window->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_title(window->toplevel, title);
	xdg_toplevel_set_app_id(window->toplevel, title);
	wl_surface_commit(window->surface);
	window_await(window, &window->configured, "first configure");
	buffers_create(window);
}

struct window_buffer *window_next_buffer(struct window *window)
{
	for (;;) {
		for (size_t i = 0; i < WINDOW_BUFFERS; i++) {
			if (!window->buffers[i].busy)
				return &window->buffers[i];
		}
		if (!window_dispatch(window))
			window_die(window, "waiting for a buffer");
	}
}

void window_commit(struct window *window, struct window_buffer *buffer, int32_t x, int32_t y,
	int32_t width, int32_t height)
{
	wl_surface_attach(window->surface, buffer->buffer, 0, 0);
	wl_surface_damage_buffer(window->surface, x, y, width, height);
	wl_surface_commit(window->surface);
	buffer->busy = true;
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	*(bool *)data = true;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

void window_want_frame(struct window *window, bool *shown)
{
	*shown = false;
	wl_callback_add_listener(wl_surface_frame(window->surface), &frame_listener, shown);
}

void window_await(struct window *window, const bool *happened, const char *what)
{
	while (!*happened) {
		if (!window_dispatch(window))
			window_die(window, what);
	}
}

bool window_dispatch(struct window *window)
{
	return wl_display_dispatch(window->display) >= 0;
}

static int64_t now_ms(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

bool window_rest(struct window *window, int ms)
{
	struct pollfd readable = {.fd = wl_display_get_fd(window->display), .events = POLLIN};
	int64_t end = now_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - now_ms()) {
		while (wl_display_prepare_read(window->display) != 0) {
			if (wl_display_dispatch_pending(window->display) < 0)
				return false;
		}
		wl_display_flush(window->display);
		if (poll(&readable, 1, (int)left) > 0)
			wl_display_read_events(window->display);
		else
			wl_display_cancel_read(window->display);
		if (wl_display_dispatch_pending(window->display) < 0)
			return false;
	}
	return true;
}

static void handle_mapped(void *data, struct wl_callback *callback, uint32_t time_ms)
{
	printf("mapped\n");
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener mapped_listener = {.done = handle_mapped};

void window_show(struct window *window)
{
	struct window_buffer *buffer = window_next_buffer(window);
	memset(buffer->pixels, 0x80, (size_t)window->width * window->height * sizeof(uint32_t));
	wl_callback_add_listener(wl_surface_frame(window->surface), &mapped_listener, NULL);
	window_commit(window, buffer, 0, 0, window->width, window->height);
}

void window_run(struct window *window)
{
	window_await(window, &window->closed, "waiting for events");
	window_finish(window);
}

bool window_parse_size(const char *text, int32_t *width, int32_t *height)
{
	return sscanf(text, "%" SCNd32 "x%" SCNd32, width, height) == 2 && *width > 0 &&
		*height > 0 && *width <= SIZE_MAX_PX && *height <= SIZE_MAX_PX;
}

const char *window_name(void *data, struct wl_surface *surface)
{
	const struct window *window = data;
	return surface == window->surface ? "window" : "unknown";
}

void window_needs(const void *global, const char *name)
{
	if (global)
		return;
	fprintf(stderr, "the compositor has no %s\n", name);
	exit(1);
}

void window_finish(struct window *window)
{
	if (window->toplevel) {
		xdg_toplevel_destroy(window->toplevel);
		xdg_surface_destroy(window->xdg_surface);
		wl_surface_destroy(window->surface);
	}
	if (window->pool) {
		for (size_t i = 0; i < WINDOW_BUFFERS; i++)
			wl_buffer_destroy(window->buffers[i].buffer);
		wl_shm_pool_destroy(window->pool);
		munmap(window->pool_pixels, window->pool_bytes);
		close(window->pool_fd);
	}
	if (wl_display_roundtrip(window->display) < 0)
		window_die(window, "last round trip");
	wl_display_disconnect(window->display);
}
