/* The parts of seat-compositor: the newest window, and what the devices of its seat tell it. */
#ifndef TESTS_CLIENTS_SEAT_COMPOSITOR_H
#define TESTS_CLIENTS_SEAT_COMPOSITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <wayland-server.h>

struct seat_compositor {
	struct wl_display *display;
	struct wl_resource *focus; /* the surface of the newest window; NULL: none */
	int32_t scale;
	bool refuses;                          /* to import a buffer of linux-dmabuf */
	uint32_t time_ms;                      /* counts events: no clock, so that runs are alike */
	struct wl_list touches, pens, tablets; /* wl_resource_get_link */
	struct wl_list feedbacks;              /* linux-dmabuf's; see seat_dmabuf.c */
	struct wl_list primary_devices;        /* those of the primary selection */
	struct wl_resource *primary;           /* the selected source; NULL: none */
};

/* The shell: whatever a client needs for a window. Prints "mapped" for each that is shown. */
void seat_shell_create(struct seat_compositor *compositor);

/* A seat with a touch screen, and zwp_tablet_manager_v2 with one pen on it. */
void seat_devices_create(struct seat_compositor *compositor);

/* The primary selection, as gtk_primary_selection_device_manager. */
void seat_primary_create(struct seat_compositor *compositor);

/* linux-dmabuf, whose feedback for a window changes as it gets the whole screen or gives it back.
 */
void seat_dmabuf_create(struct seat_compositor *compositor);
void seat_dmabuf_fullscreen(
	struct seat_compositor *compositor, struct wl_resource *surface, bool fullscreen);

/* Does what a line of commands says (seat-compositor.c). Return: false when it says nothing known,
 * or there is no window. */
bool seat_devices_run(struct seat_compositor *compositor, const char *line);

#endif
