/*
 * What a guest has told of a surface since it committed it. The buffer of that commit is not
 * there before it (policy_surface_hooks.c), so a commit of wayferry-host's own, of a subsurface or
 * a popup, must not have its scale, transform or viewport: with the buffer before they can be a
 * protocol error, which ends the application, though its own commit was none.
 */
#ifndef HOST_BRIDGE_POLICY_PENDING_STATE_H
#define HOST_BRIDGE_POLICY_PENDING_STATE_H

#include "host-bridge/policy/surfaces/policy_surface.h"

/* The guest commits @surface: wl_surface.commit, once it is to be sent. */
void pending_state_committed(struct policy_surface *surface);

/*
 * Commits @surface as its guest has committed it last; what it has told since is for its next
 * commit still. False: the relay has failed.
 */
bool pending_state_commit_without(struct relay *relay, struct policy_surface *surface);

#endif
