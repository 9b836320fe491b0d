/*
 * What all of wayferry-x11 knows of one life of Xwayland (life.h): the relay, the connection to X,
 * and plain data that each noun keeps here and others may look at. Whoever stands below another
 * calls it by way of the listener.
 *
 * Nothing here waits for X: what is asked is answered later (replies.h). Events that must not
 * overtake what X was told before them, such as wl_pointer.enter, are held by the relay until X has
 * answered, or for HOLD_MS.
 */
#ifndef GUEST_PROXY_X11_BASE_SESSION_H
#define GUEST_PROXY_X11_BASE_SESSION_H

#include <wayland-server-core.h>
#include <xcb/xcb.h>

#include "guest-proxy/x11/base/atoms.h"
#include "guest-proxy/x11/base/replies.h"
#include "guest-proxy/x11/base/scale.h"
#include "protocol/relay/relay.h"

#define WINDOW_BUCKETS 256

struct dnd;
struct drag_source;
struct selections;
struct session;
struct surface;
struct window;

struct session_settings {
	uint32_t scale; /* in 120ths; 0: the outputs' */
	uint32_t dpi;   /* at scale 1; 0: 96 */
};

struct session_counters {
	uint64_t commits;      /* of surfaces */
	uint64_t windows;      /* that were shown */
	uint64_t copied_bytes; /* of windows that have a shape */
};

/* Input that surfaces have. */
struct focus {
	struct surface *pointer, *keyboard; /* as the compositor says */
	struct surface *activated;          /* by the last xdg_toplevel.configure */
	xcb_window_t window;                /* that X was told; 0: none */
	xcb_window_t raised;                /* on top in X; 0: not known */
	uint32_t serial;                    /* of the last input event */
	struct relay_ref seat;              /* the first */
	bool has_keyboard;                  /* a wl_keyboard.enter has come */

	/* The button that is held; while others are, the first. */
	uint32_t button, buttons_down;
	uint32_t press_serial;
	struct surface *pressed; /* where; NULL: none is, or the surface has gone */

	/* What X knows of the pointer (pointer.h). */
	struct relay_ref x_pointer; /* wl_pointer */
	struct surface *x_entered;
	wl_fixed_t x_place[2]; /* there */
	bool borrowed;
};

struct windows {
	struct wl_list list; /* window::link, the newest last */
	struct wl_list buckets[WINDOW_BUCKETS];
	uint32_t count;
	bool changed; /* _NET_CLIENT_LIST is to be written anew */
};

struct session_listener {
	/* X's scale was @before and is another one now. */
	void (*scale_changed)(struct session *session, uint32_t before);
	/* Its properties have been read, for the first time since it asked to be mapped. */
	void (*window_known)(struct session *session, struct window *window);
	/* @property: enum window_property. */
	void (*hint_changed)(struct session *session, struct window *window, unsigned property);
	/* A surface has found its window. */
	void (*surface_paired)(struct surface *surface);
	/* It goes, or stops being that window. */
	void (*surface_leaves)(struct surface *surface);
	/* Before a commit of Xwayland's, of a surface with a window. */
	void (*surface_commits)(struct surface *surface);
	/* It entered surface::output_name. */
	void (*surface_moved)(struct surface *surface);
	/* No button is held any more. */
	void (*buttons_up)(struct session *session);
	/* The types of what an X client drags have names now. */
	void (*drag_named)(struct session *session);
	/* The compositor has ended the drag. */
	void (*drag_cancelled)(struct session *session);
};

struct session {
	struct wl_event_loop *loop;
	const struct session_settings *settings;
	const struct session_listener *listener;
	struct relay *relay;
	const char *over; /* why it ends; NULL while it runs */
	struct session_counters counters;

	/* Known UP only; none: the compositor does not have it. */
	struct relay_ref wm_base, decorations, viewporter, activation;
	struct relay_ref compositor, shm, icons, dialogs;
	struct relay_sync icon_sync; /* whether the compositor has taken the last icon */
	struct relay_ref data_manager, primary_manager;
	struct wl_list surfaces; /* surface::link */
	struct wl_list outputs;  /* output::link */
	struct wl_list readable; /* buffer::link */
	uint32_t readable_count;
	uint32_t scale;             /* of X, in 120ths */
	int32_t origin_x, origin_y; /* logical: X's 0,0 */
	struct focus focus;

	/* x is NULL until Xwayland is ready. */
	xcb_connection_t *x;
	struct wl_event_source *x_source;
	xcb_screen_t *screen;
	xcb_window_t check;   /* ours */
	uint8_t xfixes_event; /* the number of XFixes' SelectionNotify */
	uint8_t shape_event;  /* of ShapeNotify; 0: the server has no shapes */
	xcb_window_t shapes;  /* ours, never shown: where shapes are combined */
	size_t mask_bytes;    /* of all windows */
	xcb_atom_t atoms[N_ATOMS];
	bool managing; /* the atoms are known, and clients are let in */
	struct replies replies;
	struct windows windows;
	bool surfaces_made; /* since windows have looked for theirs */
	struct selections *selections;
	struct dnd *dnd;
	struct drag_source *drag_source;
	struct wl_list outgoing, incoming; /* outgoing::link, incoming::link */
	struct wl_list requests;           /* incoming_request::link */
	struct wl_list watches;            /* watch::link */
	bool icon_asked;                   /* one is under way */
	uint64_t icon_turns;               /* that surfaces were given */
	size_t spooled_bytes;              /* in memory, for X clients that take them slowly */

	bool holding, released;
	struct wl_event_source *hold_timer, *ack_timer;
};

/*
 * For a hook in front of an event that X must be ready for: true when it may pass, false for
 * RELAY_HOLD. The first call for an event asks X for a sign of life behind all requests so far.
 */
bool session_x_is_ready(struct session *session);

/* The hold_timer's function; data: the session. */
int session_hold_timeout(void *data);

/* A request about an object that UP knows; NULL, which has gone: nothing. */
void session_send(struct session *session, struct relay_object *object, const char *request,
	const union wire_arg *args);

/*
 * A new object that only UP will know, made by @request of @parent; its new id is argument
 * @new_arg. NULL when memory is short or @parent is NULL.
 */
struct relay_object *session_make(struct session *session, const char *interface,
	struct relay_object *parent, const char *request, union wire_arg *args, size_t new_arg);

#define SESSION_ATOM(session, name) ((session)->atoms[ATOM_##name])

static inline xcb_window_t session_root(const struct session *session)
{
	return session->screen->root;
}

#endif
