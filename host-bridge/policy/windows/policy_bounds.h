/* Where surfaces of guests may draw. */
#ifndef HOST_BRIDGE_POLICY_WINDOWS_POLICY_BOUNDS_H
#define HOST_BRIDGE_POLICY_WINDOWS_POLICY_BOUNDS_H

#include "host-bridge/policy/surfaces/policy_surface.h"

/*
 * For wl_surface.commit, before it is forwarded: what the surface, or one below it, would draw
 * outside of its bounds is taken off or moved. False: the relay has failed; as below.
 */
bool bounds_commit(struct relay *relay, struct policy_surface *surface);

/*
 * After bounds_commit: the compositor is asked for the release callbacks of what it will show;
 * those of a buffer that was taken off have been answered. False: the relay has failed.
 */
bool bounds_settle_releases(struct relay *relay, struct policy_surface *surface);

/* The state of @surface, a subsurface, is about to take effect without its parent's commit. */
bool bounds_desync(struct relay *relay, struct policy_surface *surface);

/*
 * @surface, a subsurface or not, belongs to its window no more: for its destructor, or that of its
 * wl_subsurface, before it is forwarded. False: the relay has failed.
 */
bool bounds_leave(struct relay *relay, struct policy_surface *surface);

/* @surface becomes the image of a cursor or of a drag. False: it is too large for that. */
bool bounds_image(struct policy_surface *surface);

/* The point of a cursor's image that the pointer is at, next to what the guest wants. */
int32_t bounds_hotspot(int32_t coordinate);

/* What a surface may be shifted by (wl_surface.attach and offset), next to what the guest wants. */
void bounds_offset(struct policy_surface *surface, int32_t *x, int32_t *y);

/* @surface, a subsurface, moves to *@x, *@y in its parent, or as near as it may. */
void bounds_move(struct policy_surface *surface, int32_t *x, int32_t *y);

#endif
