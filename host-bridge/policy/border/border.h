/*
 * The border of a machine's windows and popups: four subsurfaces above all others of the window,
 * and maybe a fifth with a label (border_label.h), which only the compositor knows. It covers what
 * a window draws outside of its geometry (its shadow), and the window geometry that the compositor
 * gets is larger by it. The guest is told sizes and places without it (border_windows.c).
 */
#ifndef HOST_BRIDGE_POLICY_BORDER_BORDER_H
#define HOST_BRIDGE_POLICY_BORDER_BORDER_H

#include "host-bridge/policy/surfaces/policy_surface.h"

/* A window with a border is not larger, so that it cannot have its border outside of the screen. */
#define BORDER_WINDOW_MAX 16384

#define BORDER_LABEL 4 /* of the parts: behind the four edges, so that it lies on one of them */
#define BORDER_N_PARTS 5
#define BORDER_STATES_MAX 16

struct border_part {
	struct relay_ref surface, subsurface, viewport;
	struct rectangle place; /* in the window's surface */
	bool shown;             /* there; else it will be */
};

/* What a window was told last: xdg_toplevel.configure and xdg_surface.configure. */
struct border_configured {
	int32_t width, height; /* as the guest knows them */
	uint32_t states[BORDER_STATES_MAX], n_states;
	uint32_t serial, acked;
	bool told, has_acked;
	bool repeated;      /* to the guest alone */
	bool next_off, off; /* border::off is to be, with what comes; with what came, */
	uint32_t off_since; /* once this serial, or a later one, is acknowledged */
};

struct border { /* policy_surface::border */
	struct relay *relay;
	struct vm_quota *quota;
	const struct border_settings *settings;
	bool made; /* the parts are there, as many as border_n_parts says */
	struct border_part parts[BORDER_N_PARTS];
	bool off;    /* the window takes the whole screen, and may do so without a border, */
	bool hidden; /* and shows itself so */
	struct rectangle content;  /* inside of the border; empty: the window shows nothing */
	struct rectangle below;    /* what its subsurfaces cover */
	struct rectangle geometry; /* of the window, as the compositor knows it; empty: not set */
	struct border_configured configured;
};

/* Whether @surface is, or can become, a window or a popup with a border. */
static inline bool border_framed(const struct policy_surface *surface)
{
	return surface->border && surface->border->settings->width_px > 0;
}

/* How many surfaces a border is made of. */
static inline size_t border_n_parts(const struct border_settings *settings)
{
	return settings->label[0] ? BORDER_N_PARTS : BORDER_LABEL;
}

/*
 * The border that @surface, which becomes a window or a popup, gets; it goes with the surface.
 * False: the relay has failed.
 */
bool border_create(struct relay *relay, struct policy_surface *surface);

/*
 * For the commit of @window, one that is framed, before it is forwarded: puts the border around
 * @content, what it is to show (surface coordinates; empty: nothing). False: the relay has failed.
 */
bool border_commit(struct policy_surface *window, const struct rectangle *content);

/*
 * The window has the whole screen no more. Until it says what it shows instead, which it may never
 * do, the border lies over its edges. False: the relay has failed.
 */
bool border_return(struct border *border);

/* Puts @subsurface, a new one of @window, below the border. False: the relay has failed. */
bool border_stack(struct policy_surface *window, struct relay_object *subsurface);

/* How wide the border of @surface (may be NULL) is now; 0: it has none. */
int32_t border_width(const struct policy_surface *surface);

/* Where the guest's window geometry begins in the compositor's. */
void border_origin(const struct policy_surface *surface, int32_t *x, int32_t *y);

/* @window shows nothing any more: the compositor will tell it anew what it is to be. */
void border_unmap(struct policy_surface *window);

/* xdg_toplevel.configure, before it is looked at: its size becomes the guest's. False: failed. */
bool border_configure(struct relay_message *message);

/* xdg_surface.configure(serial) and ack_configure(serial), to be called by the hooks for them
 * (popups.c). */
enum relay_verdict border_configured(struct relay_message *message);
enum relay_verdict border_acknowledged(struct relay_message *message);

/* Sizes and places of windows. In use where these have borders; ends with {0}. */
extern const struct relay_hook border_hooks[];

#endif
