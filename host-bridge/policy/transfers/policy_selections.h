/*
 * Policy: selections, those of clipboards and primary ones: the host's, as the compositor offers
 * it, and the machine's own where that stays with the machine.
 */
#ifndef HOST_BRIDGE_POLICY_TRANSFERS_POLICY_SELECTIONS_H
#define HOST_BRIDGE_POLICY_TRANSFERS_POLICY_SELECTIONS_H

#include "host-bridge/policy/transfers/policy_sources.h"

/*
 * *device.set_selection(@object): it becomes the machine's selection, of which the compositor does
 * not hear. NULL: there is none any more.
 */
void selection_keep(struct relay *relay, struct relay_object *object, enum transfer_kind kind);

/* *source.send(type, fd) and *source.cancelled() of a source of ours, see selections_copy. */
void selection_proxy_send(struct relay_message *message);
void selection_proxy_end(struct relay *relay, struct relay_object *object);

/*
 * The user presses the chord for copying in a window of @relay's client, an event with @serial:
 * what is the machine's selection becomes the desktop's, where that takes a chord.
 */
void selections_copy(struct relay *relay, uint32_t serial);

/* The chord for pasting: the window gets the host's selection, for one transfer. */
void selections_paste(struct relay *relay);

#endif
