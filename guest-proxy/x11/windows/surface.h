/*
 * Xwayland's wl_surfaces. One that is an X window's gets a role of ours (role.h):
 *
 *   NEW --paired with a window, a role made--> WAITING --first configure--> SHOWN
 *
 * Before SHOWN its buffers and commits are kept back: a surface may have no content before its role
 * is configured. All else about it passes. Cursors have their role from Xwayland and always pass.
 */
#ifndef GUEST_PROXY_X11_WINDOWS_SURFACE_H
#define GUEST_PROXY_X11_WINDOWS_SURFACE_H

#include "guest-proxy/x11/display/masked.h"
#include "guest-proxy/x11/display/viewport.h"
#include "guest-proxy/x11/windows/window.h"

/* Bits of xdg_toplevel's states: 1 << XDG_TOPLEVEL_STATE_... */
enum toplevel_states {
	STATE_MAXIMIZED = 1 << 1,
	STATE_FULLSCREEN = 1 << 2,
	STATE_RESIZING = 1 << 3,
	STATE_ACTIVATED = 1 << 4,
	STATE_TILED = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
	STATE_SUSPENDED = 1 << 9,
};

/* The compositor insists on the size. */
#define STATES_SIZED (STATE_MAXIMIZED | STATE_FULLSCREEN | STATE_TILED)

struct configure {
	int32_t width, height; /* logical; 0: as you like */
	uint32_t states;
};

struct surface {
	struct wl_list link; /* session::surfaces */
	struct session *session;
	struct relay_object *object;
	bool cursor, icon; /* it has that role, for good; the icon: of what was dragged */
	uint64_t serial;   /* xwayland_surface_v1.set_serial; 0: none */
	struct window *window;
	struct surface *parent; /* of a popup */
	uint32_t output_name;   /* the global's of the output it entered last; 0: none */

	/* Known UP only. */
	struct relay_ref xdg, toplevel, popup, decoration, dialog;
	struct relay_ref token; /* of xdg_activation_v1, asked for */

	bool shown, has_geometry;
	uint32_t decoration_mode; /* of a toplevel, that was asked for last; 0: none */
	bool has_icon;            /* of a toplevel (icon.h) */
	uint64_t icon_turn;   /* in which its icon is asked for, the lowest first; 0: not to be */
	xcb_window_t leader;  /* of a toplevel: its parent's window, as UP was told; 0: none */
	bool committed;       /* a commit was kept back */
	uint32_t kept_buffer; /* DOWN's id of what it was to show; 0: none */
	int32_t buffer_width, buffer_height; /* of the last one attached */

	int32_t told_x, told_y; /* of a popup: where the compositor has it, in X */
	/* Of a drag's icon, from the pointer, logical: where it belongs, and as UP knows it. */
	int32_t icon_x, icon_y, icon_told_x, icon_told_y;
	struct configure pending;
	/* A configure that is acknowledged with the first buffer of the expected size. */
	bool ack_owed;
	uint32_t ack_serial;
	int32_t expected_width, expected_height;
	int64_t ack_deadline_ms;

	struct viewport viewport;
	struct masked masked;
};

extern const struct relay_hook surface_hooks[];

struct surface *surface_of(const struct relay_object *object);

/* The toplevel that @surface is, or that it is a popup of; NULL: neither. */
struct surface *surface_root(struct surface *surface);

/* Finds the surface of @window, or the window of @surface, and gives them a role. */
void surface_pair(struct session *session, struct window *window);

/* Shows what was kept back, and lets everything pass from now on. */
void surface_show(struct surface *surface);
/*
 * A drag's icon belongs at @x, @y from the pointer, in Wayland's units; it moves there with the
 * next picture that Xwayland attaches. False: it is there.
 */
bool surface_place_icon(struct surface *surface, int32_t x, int32_t y);
/* The shape of its window is another one. */
void surface_reshape(struct surface *surface);
/* Keeps back what comes from now on. */
void surface_hide(struct surface *surface);

#endif
