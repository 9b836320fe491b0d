/* What is known of each selection, for those that move it (selection.h). */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_STATE_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_STATE_H

#include "guest-proxy/x11/base/session.h"
#include "guest-proxy/x11/transfers/mime.h"

#define N_SELECTIONS 3
#define SELECTION_DRAG 2 /* the index of what is dragged, either way; dnd.h, drag_source.h */

/* The same twice, by other names. What is dragged has no device of its own. */
struct selection_protocol {
	enum atom atom;
	const char *device, *source, *offer; /* interfaces */
	const char *get_device, *create_source;
	size_t manager; /* in struct session */
};

/* What a Wayland client offers, us among others. The object's data until it is a selection's. */
struct offer {
	struct relay_ref object;
	struct mime_list types;
	uint32_t actions; /* of a drag's source, as of wl_data_device_manager */
};

struct selection {
	struct session *session;
	const struct selection_protocol *protocol;
	struct relay_ref device;

	/* Wayland's: what we own in X. */
	struct offer *offer;        /* NULL: none */
	xcb_atom_t atoms[MIME_MAX]; /* of its types */
	size_t atoms_known;
	uint32_t offer_generation; /* counts offers */
	bool owning;
	xcb_timestamp_t time; /* of X's selection */

	/* X's: what we are the source of. */
	xcb_window_t owner;  /* 0: no X client */
	uint32_t generation; /* counts owners */
	struct relay_ref source;
	struct mime_list targets; /* the owner's, as X calls them */
	xcb_atom_t target_atoms[MIME_MAX];
	size_t names_awaited, names_done;
	xcb_timestamp_t ask_time; /* with which it is asked for data; a drag's owner looks at it */
	bool ask_later;           /* not before that is known */
};

struct selections {
	struct selection items[N_SELECTIONS];
	xcb_window_t window; /* the owner and requestor that we are */
	char mark[64];       /* the mime type that marks our sources */
};

/* The selection with that name; NULL: none of ours. */
struct selection *selection_find(struct session *session, xcb_atom_t atom);
xcb_atom_t selection_atom(const struct selection *selection);
/* Wayland's, of its devices and sources; NULL: the compositor has none. */
struct relay_object *selection_manager(const struct selection *selection);

#endif
