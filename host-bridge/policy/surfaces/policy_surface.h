/* Surfaces of guests, as far as the policy needs to know them. */
#ifndef HOST_BRIDGE_POLICY_POLICY_SURFACE_H
#define HOST_BRIDGE_POLICY_POLICY_SURFACE_H

#include "host-bridge/policy/buffers/policy_shadows.h"
#include "host-bridge/policy/surfaces/rectangle.h"
#include "protocol/relay/asked_callbacks.h"

struct surface_viewport {      /* not above 0: not set */
	int32_t width, height; /* of the destination */
	wl_fixed_t source_x, source_y, source_width, source_height;
};

/* How a surface shows its buffer. Compositors look at commits whether the two fit. */
struct surface_state {
	int32_t scale, transform;
	struct surface_viewport viewport;
};

/*
 * Where a popup may be, in its parent's window geometry: where it was shown, and where it was told
 * to be since, which it goes to when it likes.
 */
struct surface_places {
	bool told;                        /* at least once */
	int64_t left, top, right, bottom; /* the largest left and top, the least of the others */
	struct rectangle last;            /* told */
	uint32_t serial;                  /* of that, */
	bool numbered;                    /* once it has come */
	bool acknowledged;                /* the next commit goes there */
};

struct policy_surface { /* relay_object.data of a wl_surface */
	struct relay_object *object;
	struct vm_quota *quota;
	struct surface_shadow shadow;
	struct wl_list links;          /* surface_link::link */
	struct relay_object *shell;    /* its xdg_surface or the like; NULL: none */
	bool popup;                    /* it is one, */
	struct relay_ref popup_parent; /* of this wl_surface */
	struct relay_ref popup_role;   /* its xdg_popup */
	struct surface_places popup_places;
	bool popup_grab_refused; /* it has no grab, and so have none of its own popups */
	bool popup_dismissed;    /* it was away from its parent, and is shown no more */
	struct wl_list popups, popup_siblings; /* policy_surface::popup_siblings, of this one */
	struct relay_object *toplevel;         /* its xdg_toplevel or the like; NULL: none, */
	struct window *window;                 /* what its user knows of it; NULL: nothing */
	struct border *border;                 /* around it, if it is a window; NULL: none */
	void (*border_destroy)(struct border *border);
	uint64_t charged_rectangles[2]; /* of its opaque and its input region */
	uint64_t charged_icon_bytes;    /* of the window's icon */
	uint64_t charged_profile_bytes; /* of the largest colour profile it ever had */

	/* Subsurfaces */
	struct policy_surface *parent;     /* NULL: it is none */
	struct relay_object *subsurface;   /* its wl_subsurface, or NULL */
	struct wl_list children, siblings; /* policy_surface::siblings, in the parent's children */
	int32_t x, y;                      /* in the parent, as it was told */
	int32_t shown_x, shown_y;          /* and as the parent's last commit has it, */
	bool placed;                       /* if there was one */
	bool synced;                       /* shown when the parent is committed */

	/* What it shows: see policy_bounds.c */
	struct relay_ref held; /* a wl_buffer that the next commit of the guest's attaches, */
	bool holds;            /* if there is one, or none is */
	int32_t held_x, held_y;
	struct relay_ref representation; /* its wp_color_representation_surface_v1, and */
	bool holds_coefficients;         /* what that is told then, too */
	uint32_t coefficients, range;
	bool damage_spent;    /* a commit that was not the guest's has had it */
	bool attached;        /* since the last commit: the buffer with this id at the guest, */
	uint32_t attached_id; /* or none (0) */
	struct asked_callbacks releases; /* of that buffer, if it is shown */
	int32_t attached_width, attached_height, buffer_width, buffer_height; /* pixels */
	int32_t offset_x, offset_y;       /* all offsets so far */
	struct relay_ref viewport_object; /* its wp_viewport */
	struct surface_viewport viewport; /* for its guest's next commit */
	struct surface_state committed;   /* of the last one: see pending_state.h */
	int64_t width, height;            /* surface coordinates; 0: it shows nothing */
	bool image;                       /* of a cursor or a drag */
	struct rectangle
		geometry; /* of the window; empty: not set, and all of the surface counts */
	int32_t configured_width, configured_height; /* what the compositor wants; 0: nothing */
	struct rectangle bounds; /* of the tree, at the last commit of its root */
	bool tree_changed;       /* of a root: since then */
	bool tree_resized;       /* of a root: while it is looked at */
	bool below_changed;      /* what is below it, since its last commit */
};

/* relay_object.data of what extends a surface: wl_subsurface, for example. */
struct surface_link {
	struct policy_surface *surface; /* NULL once it is gone */
	struct wl_list link;            /* policy_surface::links */
};

/* What @object, a new wl_surface, becomes. RELAY_FORWARD or RELAY_FAILED. */
enum relay_verdict surface_create(struct relay *relay, struct relay_object *object);

/* The surface that @object, a wl_surface that is not destroyed, is. */
static inline struct policy_surface *surface_at(const struct relay_object *object)
{
	return object->data;
}

/* Makes @object, a new one, an extension of @surface. False: no memory, and the relay has failed.
 */
bool surface_extend(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object);

/*
 * @surface is a window now, by @object, an extension of it, for as long as both live. False: no
 * memory, and the relay has failed.
 */
bool surface_become_window(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object);

/* The surface that @object (a wl_surface's extension) belongs to; NULL: it is gone. */
struct policy_surface *surface_of(const struct relay_object *object);

/*
 * Puts @surface below @parent. -EINVAL: it is below another one or would be below itself; -EDQUOT:
 * too deep.
 */
int surface_join(struct policy_surface *surface, struct policy_surface *parent);
void surface_leave(struct policy_surface *surface);

/* @sum becomes the smallest rectangle around it and all that is shown below @parent, at @x, @y. */
void surface_add_below(
	const struct policy_surface *parent, int64_t x, int64_t y, struct rectangle *sum);

#endif
