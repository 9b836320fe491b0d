/* A toplevel window drawn in shared memory: what the test clients have in common. */
#ifndef TESTS_CLIENTS_WINDOW_H
#define TESTS_CLIENTS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-client.h>

#include "xdg-shell-client-protocol.h"

#define WINDOW_BUFFERS 3

struct window_buffer {
	struct wl_buffer *buffer;
	uint32_t *pixels; /* width * height, inside the window's pool */
	bool busy;        /* the compositor has it */
};

struct window {
	struct wl_display *display; /* owned by window_connect */
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_seat *seat; /* NULL where there is none */
	struct xdg_wm_base *wm_base;
	/* Called for every global besides those above; may be NULL. */
	void (*handle_global)(
		struct window *window, uint32_t name, const char *interface, uint32_t version);
	void *data; /* the program's own */

	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	int32_t width, height;           /* pixels, of the buffers */
	int32_t told_width, told_height; /* by the compositor, logical; 0: as the window likes */
	bool configured;                 /* at least once */
	bool closed;                     /* the compositor asked for it */

	struct wl_shm_pool *pool;
	int pool_fd;
	/* To be set before window_create: the pool can be truncated; the format of the buffers, and
	 * the bytes from row to row of their first plane (0: XRGB8888). */
	bool may_shrink;
	uint32_t format;
	int32_t stride;
	uint32_t *pool_pixels;
	size_t pool_bytes;
	struct window_buffer buffers[WINDOW_BUFFERS];
};

/* Connects to $WAYLAND_DISPLAY and binds the globals; set handle_global and data before. Ends the
 * program with a message when that fails. */
void window_connect(struct window *window);

/* Maps nothing yet: creates the surface, waits for its first configure event and allocates buffers
 * of this size. Ends the program when the compositor refuses. */
void window_create(struct window *window, const char *title, int32_t width, int32_t height);

/* A buffer that the compositor does not use; dispatches events until there is one. */
struct window_buffer *window_next_buffer(struct window *window);

/* Attaches the buffer with damage in buffer coordinates and commits. */
void window_commit(struct window *window, struct window_buffer *buffer, int32_t x, int32_t y,
	int32_t width, int32_t height);

/* *@shown becomes true with the frame callback of the next commit. */
void window_want_frame(struct window *window, bool *shown);

/* Dispatches events until *@happened; @what it is in messages. */
void window_await(struct window *window, const bool *happened, const char *what);

/* Waits for events and dispatches them. Return: false when the connection is gone. */
bool window_dispatch(struct window *window);

/* Dispatches events for @ms. Return: false when the connection is gone. */
bool window_rest(struct window *window, int ms);

/* Draws the window grey, and prints "mapped" when it is on the screen. */
void window_show(struct window *window);

/* Dispatches events until the window is closed; then as window_finish. */
void window_run(struct window *window);

/* What events call a surface: "window", or "unknown". @window is a struct window. */
const char *window_name(void *window, struct wl_surface *surface);

/* A size on the command line, WIDTHxHEIGHT. Return: false when it is none that a window can have.
 */
bool window_parse_size(const char *text, int32_t *width, int32_t *height);

/* Ends the program with a message when the compositor lacks @global. */
void window_needs(const void *global, const char *name);

/* Destroys everything and disconnects after a last round trip. */
void window_finish(struct window *window);

/* Says what a protocol error was about, and ends the program with status 1. */
_Noreturn void window_die(const struct window *window, const char *what);

#endif
