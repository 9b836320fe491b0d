/*
 * One guest client's connection to the host compositor: the relay under the policy, between a
 * cross-domain context (DOWN) and the compositor's socket (UP).
 */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_COMPOSITOR_H
#define HOST_BRIDGE_CROSS_DOMAIN_COMPOSITOR_H

#include "protocol/relay/relay.h"
#include <wayland-server-core.h>

struct policy;
struct compositor;

struct compositor_listener {
	/*
	 * Whole Wayland messages for the guest. Handles: WIRE_FD (a file whose contents the guest
	 * shall get: a keymap, a table) and WIRE_WRITE_PIPE (a pipe the guest shall write to).
	 * Takes the handles, also on error. 0 or -errno (the connection then ends).
	 */
	int (*to_guest)(void *data, const uint8_t *bytes, size_t size, struct wire_handle *handles,
		size_t n_handles);
	/*
	 * Whether the guest's queue has room; while false the compositor is not read (see
	 * compositor_resume).
	 */
	bool (*has_room)(void *data);
	/*
	 * The connection is over: the compositor hung up, or the guest misbehaved and was told so
	 * (to_guest got the wl_display.error). Nothing more comes. The owner destroys the
	 * compositor when it has no more use for it.
	 */
	void (*closed)(void *data);
	/*
	 * What waited for the compositor went out: compositor_congested() is false again, or
	 * compositor_continue is to be called.
	 */
	void (*drained)(void *data);
};

/*
 * Connects to the Wayland socket of @policy, which the connection goes by for all its life. @name
 * names the context in log lines ("context 3"). NULL, with a log line, when nobody listens there.
 * A compositor that is too busy to accept is tried again until it does or is gone, while nothing is
 * read or sent. @turn_ends_ns (borrowed; NULL: no bound) is when work for the guest's requests is
 * to end in this turn of the event loop.
 */
struct compositor *compositor_connect(struct wl_event_loop *loop, const struct policy *policy,
	const uint64_t *turn_ends_ns, const char *name, const struct compositor_listener *listener,
	void *data);
/* Closes the socket at once, after one attempt to send what is queued. NULL is fine. */
void compositor_destroy(struct compositor *compositor);

/*
 * Bytes of a guest, boundaries arbitrary. Handles: WIRE_BLOB (struct resource) and WIRE_FD (the
 * writing end of a pipe that the compositor's client will write to; also any fd for messages that
 * carry one). Takes the handles, also on error. Returns 0, or -errno: the guest misbehaved,
 * closed() follows from the event loop.
 */
int compositor_from_guest(struct compositor *compositor, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles);

/* Sends what is queued for the compositor; call it after a batch of compositor_from_guest. */
void compositor_flush(struct compositor *compositor);

/*
 * True while so many bytes wait for the compositor, or a request takes so long, that the guest
 * should be held back until drained().
 */
bool compositor_congested(const struct compositor *compositor);

/* Whether a request takes longer than this turn: compositor_continue in a later one. */
bool compositor_holds(const struct compositor *compositor);
void compositor_continue(struct compositor *compositor);

/*
 * Layouts other than rows, DRM's modifiers, in which the compositor takes @format, as far as it has
 * told: at most POLICY_LAYOUTS of them in @out. How many.
 */
uint32_t compositor_layouts(const struct compositor *compositor, uint32_t format, uint64_t *out);

/* The guest's queue has room again. */
void compositor_resume(struct compositor *compositor);

#endif
