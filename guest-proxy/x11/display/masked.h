/*
 * The content of a surface whose X window has a shape: what Xwayland draws outside of it is stale,
 * and without alpha, so the window is shown by copies in which it is transparent. A surface
 * without a mask is not copied.
 *
 * Only buffers in shared memory can be: others (a GPU's) are shown as they are.
 */
#ifndef GUEST_PROXY_X11_DISPLAY_MASKED_H
#define GUEST_PROXY_X11_DISPLAY_MASKED_H

#include "guest-proxy/x11/base/session.h"
#include "guest-proxy/x11/display/mask.h"

#define MASKED_COPIES 4 /* of a surface, that the compositor may have at a time */

struct rows {
	int32_t top, bottom; /* none where top >= bottom */
};

/* Of one surface; masked_init. */
struct masked {
	struct session *session;
	struct relay_object *surface; /* the wl_surface */
	const struct mask *mask;      /* borrowed; NULL: it is shown as it is */
	struct relay_ref current;     /* the buffer that Xwayland attached last */
	bool held;                    /* the compositor does not know of it: we release it */
	bool copying;                 /* what the compositor shows is a copy, or will be */
	bool fresh;                   /* the next commit shows something new */
	bool waits;                   /* a commit is kept back until a copy is free */
	struct rows damage;           /* since the last copy, in the buffer */
	int32_t x, y;                 /* how far what is attached next moves the surface */
	struct wl_list copies;        /* copy::link */
	size_t n_copies;
};

extern const struct relay_hook masked_hooks[];

void masked_init(struct masked *masked, struct session *session, struct relay_object *surface);
/* The surface goes, or stops being a window. */
void masked_finish(struct masked *masked);

/*
 * True: @buffer (NULL: none) will be copied, and is not to be attached; @x and @y, which are
 * wl_surface.attach's, are the copy's.
 */
bool masked_attach(struct masked *masked, struct relay_object *buffer, int32_t x, int32_t y);
/* Xwayland drew in so many rows. */
void masked_damage(struct masked *masked, int32_t top, int32_t height);
/* Before a commit. False: keep it back, it will be done when the compositor has released a copy. */
bool masked_commit(struct masked *masked);

/* Another mask, or NULL. True: what is shown changes, and a commit has to follow. */
bool masked_set(struct masked *masked, const struct mask *mask);

#endif
