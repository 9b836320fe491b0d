/* X windows: the table of those below the root, and what their properties say. */
#ifndef GUEST_PROXY_X11_WINDOWS_WINDOW_H
#define GUEST_PROXY_X11_WINDOWS_WINDOW_H

#include "guest-proxy/x11/base/session.h"
#include "guest-proxy/x11/display/mask.h"
#include "guest-proxy/x11/windows/hints.h"

#define WINDOWS_MAX 8192 /* below the root; more are neither managed nor shown */

/* What we read; the bits of window::loading and window::stale. */
enum window_property {
	WINDOW_NET_TITLE,
	WINDOW_TITLE,
	WINDOW_CLASS,
	WINDOW_HINTS,
	WINDOW_SIZE,
	WINDOW_TRANSIENT,
	WINDOW_PROTOCOLS,
	WINDOW_TYPE,
	WINDOW_STATES,
	WINDOW_MOTIF,
	WINDOW_FRAME,
	N_WINDOW_PROPERTIES,
	WINDOW_SHAPE = N_WINDOW_PROPERTIES, /* no property, but loaded likewise (shape.h) */
};

struct window {
	struct wl_list link;   /* windows::list */
	struct wl_list bucket; /* windows::buckets */
	xcb_window_t id;
	struct box box; /* in X */
	bool override_redirect;
	bool input_only; /* never has a surface */
	bool mapped;     /* X shows it */
	bool map_wanted; /* MapRequest; it is mapped once its properties are known */
	bool known;      /* the properties have been read once */
	uint32_t loading, stale;
	struct hints hints;
	struct mask *bounds, *input; /* its shape; both NULL: it has none */

	/* Which wl_surface it is: the first two until that is there. */
	uint32_t surface_id;
	uint64_t surface_serial;
	struct surface *surface;

	/* The states that the compositor confirmed (toplevel.h), and the size before them. */
	uint32_t states;
	int32_t restore_width, restore_height; /* logical; 0: none */
	bool pinged;
	int64_t ping_ms;
};

void windows_init(struct windows *windows);
void windows_finish(struct windows *windows);

/* NULL: there are too many already, or memory is short. */
struct window *window_create(struct session *session, xcb_window_t id);
/* Its surface must have been taken from it. */
void window_destroy(struct session *session, struct window *window);
struct window *window_find(struct session *session, xcb_window_t id);

/* Asks for all properties. When they are there, session_listener::window_known is called. */
void window_load(struct session *session, struct window *window);
/* Of enum window_property, the last question has been answered. */
void window_loaded(struct session *session, struct window *window, enum window_property which);
/* Asks for one again that has changed; one that we do not read is passed over. */
void window_property_changed(struct session *session, struct window *window, xcb_atom_t atom);

/* Whether both belong to one X client. */
bool window_same_client(const struct session *session, xcb_window_t window, xcb_window_t other);

bool window_speaks(const struct session *session, const struct window *window, enum atom protocol);

/* It shows what its client drags. */
bool window_is_drag_icon(const struct session *session, const struct window *window);

/* Asks for window::input_only, once it is created: the answer is there before it is known. */
void window_ask_class(struct session *session, const struct window *window);

/* Moves or resizes a window, where its box differs from @box. */
void window_configure(struct session *session, struct window *window, const struct box *box);
/* Xwayland shows it anew, though nothing is drawn in it. */
void window_refresh(const struct session *session, const struct window *window);
void window_raise(struct session *session, struct window *window);

/* A message of WM_PROTOCOLS. */
void window_send_protocol(struct session *session, struct window *window, enum atom protocol,
	uint32_t time, uint32_t detail);

#endif
