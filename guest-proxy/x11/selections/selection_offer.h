/* Selections that Wayland clients offer: we own the same ones in X. */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_OFFER_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_OFFER_H

#include "guest-proxy/x11/selections/selection_state.h"

extern const struct relay_hook selection_offer_hooks[];

/* Has X name the types of @selection's offer, and owns it when X has. */
void selection_offer_intern(struct selection *selection);
/* NULL is fine. */
void selection_offer_free(struct offer *offer);

/* What is dragged over X windows: an offer, whose data it takes; NULL: nothing (any more). */
void selection_set_drag(struct session *session, struct relay_object *offer);
/* Its types as X has them, and how many; 0: not known yet. */
size_t selection_drag_types(const struct session *session, const xcb_atom_t **types);
/* The first of them as Wayland has it; NULL: none. */
const char *selection_drag_type(const struct session *session);
/* What its source can do with it, as of wl_data_device_manager; 0: nothing, or it did not say. */
uint32_t selection_drag_actions(const struct session *session);

#endif
